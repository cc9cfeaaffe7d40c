package vswitch

import (
	"iter"
	"slices"
)

// tree is an immutable map by UUID: with and without return a new tree that shares all but the path
// to the changed entry, so that a change costs the same whatever the number of rows. Each level
// branches by four bits of the key. Few entries are kept in one sorted list instead.
type tree[V comparable] struct{ root *node[V] }

// node is a list of at most maxLeaf entries, sorted by key, or a branch.
type node[V comparable] struct {
	entries []entry[V]
	kids    *[16]*node[V] // nil if it is a list
}

type entry[V comparable] struct {
	key   UUID
	value V
}

// maxLeaf is the longest list, enough for the tables of most hosts. A change copies the list.
const maxLeaf = 16

// nibble is the branch that key takes at a level, which is 0..31.
func nibble(key UUID, level int) byte {
	b := key[level/2]
	if level%2 == 0 {
		return b >> 4
	}
	return b & 15
}

// place returns the index of key in the list, or the index where it belongs.
func (n *node[V]) place(key UUID) (at int, found bool) {
	return slices.BinarySearchFunc(n.entries, key,
		func(e entry[V], key UUID) int { return e.key.Compare(key) })
}

func (t tree[V]) get(key UUID) (value V, found bool) {
	n := t.root
	for level := 0; n != nil && n.kids != nil; level++ {
		n = n.kids[nibble(key, level)]
	}

	if n == nil {
		return value, false
	}

	at, found := n.place(key)
	if found {
		value = n.entries[at].value
	}

	return value, found
}

func (t tree[V]) with(key UUID, value V) tree[V] {
	return tree[V]{t.root.with(entry[V]{key, value}, 0)}
}

func (n *node[V]) with(e entry[V], level int) *node[V] {
	switch {
	case n == nil:
		return &node[V]{entries: []entry[V]{e}}
	case n.kids != nil:
		kids := *n.kids
		i := nibble(e.key, level)
		kids[i] = kids[i].with(e, level+1)
		return &node[V]{kids: &kids}
	}

	at, found := n.place(e.key)
	rest := n.entries[at:]
	if found {
		rest = rest[1:]
	}

	entries := make([]entry[V], 0, at+1+len(rest))
	entries = append(append(append(entries, n.entries[:at]...), e), rest...)
	return build(entries, level)
}

// build makes a node of sorted entries.
func build[V comparable](entries []entry[V], level int) *node[V] {
	if len(entries) <= maxLeaf {
		return &node[V]{entries: entries}
	}

	var kids [16]*node[V]
	for len(entries) > 0 {
		i := nibble(entries[0].key, level)
		n := 1
		for n < len(entries) && nibble(entries[n].key, level) == i {
			n++
		}

		kids[i] = build(slices.Clone(entries[:n]), level+1)
		entries = entries[n:]
	}

	return &node[V]{kids: &kids}
}

func (t tree[V]) without(key UUID) tree[V] { return tree[V]{t.root.without(key, 0)} }

func (n *node[V]) without(key UUID, level int) *node[V] {
	if n == nil {
		return nil
	}
	if n.kids == nil {
		at, found := n.place(key)
		switch {
		case !found:
			return n
		case len(n.entries) == 1:
			return nil
		}

		return &node[V]{entries: slices.Concat(n.entries[:at], n.entries[at+1:])}
	}

	i := nibble(key, level)
	kid := n.kids[i].without(key, level+1)
	if kid == n.kids[i] {
		return n
	}

	kids := *n.kids
	kids[i] = kid

	// A small branch becomes a list again, but only once it is half empty, so that it does not
	// change back at the next insertion.
	size := 0
	for _, k := range kids {
		switch {
		case k == nil:
		case k.kids != nil:
			size = maxLeaf
		default:
			size += len(k.entries)
		}
	}

	branch := &node[V]{kids: &kids}
	if size > maxLeaf/2 {
		return branch
	}

	return &node[V]{entries: branch.list()}
}

// all yields the entries in the order of their keys.
func (t tree[V]) all() iter.Seq2[UUID, V] {
	return func(yield func(UUID, V) bool) { t.root.all(yield) }
}

func (n *node[V]) all(yield func(UUID, V) bool) bool {
	if n == nil {
		return true
	}

	for i := range n.entries {
		if !yield(n.entries[i].key, n.entries[i].value) {
			return false
		}
	}

	if n.kids != nil {
		for _, kid := range n.kids {
			if !kid.all(yield) {
				return false
			}
		}
	}

	return true
}

// list returns the entries below n, sorted by key.
func (n *node[V]) list() []entry[V] {
	switch {
	case n == nil:
		return nil
	case n.kids == nil:
		return n.entries
	}

	var list []entry[V]
	for _, kid := range n.kids {
		list = append(list, kid.list()...)
	}

	return list
}

// differences yields the entries whose values are not the same in old and now, and visits only what
// the two do not share. A nil entry means that the key is not there.
func differences[V comparable](old, now *node[V], yield func(old, now *entry[V])) {
	if old == now {
		return
	}
	if old != nil && now != nil && old.kids != nil && now.kids != nil {
		for i := range old.kids {
			differences(old.kids[i], now.kids[i], yield)
		}
		return
	}

	a, b := old.list(), now.list()
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].key.Compare(b[0].key) < 0:
			yield(&a[0], nil)
			a = a[1:]
		case len(a) == 0 || a[0].key != b[0].key:
			yield(nil, &b[0])
			b = b[1:]
		default:
			if a[0].value != b[0].value {
				yield(&a[0], &b[0])
			}
			a, b = a[1:], b[1:]
		}
	}
}
