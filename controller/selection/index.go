package selection

import (
	"bytes"
	"cmp"
	"iter"
	"maps"
	"slices"

	"github.com/tapline-sdn/tapline/controller/selector"
	"github.com/tapline-sdn/tapline/controller/sets"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Guest is what selectors compare of a guest.
type Guest struct {
	ID string
	selector.Guest
	NICs []NIC // those that are plugged
}

// NIC is what selectors compare of a NIC.
type NIC struct {
	MAC tap.MAC
	selector.NIC
}

// Member is a NIC that a tap flow's selector matches.
type Member struct {
	Flow  string // id of the tap flow
	Guest string // id
	MAC   tap.MAC
}

// Change is a member that came or left.
type Change struct {
	Member
	Left bool
}

// Index knows the members of all tap flows with a selector.
type Index struct {
	guests map[string]*Guest
	flows  map[string]*flow
	// byGuest are the members by the id of their guest.
	byGuest sets.Multimap[string, Member]
	anchors anchors
}

// flow is a tap flow with a selector.
type flow struct {
	selector selector.Selector
	excluded sets.Set // ids of guests that are never members
	members  map[Member]struct{}
}

// New returns an index without guests and tap flows.
func New() *Index {
	return &Index{
		guests: map[string]*Guest{}, flows: map[string]*flow{},
		byGuest: sets.Multimap[string, Member]{}, anchors: newAnchors(),
	}
}

// PutFlow adds a tap flow, or replaces its selector and the guests that are never its members. It
// returns how its members change, sorted.
func (x *Index) PutFlow(id string, s selector.Selector, excluded sets.Set) []Change {
	f := x.flows[id]
	switch {
	case f == nil:
		f = &flow{members: map[Member]struct{}{}}
		x.flows[id] = f
	case f.selector.String() == s.String() && maps.Equal(f.excluded, excluded):
		return nil
	default:
		x.anchors.remove(f.selector, id)
	}

	f.selector, f.excluded = s, excluded
	x.anchors.add(s, id)

	now := map[Member]struct{}{}
	for _, g := range x.guests {
		f.collect(id, g, now)
	}
	return x.replace(maps.Clone(f.members), now)
}

// RemoveFlow removes a tap flow, and returns the members that it had, sorted.
func (x *Index) RemoveFlow(id string) []Change {
	f := x.flows[id]
	if f == nil {
		return nil
	}

	x.anchors.remove(f.selector, id)
	changes := x.replace(maps.Clone(f.members), nil)
	delete(x.flows, id)
	return changes
}

// PutGuest adds a guest, or replaces what is known of it. It returns how members change, sorted.
// The guest must not be changed any more.
func (x *Index) PutGuest(g *Guest) []Change {
	x.guests[g.ID] = g

	now := map[Member]struct{}{}
	for id := range x.anchors.candidates(g) {
		x.flows[id].collect(id, g, now)
	}
	return x.replace(maps.Clone(x.byGuest[g.ID]), now)
}

// RemoveGuest removes a guest, and returns the members that it was, sorted.
func (x *Index) RemoveGuest(id string) []Change {
	delete(x.guests, id)
	return x.replace(maps.Clone(x.byGuest[id]), nil)
}

// Guest returns what is known of a guest; nil if nothing is.
func (x *Index) Guest(id string) *Guest { return x.guests[id] }

// Flows are the ids of all tap flows with a selector.
func (x *Index) Flows() iter.Seq[string] { return maps.Keys(x.flows) }

// Has reports whether a tap flow is in the index.
func (x *Index) Has(flow string) bool { return x.flows[flow] != nil }

// Empty reports whether no tap flow is in the index.
func (x *Index) Empty() bool { return len(x.flows) == 0 }

// Members returns the members of a tap flow, sorted.
func (x *Index) Members(flow string) []Member {
	f := x.flows[flow]
	if f == nil {
		return nil
	}
	return slices.SortedFunc(maps.Keys(f.members), compare)
}

// collect adds the NICs of a guest that a tap flow selects.
func (f *flow) collect(id string, g *Guest, to map[Member]struct{}) {
	if _, never := f.excluded[g.ID]; never {
		return
	}
	for i := range g.NICs {
		if f.selector.Matches(&g.Guest, &g.NICs[i].NIC) {
			to[Member{id, g.ID, g.NICs[i].MAC}] = struct{}{}
		}
	}
}

// replace takes members from before to now.
func (x *Index) replace(before, now map[Member]struct{}) (changes []Change) {
	for m := range before {
		if _, stays := now[m]; !stays {
			delete(x.flows[m.Flow].members, m)
			x.byGuest.Remove(m.Guest, m)
			changes = append(changes, Change{m, true})
		}
	}
	for m := range now {
		if _, stood := before[m]; !stood {
			x.flows[m.Flow].members[m] = struct{}{}
			x.byGuest.Add(m.Guest, m)
			changes = append(changes, Change{m, false})
		}
	}

	slices.SortFunc(changes, func(a, b Change) int { return compare(a.Member, b.Member) })
	return changes
}

func compare(a, b Member) int {
	return cmp.Or(cmp.Compare(a.Flow, b.Flow), cmp.Compare(a.Guest, b.Guest),
		bytes.Compare(a.MAC[:], b.MAC[:]))
}
