// Package sets has sets of ids, and maps that hold several values under a key.
package sets

// set is a set of ids.
type Set map[string]struct{}

func (s Set) Add(id string) { s[id] = struct{}{} }

// multimap holds several values under a key.
type Multimap[K, V comparable] map[K]map[V]struct{}

func (m Multimap[K, V]) Add(k K, v V) {
	if m[k] == nil {
		m[k] = map[V]struct{}{}
	}
	m[k][v] = struct{}{}
}

func (m Multimap[K, V]) Remove(k K, v V) {
	delete(m[k], v)
	if len(m[k]) == 0 {
		delete(m, k)
	}
}
