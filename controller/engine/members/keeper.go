package members

import (
	"maps"
	"slices"

	"github.com/tapline-sdn/tapline/controller/engine/fleet"
	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/inventory"
	"github.com/tapline-sdn/tapline/controller/selection"
	"github.com/tapline-sdn/tapline/controller/selector"
	"github.com/tapline-sdn/tapline/controller/sets"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Keeper keeps the members of tap flows with a selector.
type Keeper struct {
	intent *intent.Intent
	places *inventory.Places
	fleet  *fleet.Fleet
	index  *selection.Index
	wires  map[string]hostWires // by the id of the host
}

// Changes are members that came, and those that left and are still in the intent.
type Changes struct {
	Came, Left []*intent.Member
	// Flows are the ids of tap flows with a selector of which members came or left, or would have
	// if they ran.
	Flows sets.Set
}

// New returns a keeper of the tap flows that an intent has, in which no guest is.
func New(in *intent.Intent, hosts *fleet.Fleet) *Keeper {
	k := &Keeper{intent: in, places: hosts.Places, fleet: hosts, index: selection.New(),
		wires: map[string]hostWires{}}
	for id := range in.Flows.ByID {
		k.Flow(id)
	}
	return k
}

// Idle reports whether no tap flow has a selector, so that guests need not be told.
func (k *Keeper) Idle() bool { return k.index.Empty() }

// Follows reports whether a tap flow has a selector whose members are kept.
func (k *Keeper) Follows(flow string) bool { return k.index.Has(flow) }

// Flow takes in that a tap flow was created, changed or deleted, or that it starts or ends to run.
func (k *Keeper) Flow(id string) Changes {
	f := k.intent.Flows.ByID[id]
	if f == nil || f.Deleting || f.Type != tap.FlowSelector {
		if k.index.Has(id) {
			k.index.RemoveFlow(id)
			delete(k.intent.Selected, id)
		}
		if k.index.Empty() {
			k.index, k.wires = selection.New(), map[string]hostWires{} // Nobody asks any more.
		}
		return k.reconcile(id)
	}

	if k.index.Empty() {
		k.learn()
	}
	wanted, err := selector.Parse(f.Selector)
	if err != nil {
		return Changes{} // A newer version has stored it. What it has selected stays.
	}
	k.index.PutFlow(id, wanted, k.collectors(f.TapID))
	return k.reconcile(id)
}

// learn tells the index of all guests.
func (k *Keeper) learn() {
	for id := range k.fleet.Running {
		k.wires[id] = k.wiresOf(id)
	}

	ids := k.places.SeenGuests()
	for id := range k.intent.Guests.ByID {
		ids.Add(id)
	}
	for id := range ids {
		if g := k.guest(id); g != nil {
			k.index.PutGuest(g)
		}
	}
}

// collectors are the ids of the guests to which a service delivers: they are never its sources.
func (k *Keeper) collectors(service string) sets.Set {
	found := sets.Set{}
	s := k.intent.Services.ByID[service]
	if s == nil {
		return found
	}

	if s.Type == tap.ServiceGuest {
		found.Add(s.TargetID)
	}
	for _, member := range s.Members {
		maps.Copy(found, k.collectors(member))
	}
	return found
}

// reconcile takes over into the intent who is a member of a tap flow.
func (k *Keeper) reconcile(id string) Changes {
	changes := Changes{Flows: sets.Set{id: {}}}
	selected := k.index.Members(id)
	if k.index.Has(id) {
		k.intent.Selected[id] = len(selected)
	}

	wanted := map[string]*intent.Member{}
	if k.intent.Enabled(intent.FlowRef(id)) {
		for _, m := range selected {
			member := intent.NewMember(m.Flow, m.Guest, m.MAC)
			wanted[member.ID] = member
		}
	}

	for _, member := range slices.Sorted(maps.Keys(k.intent.MembersOf[id])) {
		if wanted[member] == nil {
			changes.Left = append(changes.Left, k.intent.Members[member])
		}
	}
	for _, member := range slices.Sorted(maps.Keys(wanted)) {
		if k.intent.Members[member] == nil {
			changes.Came = append(changes.Came, wanted[member])
		}
	}
	return changes
}

// Guest takes in that a guest has come, changed or gone.
func (k *Keeper) Guest(id string) Changes {
	var found []selection.Change
	if g := k.guest(id); g != nil {
		found = k.index.PutGuest(g)
	} else {
		found = k.index.RemoveGuest(id)
	}

	changes := Changes{Flows: sets.Set{}}
	for _, c := range found {
		member := intent.NewMember(c.Flow, c.Guest, c.MAC)
		changes.Flows.Add(c.Flow)
		if c.Left {
			k.intent.Selected[c.Flow]--
			if stands := k.intent.Members[member.ID]; stands != nil {
				changes.Left = append(changes.Left, stands)
			}
			continue
		}

		k.intent.Selected[c.Flow]++
		if k.intent.Enabled(intent.FlowRef(c.Flow)) && k.intent.Members[member.ID] == nil {
			changes.Came = append(changes.Came, member)
		}
	}
	return changes
}

// Host takes in that a host has changed. It calls guest with the ids of the guests there, if what
// selectors compare of them may be another.
func (k *Keeper) Host(id string, guest func(id string)) {
	before, now := k.wires[id], k.wiresOf(id)
	if before.equal(now) {
		return
	}
	k.wires[id] = now

	h := k.fleet.Running[id]
	if h == nil {
		delete(k.wires, id)
		return
	}
	for _, p := range h.Observed.Ports {
		k.places.Concerned(*p, guest, func(string) {})
	}
}

// Members returns the NICs that the selector of a tap flow matches now, sorted.
func (k *Keeper) Members(flow string) []selection.Member { return k.index.Members(flow) }
