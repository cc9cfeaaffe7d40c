package present

import (
	"cmp"
	"maps"
	"slices"

	"github.com/tapline-sdn/tapline/controller/engine/explain"
	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Member returns the view of a NIC that a tap flow's selector matches. It is disabled while the tap
// flow does not run.
func (p *Presenter) Member(m *intent.Member) view.Member {
	v := view.Member{GuestID: m.Guest, Guest: p.GuestName(m.Guest), MAC: m.MAC,
		Health: view.Disabled()}
	if p.intent.Members[m.ID] != nil {
		v.Health = p.standing.Health(intent.FlowRef(m.ID))
	}

	guest, _ := p.places.Guest(m.Guest, p.intent.Guests.ByID[m.Guest])
	for i := range guest.NICs {
		if guest.NICs[i].MAC != m.MAC {
			continue
		}
		for _, at := range guest.NICs[i].Locations {
			v.HostID, v.Host = at.Host, p.intent.HostName(at.Host)
			v.Bridge, v.Port = at.Bridge, at.Port
		}
	}
	return v
}

// explained is how many members of a tap flow an explanation has.
const explained = 8

// addMembers adds members of a tap flow to a scene, those that are not ready first, and what they
// need.
func (p *Presenter) addMembers(scene *explain.Scene, flow string) {
	ids := slices.SortedFunc(maps.Keys(p.intent.MembersOf[flow]), func(a, b string) int {
		rank := func(id string) int {
			switch p.standing.Health(intent.FlowRef(id)).State {
			case tap.StateError:
				return 0
			case tap.StateReady:
				return 2
			}
			return 1
		}
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b))
	})

	needs := slices.Clone(scene.Verdict.Status.Needs)
	for _, id := range ids[:min(len(ids), explained)] {
		m := p.intent.Members[id]
		guest, _ := p.places.Guest(m.Guest, p.intent.Guests.ByID[m.Guest])
		at := slices.IndexFunc(guest.NICs, func(n tap.NIC) bool {
			return n.MAC == m.MAC && len(n.Locations) > 0
		})
		if at < 0 {
			continue
		}

		scene.Members = append(scene.Members, p.Member(m))
		scene.Sources = append(scene.Sources, guest.NICs[at].Locations[0])
		for _, need := range p.standing.Needs(intent.FlowRef(id)) {
			if !slices.Contains(needs, need) {
				needs = append(needs, need)
			}
		}
	}

	scene.Verdict.Status.Needs = needs
	for _, need := range needs {
		health, busy := p.standing.Met(need)
		scene.Needs[need] = explain.NeedState{Health: health, Busy: busy}
		p.addHost(scene, need.Host)
	}
}

// memberNames are the NICs that the selector of a tap flow matches while it runs, as GUEST MAC,
// sorted; nil if it has none.
func (p *Presenter) memberNames(flow string) (names []string) {
	for id := range p.intent.MembersOf[flow] {
		m := p.intent.Members[id]
		names = append(names, p.GuestName(m.Guest)+" "+m.MAC.String())
	}
	slices.Sort(names)
	return names
}
