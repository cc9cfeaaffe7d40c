package mirror_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tapline-sdn/tapline/plugin/mirror"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// TestChangeReaches names the changes that have an effect far from the object that changed. The
// planner, told the scene and then the change, must end where the computation of the changed scene
// ends.
func TestChangeReaches(t *testing.T) {
	other := func(s *scene) {
		s.guestTap("t2", on("a", "brtap", "tapt2"))
		s.vnic("f1", "t1", "g1", 1, tap.Both)
	}
	for _, test := range []struct {
		name   string
		scene  func(*scene)
		change tap.Change
		edit   func(*scene) // the same as change, on the scene
	}{
		{
			name:   "a deleted flow: the destination's host forgets the sender",
			scene:  other,
			change: tap.Change{Gone: tap.Gone{Flows: []string{"f1"}}},
			edit:   func(s *scene) { s.Flows = nil },
		},
		{
			name:  "a flow that goes to another service: the first one's host forgets the sender",
			scene: other,
			change: tap.Change{Flows: []tap.Flow{
				{ID: "f1", Name: "flow-f1", Enabled: true, TapID: "t2", Type: tap.FlowVNIC,
					GuestID: "g1", MAC: nicMAC(1), Direction: tap.Both, Created: epoch}}},
			edit: func(s *scene) { s.Flows[0].TapID = "t2" },
		},
		{
			name: "a host that is registered after a guest was seen there",
			scene: func(s *scene) {
				other(s)
				s.Guests[0].NICs[0].Locations = []tap.Location{on("c", "br0", "vnet1")}
			},
			change: tap.Change{Hosts: []tap.Host{joined("c", tap.TapPort{}, "", "")}},
			edit: func(s *scene) {
				s.Hosts = append(s.Hosts, joined("c", tap.TapPort{}, "", ""))
			},
		},
		{
			name: "a host that is registered after a tap NIC was seen there",
			scene: func(s *scene) {
				other(s)
				s.Attachments[0].Locations = []tap.Location{on("c", "brtap", "tapt1")}
			},
			change: tap.Change{Hosts: []tap.Host{joined("c", tap.TapPort{Name: "tapt1", OFPort: 5},
				"", "")}},
			edit: func(s *scene) {
				s.Hosts = append(s.Hosts, joined("c", tap.TapPort{Name: "tapt1", OFPort: 5}, "",
					""))
			},
		},
		{
			name: "the better of two places of a tap NIC connects",
			scene: func(s *scene) {
				other(s)
				away := joined("c", tap.TapPort{Name: "tapt1", OFPort: 5}, "", "")
				away.Connected = false
				s.Hosts = append(s.Hosts, away)
				s.Attachments[0].Locations = []tap.Location{{Host: "b", Bridge: "brtap",
					Port: "tapt1"}, on("c", "brtap", "tapt1")}
			},
			change: tap.Change{Hosts: []tap.Host{joined("c", tap.TapPort{Name: "tapt1", OFPort: 5},
				"", "")}},
			edit: func(s *scene) { s.at("c").Connected = true },
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := remote(t)
			test.scene(s)
			m, p := newModel(), mirror.New()
			sofar := newTold()
			sofar.take(p.Apply(s.Change))
			test.change.Revision = 2
			sofar.take(p.Apply(test.change))
			test.edit(s)
			for _, h := range s.Hosts {
				m.hosts[h.ID] = h
			}

			for _, o := range s.Services {
				m.services[o.ID] = o
			}

			for _, f := range s.Flows {
				m.flows[f.ID] = f
			}

			sofar.forget(m)
			full := newTold()
			full.take(mirror.Full(mirror.DefaultConfig(), s.Change))
			if diff := cmp.Diff(full.programs, sofar.programs, opaque); diff != "" {
				t.Errorf("programs (-full +incremental):\n%s", diff)
			}
			if diff := cmp.Diff(full.statuses, sofar.statuses); diff != "" {
				t.Errorf("statuses (-full +incremental):\n%s", diff)
			}
		})
	}
}

// TestServiceTakesItsAttachmentAlong: a service that is created again starts without a place, also
// if the last word on its NIC came with the change that deleted it.
func TestServiceTakesItsAttachmentAlong(t *testing.T) {
	s := local(t)
	p := mirror.New()
	p.Apply(s.Change)
	p.Apply(tap.Change{Revision: 2, Attachments: s.Attachments,
		Gone: tap.Gone{Services: []string{"t1"}}})

	r := p.Apply(tap.Change{Revision: 3, Services: s.Services})
	status := find(t, r.Statuses, func(o tap.Status) bool { return o.ID == "t1" })
	if status.State != tap.StatePending {
		t.Errorf("the service is %s %q: want pending, since its NIC was not seen again",
			status.State, status.Reason)
	}
}
