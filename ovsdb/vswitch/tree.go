package vswitch

import "iter"

// tree is an immutable map from UUID: with and without return a new tree that
// shares all but the path to the changed entry, so that a change costs the same
// however many rows there are. Each level branches by four bits of the key; an
// entry stands at the first level where it is alone.
type tree[V any] struct{ root *node[V] }

// node is an entry where kids is nil, else a branch.
type node[V any] struct {
	key   UUID
	value V
	kids  *[16]*node[V]
}

// nibble is the branch that key takes at a level, which is 0..31.
func nibble(key UUID, level int) byte {
	b := key[level/2]
	if level%2 == 0 {
		return b >> 4
	}
	return b & 15
}

func (t tree[V]) get(key UUID) (V, bool) {
	n := t.root
	for level := 0; n != nil; level++ {
		if n.kids == nil {
			if n.key == key {
				return n.value, true
			}
			break
		}
		n = n.kids[nibble(key, level)]
	}
	var zero V
	return zero, false
}

func (t tree[V]) with(key UUID, value V) tree[V] {
	return tree[V]{t.root.with(&node[V]{key: key, value: value}, 0)}
}

func (n *node[V]) with(entry *node[V], level int) *node[V] {
	if n == nil || n.kids == nil && n.key == entry.key {
		return entry
	}
	kids := new([16]*node[V])
	if n.kids != nil {
		*kids = *n.kids
	} else {
		kids[nibble(n.key, level)] = n
	}
	i := nibble(entry.key, level)
	kids[i] = kids[i].with(entry, level+1)
	return &node[V]{kids: kids}
}

func (t tree[V]) without(key UUID) tree[V] { return tree[V]{t.root.without(key, 0)} }

func (n *node[V]) without(key UUID, level int) *node[V] {
	switch {
	case n == nil:
		return nil
	case n.kids == nil:
		if n.key == key {
			return nil
		}
		return n
	}
	i := nibble(key, level)
	kid := n.kids[i].without(key, level+1)
	if kid == n.kids[i] {
		return n
	}
	kids := *n.kids
	kids[i] = kid
	var last *node[V]
	count := 0
	for _, k := range kids {
		if k != nil {
			last = k
			count++
		}
	}
	if count == 0 || count == 1 && last.kids == nil {
		return last // an entry that is alone moves up
	}
	return &node[V]{kids: &kids}
}

// all yields the entries in the order of their keys.
func (t tree[V]) all() iter.Seq2[UUID, V] {
	return func(yield func(UUID, V) bool) { t.root.all(yield) }
}

func (n *node[V]) all(yield func(UUID, V) bool) bool {
	switch {
	case n == nil:
		return true
	case n.kids == nil:
		return yield(n.key, n.value)
	}
	for _, kid := range n.kids {
		if !kid.all(yield) {
			return false
		}
	}
	return true
}

// differences yields each key whose entry is not the same node in old and now,
// and visits only what they do not share. One of the entries may be nil.
func differences[V any](old, now *node[V], yield func(old, now *node[V])) {
	switch {
	case old == now:
	case old != nil && now != nil && old.kids != nil && now.kids != nil:
		for i := range old.kids {
			differences(old.kids[i], now.kids[i], yield)
		}
	default: // one side has at most one entry
		entries := map[UUID][2]*node[V]{}
		old.each(func(n *node[V]) { entries[n.key] = [2]*node[V]{n, nil} })
		now.each(func(n *node[V]) { entries[n.key] = [2]*node[V]{entries[n.key][0], n} })
		for _, e := range entries {
			if e[0] != e[1] {
				yield(e[0], e[1])
			}
		}
	}
}

func (n *node[V]) each(f func(*node[V])) {
	switch {
	case n == nil:
	case n.kids == nil:
		f(n)
	default:
		for _, kid := range n.kids {
			kid.each(f)
		}
	}
}
