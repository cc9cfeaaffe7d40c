package reconcile_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// diffFlows compares as a session does whose tunnel port has a number, or 0.
func diffFlows(have []openflow.FlowStats, d *reconcile.Desired, tunnel openflow.PortNo,
	settled bool) reconcile.Flows {
	number := func(string) openflow.PortNo { return tunnel }
	probes := reconcile.NewProbes(d.Program.Tunnel.Senders, number, nil)
	return reconcile.DiffFlows(have, d, probes, settled, reconcile.Open)
}

// installed is what a switch has that took all of a program.
func installed(d *reconcile.Desired, tunnel openflow.PortNo) []openflow.FlowStats {
	return reconcile.Applied(nil, diffFlows(nil, d, tunnel, false).Mods)
}

func texts(mods []openflow.FlowMod) []string {
	out := []string{}
	for i := range mods {
		out = append(out, mods[i].Command.String()+" "+mods[i].String())
	}
	return out
}

func TestDiffFlows(t *testing.T) {
	const (
		addCapture = "ADD table=0,priority=100,in_port=4097,cookie=0x7461000000000001," +
			"actions=output:7"
		addGuard = "ADD table=1,priority=1,cookie=0x7461000000000001,actions=goto_table:2"
		addProbe = "ADD table=0,priority=65535,in_port=100,tun_id=0x2a,tun_src=192.0.2.1," +
			"eth_type=0x88b5," +
			"cookie=0x7470000000000000,actions=CONTROLLER:128"
	)
	base := desired(t, program())
	all := installed(base, 100)
	foreign := openflow.FlowStats{Table: 2, Priority: 9, Cookie: 0x7461000000000009,
		Match: oxm.Match{oxm.InPort(9)}}

	edited := func(edit func(*openflow.FlowStats)) []openflow.FlowStats {
		out := append([]openflow.FlowStats{}, all...)
		for i := range out {
			if out[i].Cookie == 0x7461000000000001 && out[i].Table == 0 {
				edit(&out[i])
			}
		}
		return out
	}

	for _, tc := range []struct {
		name   string
		have   []openflow.FlowStats
		d      *reconcile.Desired
		tunnel openflow.PortNo
		want   []string
		owners map[string]bool
	}{
		{"everything stands", all, base, 100, []string{}, map[string]bool{}},
		{"fresh switch", nil, base, 100, []string{addGuard, addProbe, addCapture},
			map[string]bool{"bridge": true, "cap1": true}},
		{"tunnel has no number yet", nil, base, 0, []string{addGuard, addCapture},
			map[string]bool{"bridge": true, "cap1": true}},
		{"flow is missing", append([]openflow.FlowStats{},
			installed(desired(t, program(without("cap1"))), 100)...), base, 100,
			[]string{addCapture}, map[string]bool{"cap1": true}},
		{"flow too many", append(append([]openflow.FlowStats{}, all...), foreign), base, 100,
			[]string{"DELETE_STRICT table=2,priority=9,in_port=9,cookie=0x0"},
			map[string]bool{"bridge": true}},
		{"action differs", edited(func(f *openflow.FlowStats) {
			f.Instructions = nil
		}), base, 100, []string{addCapture}, map[string]bool{"cap1": true}},
		{"cookie differs", edited(func(f *openflow.FlowStats) {
			f.Cookie = 0
		}), base, 100, []string{addCapture}, map[string]bool{"cap1": true}},
		{"flow expires", edited(func(f *openflow.FlowStats) {
			f.IdleTimeout = 5
		}), base, 100, []string{addCapture}, map[string]bool{"cap1": true}},
		{"capture leaves", all, desired(t, program(without("cap1"))), 100,
			[]string{"DELETE_STRICT table=0,priority=100,in_port=4097,cookie=0x0"},
			map[string]bool{"bridge": true}},
		{"held owner's flow stays", append(append([]openflow.FlowStats{}, all...), foreign),
			desired(t, program(func(p *tap.Program) {
				p.Held = []tap.Hold{{Owner: "cap9", Cookie: foreign.Cookie}}
			})), 100, []string{}, map[string]bool{}},
		{"held owner's flow that is in the program is kept right",
			edited(func(f *openflow.FlowStats) { f.Instructions = nil }),
			desired(t, program(held("cap1"))), 100, []string{addCapture},
			map[string]bool{"cap1": true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := diffFlows(tc.have, tc.d, tc.tunnel, true)
			assert.Equal(t, tc.want, texts(got.Mods))
			assert.Equal(t, tc.owners, got.Outstanding)
			after := reconcile.Applied(tc.have, got.Mods)
			assert.Empty(t, texts(diffFlows(after, tc.d, tc.tunnel, true).Mods),
				"applying twice is not applying once")
		})
	}
}

// TestToldFlows: what somebody has done to flows is told of the controller's own flow too, but not
// that it goes on.
func TestToldFlows(t *testing.T) {
	d := desired(t, program())
	all := installed(d, 100)
	without := func(cookie, mask openflow.Cookie) []openflow.FlowStats {
		return slices.DeleteFunc(slices.Clone(all),
			func(f openflow.FlowStats) bool { return f.Cookie&mask == cookie })
	}

	edited := func(priority uint16, edit func(*openflow.FlowStats)) []openflow.FlowStats {
		out := slices.Clone(all)
		for i := range out {
			if out[i].Priority == priority && out[i].Table == 0 {
				edit(&out[i])
			}
		}
		return out
	}

	const probe = "flow table=0,priority=65535,in_port=100,tun_id=0x2a,tun_src=192.0.2.1," +
		"eth_type=0x88b5," +
		"cookie=0x7470000000000000,actions=CONTROLLER:128 on brtap: "
	drop := func(f *openflow.FlowStats) {
		f.Instructions = []action.Instruction{action.GotoTable{Table: 3}}
	}

	stray := func(in openflow.PortNo) openflow.FlowStats {
		return openflow.FlowStats{Table: 9, Priority: 7, Match: oxm.Match{oxm.InPort(in)}}
	}

	for _, tc := range []struct {
		name    string
		have    []openflow.FlowStats
		tunnel  openflow.PortNo
		settled bool
		owners  []string
		want    []string
	}{
		{"the probe flow is gone", without(0x7470<<48, 0xffff<<48), 100, true, []string{"tunnel"},
			[]string{probe + "missing"}},
		{"the probe flow does something else", edited(0xffff, drop), 100, true, []string{"tunnel"},
			[]string{probe + "altered"}},
		{"the tunnel port has another number", all, 101, false, nil, nil},
		{"the tunnel port has no number", all, 0, false, nil, nil},
		{"flows that are not ours", append(slices.Clone(all), stray(1), stray(2)), 100, true,
			[]string{"bridge", "bridge"}, []string{
				"flow table=9,priority=7,in_port=1,cookie=0x0,actions=drop on brtap: unwanted",
				"flow table=9,priority=7,in_port=2,cookie=0x0,actions=drop on brtap: unwanted",
			}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var owners, keys []string
			for _, c := range diffFlows(tc.have, d, tc.tunnel, tc.settled).Changes {
				owners, keys = append(owners, c.Owner), append(keys, c.Key())
			}
			assert.Equal(t, tc.owners, owners)
			assert.Equal(t, tc.want, keys)
		})
	}

	assert.Empty(t, texts(diffFlows(all, d, 0, true).Mods),
		"the probe flow stays while the tunnel port has no number")
}

// TestFreshFlows: only of what has no flow yet may come beside the rows that feed it.
func TestFreshFlows(t *testing.T) {
	flow := func(owner string, cookie openflow.Cookie, in openflow.PortNo) tap.FlowEntry {
		return tap.FlowEntry{Owner: owner, Mod: openflow.FlowMod{Cookie: cookie, Priority: 100,
			Match: oxm.Match{oxm.InPort(in)}}}
	}

	with := func(flows ...tap.FlowEntry) *reconcile.Desired {
		return desired(t, program(func(p *tap.Program) { p.Flows = append(p.Flows, flows...) }))
	}

	one, two, guard := flow("cap1", 71, 1), flow("cap1", 71, 2), flow(tap.OwnerBridge, 72, 3)
	for name, tc := range map[string]struct {
		have, want *reconcile.Desired
		fresh      bool
	}{
		"a new owner":                         {with(), with(one, two), true},
		"nothing":                             {with(one), with(one), false},
		"an owner that has some":              {with(one), with(one, two), false},
		"an owner that leaves":                {with(one), with(), false},
		"a new owner, and the bridge's guard": {with(), with(one, guard), false},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, tc.fresh, diffFlows(installed(tc.have, 100), tc.want, 100, true).Fresh)
		})
	}
}
