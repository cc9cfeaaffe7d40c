package mirror_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/plugin/mirror"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// crowd is a host with n services, each fed by one flow from guest g1: n mirrors on br0. Flow f00
// is the earliest.
func crowd(t *testing.T, n int) *scene {
	s := newScene(t)
	s.host("a")
	s.guest("g1", 1, on("a", "br0", "vnet1"))
	for i := range n {
		s.guestTap(many("t", i), on("a", "brtap", many("tap", i)))
		s.vnic(many("f", i), many("t", i), "g1", 1, tap.Both)
	}
	return s
}

// failed lists the flows in state error with their reason.
func failed(r tap.Result) (flows []string, reason string) {
	for _, s := range r.Statuses {
		if s.Kind == tap.KindFlow && s.State == tap.StateError {
			flows, reason = append(flows, s.ID), s.Reason
		}
	}
	return flows, reason
}

func mirrorNames(r tap.Result) (names []string) {
	for _, m := range r.Programs[0].Mirrors {
		names = append(names, m.Name)
	}
	return names
}

// mirrorOf is the name of the mirror of one flow of a crowd.
func mirrorOf(t *testing.T, s *scene, flow string) string {
	t.Helper()
	one := *s
	one.Flows = []tap.Flow{find(t, s.Flows, func(f tap.Flow) bool { return f.ID == flow })}
	names := mirrorNames(mirror.Full(mirror.DefaultConfig(), one.Change))
	require.Len(t, names, 1)
	return names[0]
}

// TestRoom: a bridge takes 32 mirrors, of whomever.
func TestRoom(t *testing.T) {
	noRoom := func(used, foreign int) string {
		return fmt.Sprintf("bridge br0 of host host-a has no room: Open vSwitch takes 32 mirrors "+
			"a bridge, %d are in use and %d of them are not ours", used, foreign)
	}
	for _, test := range []struct {
		name    string
		crowd   int
		adjust  func(*scene)
		left    int
		failed  []string
		because string
	}{
		{name: "32 fit", crowd: 32, left: 32},
		{name: "of 33 the latest does not", crowd: 33, left: 32, failed: []string{"f32"},
			because: noRoom(32, 0)},
		{name: "the latest by creation, not by name", crowd: 33, left: 32, failed: []string{"f05"},
			because: noRoom(32, 0), adjust: func(s *scene) {
				s.Flows[5].Created = epoch.AddDate(1, 0, 0)
			}},
		{name: "foreign mirrors count", crowd: 5, left: 2, failed: []string{"f02", "f03", "f04"},
			because: noRoom(32, 30), adjust: func(s *scene) {
				s.Hosts[0].Bridges[0].OtherMirrors = 30
			}},
		{name: "more foreign mirrors than can work", crowd: 1, left: 0, failed: []string{"f00"},
			because: noRoom(40, 40), adjust: func(s *scene) {
				s.Hosts[0].Bridges[0].OtherMirrors = 40
			}},
		{name: "those that stand keep their place", crowd: 33, left: 32, failed: []string{"f31"},
			because: noRoom(32, 0), adjust: func(s *scene) {
				s.Hosts[0].Bridges[0].OurMirrors = []string{mirrorOf(s.t, s, "f32")}
			}},
		{name: "room on another bridge is room of its own", crowd: 32, left: 33,
			adjust: func(s *scene) {
				bridge("br1", "system")(&s.Hosts[0])
				s.guest("g2", 2, on("a", "br1", "vnet2"))
				s.vnic("f99", "t00", "g2", 2, tap.Both)
			}},
		{name: "a second record of a capture may be the one too many", crowd: 32, left: 32,
			failed: []string{"f99"}, because: noRoom(32, 0), adjust: func(s *scene) {
				s.vswitch("f99", "t00", "a", "net0", 10, tap.Both)
			}},
		{name: "a flow that is disabled takes no room", crowd: 33, left: 32,
			adjust: func(s *scene) { s.Flows[3].Enabled = false }},
		{name: "a flow that shares a record takes no room", crowd: 32, left: 32,
			adjust: func(s *scene) {
				s.guest("g2", 2, on("a", "br0", "vnet2"))
				s.vnic("f99", "t07", "g2", 2, tap.In)
			}},
		{name: "a mirror that stands for a destination not known yet keeps its room", crowd: 33,
			left: 31, failed: []string{"f32"}, because: noRoom(32, 0), adjust: func(s *scene) {
				s.Hosts[0].Bridges[0].OurMirrors = []string{mirrorOf(s.t, s, "f00")}
				s.host("b", unseen)
				s.Attachments = s.Attachments[1:]
			}},
		{name: "what does not stand for a destination not known yet takes no room", crowd: 33,
			left: 32, adjust: func(s *scene) {
				s.host("b", unseen)
				s.Attachments = s.Attachments[1:]
			}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := crowd(t, test.crowd)
			if test.adjust != nil {
				test.adjust(s)
			}

			r := mirror.Full(mirror.DefaultConfig(), s.Change)
			flows, reason := failed(r)
			assert.Equal(t, test.failed, flows)
			assert.Equal(t, test.because, reason)
			assert.Len(t, r.Programs[0].Mirrors, test.left)
			for _, p := range r.Programs[0].Ports {
				if peer, ok := strings.CutPrefix(p.Name, "tlm-"); ok {
					assert.True(t, slices.ContainsFunc(r.Programs[0].Mirrors,
						func(m tap.Mirror) bool { return m.Output == p.Name }),
						"no mirror reserves port %s", peer)
				}
			}
		})
	}
}

// TestFreedRoomIsUsed: when a flow ends, the one that had no room runs, and no other loses its
// place.
func TestFreedRoomIsUsed(t *testing.T) {
	s := crowd(t, 33)
	p := mirror.New()
	before := p.Apply(s.Change)
	standing := mirrorNames(before)
	shown := s.Hosts[0]
	shown.Bridges = []tap.Bridge{shown.Bridges[0]}
	shown.Bridges[0].OurMirrors = standing
	seen := p.Apply(tap.Change{Revision: 2, Hosts: []tap.Host{shown}})
	assert.Empty(t, seen.Programs, "what the switch shows of ours changes nothing")

	after := p.Apply(tap.Change{Revision: 3, Gone: tap.Gone{Flows: []string{"f07"}}})
	require.Len(t, after.Statuses, 1)
	assert.Equal(t, "f32", after.Statuses[0].ID)
	assert.Equal(t, tap.StateProgrammed, after.Statuses[0].State)
	gone := mirrorOf(t, s, "f07")
	for _, name := range standing {
		assert.Equal(t, name != gone, slices.Contains(mirrorNames(after), name), "mirror %s", name)
	}

	assert.Len(t, after.Programs[0].Mirrors, 32)
}
