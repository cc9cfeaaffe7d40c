package vswitch

import (
	"cmp"
	"slices"
	"strings"
)

// ChangeKind tells what happened to a row.
type ChangeKind uint8

// The kinds of changes.
const (
	Inserted ChangeKind = iota + 1
	Modified
	Deleted
)

var changeKindNames = [...]string{"", "inserted", "modified", "deleted"}

// String names the kind.
func (k ChangeKind) String() string { return changeKindNames[k] }

// Change is the change of one row.
type Change struct {
	Table Table
	UUID  UUID
	Kind  ChangeKind
}

// Changes are the rows in which two snapshots differ.
type Changes []Change

// Has reports whether a row of the table changed.
func (c Changes) Has(t Table) bool {
	return slices.ContainsFunc(c, func(ch Change) bool { return ch.Table == t })
}

func (c *Changes) note(t Table, id UUID, inserted, deleted bool) {
	kind := Modified
	switch {
	case inserted && deleted:
		return
	case inserted:
		kind = Inserted
	case deleted:
		kind = Deleted
	}

	*c = append(*c, Change{t, id, kind})
}

// Since returns the changes from old to s, sorted by table and UUID, whatever number of updates
// lies between. It visits only what the two do not share. Rows that were written again with the
// same contents do not count, so it also compares the states before and after a reconnection. Old
// may be nil.
func (s *Snapshot) Since(old *Snapshot) Changes {
	if old == nil {
		old = &Snapshot{}
	}

	var c Changes
	m := s.model
	since(&c, m.systems, old.systems, s.systems)
	since(&c, m.datapaths, old.datapaths, s.datapaths)
	since(&c, m.bridges, old.bridges, s.bridges)
	since(&c, m.ports, old.ports, s.ports)
	since(&c, m.interfaces, old.interfaces, s.interfaces)
	since(&c, m.mirrors, old.mirrors, s.mirrors)
	since(&c, m.controllers, old.controllers, s.controllers)
	since(&c, m.managers, old.managers, s.managers)
	slices.SortFunc(c, func(a, b Change) int {
		return cmp.Or(strings.Compare(string(a.Table), string(b.Table)), a.UUID.Compare(b.UUID))
	})
	return c
}

// SameObjects is a quick test: true means that s has the same bridges, ports, interfaces, mirrors
// and controllers as old, a snapshot of the same switch. False means nothing: a row that was
// written again with the same contents counts as another one.
func (s *Snapshot) SameObjects(old *Snapshot) bool {
	return s == old || old != nil && s.model == old.model &&
		s.bridges == old.bridges && s.ports == old.ports && s.interfaces == old.interfaces &&
		s.mirrors == old.mirrors && s.controllers == old.controllers
}

// OnlyCountersDiffer reports whether s differs from old only in what a switch writes every few
// seconds: the counters of mirrors and the ages of connections. The first counters of a mirror
// count as a difference: they say that the switch has installed it.
func (s *Snapshot) OnlyCountersDiffer(old *Snapshot) bool {
	for _, c := range s.Since(old) {
		if c.Kind != Modified {
			return false
		}

		same := false

		switch c.Table {
		case TableMirror:
			was, _ := old.Mirror(c.UUID)
			now, _ := s.Mirror(c.UUID)
			same = len(was.Statistics) > 0 == (len(now.Statistics) > 0) &&
				different(was, now) == nil

		case TableController:
			was, _ := old.Controller(c.UUID)
			now, _ := s.Controller(c.UUID)
			same = was.IsConnected == now.IsConnected && was.Role == now.Role &&
				sameButTime(was.Status, now.Status) && different(was, now) == nil

		case TableManager:
			was, _ := old.managers.get(c.UUID)
			now, _ := s.managers.get(c.UUID)
			same = was.IsConnected == now.IsConnected && sameButTime(was.Status, now.Status) &&
				different(was, now) == nil
		}

		if !same {
			return false
		}
	}

	return true
}

// sameButTime compares the status of two connections, without the seconds since they were made or
// lost.
func sameButTime(was, now Pairs) bool {
	a, b := was.packed, now.packed
	for a != "" && b != "" {
		var pair, other [2]string // key and value
		pair[0], a = cutText(a)
		pair[1], a = cutText(a)
		other[0], b = cutText(b)
		other[1], b = cutText(b)
		if pair[0] != other[0] || pair[1] != other[1] && !strings.HasPrefix(pair[0], "sec_since_") {
			return false
		}
	}

	return a == b
}

func since[T Row](c *Changes, t *table[T], old, now tree[*T]) {
	differences(old.root, now.root, func(a, b *entry[*T]) {
		switch {
		case a == nil:
			c.note(t.name, b.key, true, false)
		case b == nil:
			c.note(t.name, a.key, false, true)
		case !t.equal(a.value, b.value):
			c.note(t.name, a.key, false, false)
		}
	})
}
