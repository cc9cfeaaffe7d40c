package session

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/plugin/tap"
	"github.com/tapline-sdn/tapline/testenv/dummy"
)

// limited gives the capture a meter of its own rate, samples its packets, and has the tap bridge
// match fragments.
func limited(rate uint32) func(*tap.Program) {
	return func(p *tap.Program) {
		meter := func(owner string, id, rate uint32) tap.MeterEntry {
			return tap.MeterEntry{Owner: owner, Mod: openflow.MeterMod{ID: id,
				Flags: openflow.MeterPktps | openflow.MeterBurst | openflow.MeterCount,
				Bands: []openflow.Band{{Kind: openflow.BandDrop, Rate: rate, BurstSize: rate}}}}
		}
		p.Meters = []tap.MeterEntry{meter(tap.OwnerBridge, 1, 4e9), meter("cap1", 2, rate)}
		p.Groups = []tap.GroupEntry{{Owner: "cap1", Mod: openflow.GroupMod{
			Group: openflow.GroupTypeSelect, ID: 7, Buckets: []openflow.Bucket{
				{Weight: 1, Actions: []action.Action{
					action.Resubmit{InPort: openflow.PortInPort, Table: 8}}},
				{Weight: 3},
			},
		}}}

		p.Bridge.MatchFragments = true
		p.Flows[0].Mod.Instructions = []action.Instruction{action.Meter{ID: 1},
			action.GotoTable{Table: 4}}
		p.Flows[1].Mod.Table = 8
		sample := p.Flows[1]
		sample.Mod.Table = 4
		sample.Mod.Match = oxm.Match{oxm.InPort(4097)}
		sample.Mod.Instructions = []action.Instruction{action.Meter{ID: 2},
			action.ApplyActions{action.Group{ID: 7}}}
		p.Flows = append(p.Flows, sample)
	}
}

// resources is what a switch shows of them.
func resources(t *testing.T, h *dummy.Host) string {
	t.Helper()
	all := ""
	for _, ask := range []string{"dump-meters", "dump-groups", "get-frags"} {
		out, err := h.OFCtl(ask, tapBridge)
		if err != nil {
			return err.Error() // The switch restarts.
		}
		all += out
	}
	return all
}

func hasAll(text string, parts ...string) bool {
	for _, part := range parts {
		if !strings.Contains(text, part) {
			return false
		}
	}
	return true
}

var limitedParts = []string{"meter=1 ", "meter=2 ", "rate=200 ",
	"group_id=7,type=select,bucket=actions=resubmit(,8),bucket=weight:3,actions=drop", "nx-match"}

// TestResources: groups, meters and the fragment mode follow the program, and go with it.
func TestResources(t *testing.T) {
	h := startHost(t)
	k := keep(t, h.OVSDB)
	k.ready(k.use(program(limited(100))))
	assert.Contains(t, resources(t, h), "rate=100 ")

	k.ready(k.use(program(limited(200))))
	assert.True(t, hasAll(resources(t, h), limitedParts...), resources(t, h))
	assert.Contains(t, ofctl(t, h, "dump-flows", tapBridge), "meter:2")

	k.ready(k.use(program()))
	k.await("nothing of it is left", func() bool {
		left := resources(t, h)
		return !strings.Contains(left, "meter=") && !strings.Contains(left, "group_id=7") &&
			!strings.Contains(left, "nx-match")
	})
	_, drifts, _ := k.told()
	assert.Zero(t, drifts)
}

// TestResourcesRepaired: whatever somebody does to them is undone, and so is a restart.
func TestResourcesRepaired(t *testing.T) {
	h := startHost(t)
	k := keep(t, h.OVSDB)
	d := k.use(program(limited(200)))
	k.ready(d)

	for name, spoil := range map[string][]string{
		"a meter is deleted":       {"del-meter", tapBridge, "meter=2"},
		"a meter is altered":       {"mod-meter", tapBridge, "meter=2,pktps,band=type=drop,rate=9"},
		"a group is deleted":       {"del-groups", tapBridge, "group_id=7"},
		"a group is altered":       {"mod-group", tapBridge, "group_id=7,type=all"},
		"a group is added":         {"add-group", tapBridge, "group_id=9,type=all"},
		"a meter is added":         {"add-meter", tapBridge, "meter=9,pktps,band=type=drop,rate=9"},
		"the fragment mode is set": {"set-frags", tapBridge, "drop"},
	} {
		t.Run(name, func(t *testing.T) {
			_, before, _ := k.told()
			ofctl(t, h, spoil...)
			k.await("it is repaired", func() bool {
				now := resources(t, h)
				_, drifts, _ := k.told()
				return drifts > before && hasAll(now, limitedParts...) &&
					!strings.Contains(now, "meter=9") && !strings.Contains(now, "group_id=9")
			})
			k.ready(d)
			assert.Contains(t, ofctl(t, h, "dump-flows", tapBridge), "meter:2")
		})
	}
}

func TestResourcesAfterRestart(t *testing.T) {
	h := startHost(t)
	k := keep(t, h.OVSDB)
	d := k.use(program(limited(200)))
	k.ready(d)
	_, before, _ := k.told()

	restartSwitch(t, k, h)
	k.await("they are back", func() bool { return hasAll(resources(t, h), limitedParts...) })
	k.ready(d)
	_, drifts, _ := k.told()
	assert.Equal(t, before, drifts, "a restart is nobody's doing")
}

// TestRefusedMeter: a switch that refuses a meter has the others' flows all the same.
func TestRefusedMeter(t *testing.T) {
	h := startHost(t)
	k := keep(t, h.OVSDB)
	k.use(program(limited(200), func(p *tap.Program) {
		p.Meters[1].Mod.Bands[0].Rate = 0 // No switch takes that.
		guard := p.Flows[0]
		guard.Owner, guard.Mod.Match = tap.OwnerBridge, oxm.Match{oxm.InPort(77)}
		guard.Mod.Instructions = nil
		p.Flows = append(p.Flows, guard)
	}))

	k.await("the capture is refused", func() bool {
		r := k.last()
		return r.Owners["cap1"].State == Failed &&
			strings.Contains(r.Owners["cap1"].Reason, "meter")
	})
	assert.Contains(t, ofctl(t, h, "dump-flows", tapBridge), "in_port=77")
	k.await("the tunnel is ready", func() bool {
		return k.last().Owners["tunnel"].State == Ready
	})
}
