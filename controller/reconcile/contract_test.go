package reconcile_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// TestContractHolds: what the mirror plugin needs, and what harms nobody, passes.
func TestContractHolds(t *testing.T) {
	for name, adjust := range map[string]func(*tap.Program){
		"plain":        func(*tap.Program) {},
		"plugged NIC":  plugged("tapabc"),
		"physical NIC": nic("eth9"),
		"held":         held("cap9"),
		"no tunnel":    func(p *tap.Program) { without("tunnel")(p); p.Tunnel = tap.Tunnel{} },
		"harmless actions": func(p *tap.Program) {
			p.Flows = append(p.Flows, flow("s1", 3, 5, nil, action.ClearActions{},
				action.WriteActions{action.Output{Port: 3}}, apply(
					action.SetField{Field: oxm.TunnelID(7)}, action.PushVLAN{EtherType: 0x8100},
					action.PopVLAN{},
					action.Clone{Actions: []action.Action{action.Output{Port: 9}}},
					action.Clone{Actions: []action.Action{action.OutputTrunc{Port: 4, MaxLen: 64}}},
					action.Exit{})))
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := reconcile.NewDesired(program(adjust), tapBridge)
			assert.NoError(t, err)
		})
	}
}

// TestContractRefuses: a program that would touch what is not ours, or let copies go where no port
// number says so.
func TestContractRefuses(t *testing.T) {
	port := func(i int, change func(*tap.Port)) func(*tap.Program) {
		return func(p *tap.Program) { change(&p.Ports[i]) }
	}

	extra := func(ports ...tap.Port) func(*tap.Program) {
		return func(p *tap.Program) { p.Ports = append(p.Ports, ports...) }
	}

	mirror := func(change func(*tap.Mirror)) func(*tap.Program) {
		return func(p *tap.Program) { change(&p.Mirrors[0]) }
	}

	added := func(f tap.FlowEntry) func(*tap.Program) {
		return func(p *tap.Program) { p.Flows = append(p.Flows, f) }
	}

	mod := func(change func(*openflow.FlowMod)) func(*tap.Program) {
		f := flow("s1", 3, 5, nil, apply(action.Output{Port: 1}))
		change(&f.Mod)
		return added(f)
	}

	does := func(i ...action.Instruction) func(*tap.Program) {
		return added(flow("s1", 3, 5, nil, i...))
	}

	acts := func(a ...action.Action) func(*tap.Program) { return does(apply(a...)) }
	foreign := func(typ string) tap.Port {
		return tap.Port{Owner: "s1", Bridge: "br0", Name: "x", Type: typ, VLANMode: "trunk",
			Trunks: []uint16{4095}}
	}

	for _, tc := range []struct {
		name   string
		adjust func(*tap.Program)
		want   string // part of the error
	}{
		{"another bridge", func(p *tap.Program) { p.Bridge.Name = "br0" }, `tap bridge is "br0"`},
		{"bridge that floods without us", func(p *tap.Program) {
			p.Bridge.FailMode = "standalone"
		}, "want secure"},
		{"bridge that we cannot speak to",
			func(p *tap.Program) { p.Bridge.Protocols = []string{"OpenFlow10"} },
			"want OpenFlow13"},

		{"port without owner", port(0, func(p *tap.Port) { p.Owner = "" }), "a part is missing"},
		{"port without name", port(0, func(p *tap.Port) { p.Name = "" }), "a part is missing"},
		{"port without bridge", port(0, func(p *tap.Port) { p.Bridge = "" }), "a part is missing"},
		{"name too long", port(0, func(p *tap.Port) { p.Name = "sixteen-letters-" }), "over 15"},
		{"two ports of one name", extra(tap.Port{Owner: "s1", Bridge: tapBridge, Name: "tlm-1"}),
			"has this name"},
		{"the bridge's own port", nic(tapBridge), "tap bridge's own"},
		{"port number out of range", port(0, func(p *tap.Port) {
			p.OFPortRequest = 65280
		}), "want 1 to 65279"},
		{"NIC on a source bridge", extra(foreign("")), "only a patch port"},
		{"internal port on a source bridge", extra(foreign("internal")), "only a patch port"},
		{"patch port to elsewhere", extra(foreign("patch")), "only a patch port"},
		{"patch port between source bridges", extra(
			tap.Port{Owner: "x", Bridge: "br0", Name: "a", Type: "patch",
				Options: map[string]string{"peer": "b"}, VLANMode: "trunk", Trunks: []uint16{4095}},
			tap.Port{Owner: "x", Bridge: "br1", Name: "b", Type: "patch",
				Options: map[string]string{"peer": "a"}, VLANMode: "trunk",
				Trunks: []uint16{4095}}), "only a patch port"},
		{"patch port whose peer is another owner's",
			port(2, func(p *tap.Port) { p.Owner = "other" }), "only a patch port"},
		{"peer that leads elsewhere",
			port(2, func(p *tap.Port) {
				p.Options = map[string]string{"peer": "int-br-ex"}
			}), "only a patch port"},
		{"tap bridge's patch port to a port of others",
			extra(tap.Port{Owner: "x", Bridge: tapBridge, Name: "a", Type: "patch",
				Options: map[string]string{"peer": "int-br-ex"}}),
			"no patch port of the same owner"},
		{"open trunk", port(1, func(p *tap.Port) { p.Trunks = []uint16{4095, 10} }), "trunks=4095"},
		{"access port", port(1, func(p *tap.Port) { p.VLANMode = "access" }), "trunks=4095"},
		{"plugged on a source bridge", func(p *tap.Program) {
			capture("cap2", "2", "br0")(p)
			p.Ports[3].Name, p.Ports[3].Plugged = "vnet7", true
			p.Ports[4].Options = map[string]string{"peer": "vnet7"}
		}, "plugged"},
		{"plugged NIC that is configured", extra(tap.Port{Owner: "s1", Bridge: tapBridge, Name: "x",
			Plugged: true, Type: "patch"}), "plugged"},
		{"internal port on the tap bridge", extra(tap.Port{Owner: "s1", Bridge: tapBridge,
			Name: "x", Type: "internal"}), `type "internal"`},
		{"tunnel to one place",
			port(0, func(p *tap.Port) {
				p.Options = map[string]string{"remote_ip": "203.0.113.1"}
			}), "remote_ip=flow"},
		{"tunnel that is none", func(p *tap.Program) { p.Tunnel.Port = "tlt-1" }, "no tunnel"},
		{"tunnel that is not there", func(p *tap.Program) { p.Tunnel.Port = "x" }, "no tunnel"},

		{"mirror without owner", mirror(func(m *tap.Mirror) { m.Owner = "" }), "no patch port"},
		{"mirror to a port of others", mirror(func(m *tap.Mirror) {
			m.Output = "vnet2"
		}), "no patch port"},
		{"mirror to a port of another bridge", mirror(func(m *tap.Mirror) {
			m.Bridge = "br1"
		}), "no patch port"},
		{"mirror to another owner's port", mirror(func(m *tap.Mirror) {
			m.Owner = "cap2"
		}), "no patch port"},
		{"mirror of the tap bridge", mirror(func(m *tap.Mirror) {
			m.Bridge, m.Output = tapBridge, "tlt-1"
		}), "no patch port"},
		{"two mirrors of one name", func(p *tap.Program) {
			p.Mirrors = append(p.Mirrors, p.Mirrors[0])
		}, "has this name"},

		{"flow without owner", added(flow("", 3, 5, nil)), "want an addition"},
		{"flow that deletes", mod(func(m *openflow.FlowMod) {
			m.Command = openflow.FlowDelete
		}), "want an addition"},
		{"flow of all tables", mod(func(m *openflow.FlowMod) {
			m.Table = openflow.TableAll
		}), "want a table"},
		{"flow that expires", mod(func(m *openflow.FlowMod) {
			m.IdleTimeout = 1
		}), "does not expire"},
		{"flow that expires soon", mod(func(m *openflow.FlowMod) {
			m.HardTimeout = 1
		}), "does not expire"},
		{"flow that reports", mod(func(m *openflow.FlowMod) {
			m.Flags = openflow.FlowSendRemoved
		}), "no flags"},
		{"flow for a buffered packet",
			mod(func(m *openflow.FlowMod) { m.BufferID = openflow.Buffer(1) }), "no buffer"},
		{"flow before the probe's", added(flow("s1", 0, 0xffff, nil)), "the controller's"},
		{"flow with the probe's cookie",
			mod(func(m *openflow.FlowMod) { m.Cookie = 0x7470<<48 | 9 }), "the controller's"},
		{"two flows of one key", added(flow("s1", 1, 1, nil)), "bridge has the same"},

		{"output to the controller", acts(action.Output{Port: openflow.PortController}),
			"output to CONTROLLER"},
		{"output by learning", acts(action.Output{Port: openflow.PortNormal}), "output to NORMAL"},
		{"output to all", acts(action.Output{Port: openflow.PortAll}), "output to ALL"},
		{"output back", acts(action.Output{Port: openflow.PortInPort}), "output to IN_PORT"},
		{"output to the host", acts(action.Output{Port: openflow.PortLocal}), "output to LOCAL"},
		{"output to no port", acts(action.Output{}), "output to 0"},
		{"output above the highest port", acts(action.Output{Port: openflow.PortMax + 1}),
			"output to"},
		{"output in the action set",
			does(action.WriteActions{action.Output{Port: openflow.PortFlood}}), "output to FLOOD"},
		{"truncated output", acts(action.OutputTrunc{Port: openflow.PortController, MaxLen: 64}),
			"output to CONTROLLER"},
		{"truncated output outside a clone", acts(action.OutputTrunc{Port: 4, MaxLen: 64}),
			"inside a clone"},
		{"output in a clone",
			acts(action.Clone{Actions: []action.Action{action.Clone{
				Actions: []action.Action{action.Output{Port: openflow.PortNormal}}}}}),
			"output to NORMAL"},
		{"output to what a register says",
			acts(action.OutputReg{Source: oxm.WholeField(oxm.FieldReg0)}), "not allowed"},
		{"a group of nobody", acts(action.Group{ID: 1}), "not of the program"},
		{"a group in a clone", acts(action.Clone{Actions: []action.Action{action.Group{ID: 1}}}),
			"inside a clone"},
		{"a meter of nobody", does(action.Meter{ID: 1}), "not of the program"},
		{"a group without an owner", group(func(g *tap.GroupEntry) { g.Owner = "" }), "owner"},
		{"a fast failover group", group(func(g *tap.GroupEntry) { g.Mod.Group = 3 }),
			"select or all"},
		{"a group of a reserved id", group(func(g *tap.GroupEntry) { g.Mod.ID = 0xfffffffc }),
			"want an id"},
		{"two groups of one id", func(p *tap.Program) {
			group(nil)(p)
			group(nil)(p)
		}, "has this id"},
		{"a bucket that outputs", bucket(action.Output{Port: 3}), "not allowed"},
		{"a bucket that goes back", bucket(action.Resubmit{InPort: openflow.PortInPort}),
			"another table"},
		{"a meter that remarks", meterEntry(func(m *tap.MeterEntry) { m.Mod.Bands[0].Kind = 2 }),
			"one that drops"},
		{"a meter without a unit", meterEntry(func(m *tap.MeterEntry) { m.Mod.Flags = 0 }),
			"kbit/s or in packets"},
		{"a meter without a band", meterEntry(func(m *tap.MeterEntry) { m.Mod.Bands = nil }),
			"want 1 to 8"},
		{"a meter of a reserved id",
			meterEntry(func(m *tap.MeterEntry) { m.Mod.ID = openflow.MeterController }),
			"want an id"},
		{"two meters of one id", func(p *tap.Program) {
			meterEntry(nil)(p)
			meterEntry(nil)(p)
		}, "has this id"},
		{"resubmit to a lower table", acts(action.Resubmit{InPort: openflow.PortInPort, Table: 0}),
			"not higher"},
		{"resubmit to the same table", acts(action.Resubmit{InPort: openflow.PortInPort, Table: 3}),
			"not higher"},
		{"resubmit as from another port", acts(action.Resubmit{InPort: 1, Table: 9}),
			"port of arrival"},
		{"resubmit in a clone", acts(action.Clone{Actions: []action.Action{
			action.Resubmit{InPort: openflow.PortInPort, Table: 9}}}), "port of arrival"},
		{"a flow that counts and outputs", added(tap.FlowEntry{Owner: "s1", Counts: tap.CountsSent,
			Mod: openflow.FlowMod{Table: 9, Priority: 5, Cookie: 0x7461000000000001,
				Instructions: []action.Instruction{action.ApplyActions{
					action.Output{Port: 3}}}}}), "count only"},
		{"a flow that counts and goes on", added(tap.FlowEntry{Owner: "s1",
			Counts: tap.CountsSent, Mod: openflow.FlowMod{Table: 9, Priority: 5,
				Cookie:       0x7461000000000001,
				Instructions: []action.Instruction{action.GotoTable{Table: 10}}}}), "count only"},
		{"a flow that counts what nobody knows", added(tap.FlowEntry{Owner: "s1", Counts: "luck",
			Mod: openflow.FlowMod{Table: 9, Priority: 5, Cookie: 0x7461000000000001}}),
			"unknown"},
		{"learn", acts(action.Learn{Table: 3}), "not allowed"},
		{"queue", acts(action.SetQueue{Queue: 1}), "not allowed"},
		{"unknown action", acts(action.RawAction{Type: 0xffff,
			Data: "\x00\x00\x23\x20\x00\x14\x00\x00\x00\x00\x00\x00"}), "not allowed"},
		{"unknown instruction", does(action.RawInstruction{Type: 0xffff, Data: "\x00\x00\x00\x00"}),
			"not allowed"},

		{"hold of nobody", held(""), "want an owner"},
		{"hold of flows that have no cookie",
			func(p *tap.Program) { p.Held = []tap.Hold{{Owner: "x"}} }, "cookie"},
		{"hold of the probe flow", func(p *tap.Program) {
			p.Held = []tap.Hold{{Owner: "x", Cookie: 0x7470 << 48}}
		}, "cookie"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d, err := reconcile.NewDesired(program(tc.adjust), tapBridge)
			require.ErrorContains(t, err, tc.want)
			assert.Nil(t, d)
		})
	}
}

// group adds a group, adjusted.
func group(adjust func(*tap.GroupEntry)) func(*tap.Program) {
	return func(p *tap.Program) {
		g := tap.GroupEntry{Owner: "cap1", Mod: openflow.GroupMod{
			Group: openflow.GroupTypeSelect, ID: 7, Buckets: make([]openflow.Bucket, 1)}}
		if adjust != nil {
			adjust(&g)
		}
		p.Groups = append(p.Groups, g)
	}
}

func bucket(a action.Action) func(*tap.Program) {
	return group(func(g *tap.GroupEntry) { g.Mod.Buckets[0].Actions = []action.Action{a} })
}

// meterEntry adds a meter, adjusted.
func meterEntry(adjust func(*tap.MeterEntry)) func(*tap.Program) {
	return func(p *tap.Program) {
		m := tap.MeterEntry{Owner: "cap1", Mod: openflow.MeterMod{ID: 7, Flags: openflow.MeterPktps,
			Bands: []openflow.Band{{Kind: openflow.BandDrop, Rate: 9}}}}
		if adjust != nil {
			adjust(&m)
		}
		p.Meters = append(p.Meters, m)
	}
}

// TestPrints: an owner's fingerprint changes with what is its own, and with nothing else.
func TestPrints(t *testing.T) {
	before := desired(t, program())
	assert.Equal(t, before.Fingerprints, desired(t, program()).Fingerprints)
	assert.Equal(t, []string{"bridge", "cap1", "tunnel"}, before.Owners)
	for name, tc := range map[string]struct {
		adjust func(*tap.Program)
		owner  string
	}{
		"bridge": {func(p *tap.Program) { p.Bridge.DatapathType = "system" }, "bridge"},
		"port":   {func(p *tap.Program) { p.Ports[0].OFPortRequest++ }, "tunnel"},
		"mirror": {func(p *tap.Program) { p.Mirrors[0].SelectAll = true }, "cap1"},
		"flow":   {func(p *tap.Program) { p.Flows[1].Mod.Priority++ }, "cap1"},
		"group":  {group(nil), "cap1"},
		"meter":  {meterEntry(nil), "cap1"},
		"frags":  {func(p *tap.Program) { p.Bridge.MatchFragments = true }, "bridge"},
		"cookie": {func(p *tap.Program) { p.Flows[0].Mod.Cookie++ }, "bridge"},
	} {
		t.Run(name, func(t *testing.T) {
			after := desired(t, program(tc.adjust))
			for _, owner := range before.Owners {
				assert.Equal(t, owner == tc.owner,
					before.Fingerprints[owner] != after.Fingerprints[owner], owner)
			}
		})
	}
}
