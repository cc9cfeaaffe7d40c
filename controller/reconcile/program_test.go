package reconcile_test

import (
	"net/netip"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

const tapBridge = "brtap"

var self = reconcile.Self{Cluster: "c1", DatapathID: 0x1234, Target: "tcp:192.0.2.10:6653"}

// program is what a host needs: the tap bridge, a tunnel, and a capture of vnet1 on br0, adjusted.
func program(adjust ...func(*tap.Program)) *tap.Program {
	p := &tap.Program{
		Host: "h1",
		Bridge: tap.TapBridge{
			Name: tapBridge, DatapathType: "netdev", FailMode: "secure",
			Protocols:   []string{"OpenFlow13"},
			OtherConfig: map[string]string{"disable-in-band": "true"},
		},
		Ports: []tap.Port{{
			Owner: "tunnel", Bridge: tapBridge, Name: "tl-gre", Type: "gre", OFPortRequest: 100,
			Options: map[string]string{"remote_ip": "flow", "key": "flow"},
		}},
		Tunnel: tap.Tunnel{Port: "tl-gre", Ports: []string{"tl-gre"},
			Senders: []tap.Sender{{Addr: netip.MustParseAddr("192.0.2.1"), Port: "tl-gre",
				ProbeKey: 0x2a}}},
		Flows: []tap.FlowEntry{flow("bridge", 1, 1, nil, action.GotoTable{Table: 2})},
	}

	capture("cap1", "1", "br0", "vnet1")(p)
	for _, f := range adjust {
		f(p)
	}

	return p
}

// capture adds a capture of ports of a bridge; with none of all.
func capture(owner, suffix, bridge string, selected ...string) func(*tap.Program) {
	return func(p *tap.Program) {
		in := uint32(4096 + len(p.Ports))
		p.Ports = append(p.Ports,
			tap.Port{
				Owner: owner, Bridge: bridge, Name: "tlm-" + suffix, Type: "patch",
				Options:  map[string]string{"peer": "tlt-" + suffix},
				VLANMode: "trunk", Trunks: []uint16{4095},
			},
			tap.Port{Owner: owner, Bridge: tapBridge, Name: "tlt-" + suffix, Type: "patch",
				Options: map[string]string{"peer": "tlm-" + suffix}, OFPortRequest: in},
		)

		p.Mirrors = append(p.Mirrors, tap.Mirror{
			Owner: owner, Bridge: bridge, Name: "tl-" + suffix, Output: "tlm-" + suffix,
			SelectAll: len(selected) == 0, SelectSrc: selected, SelectDst: selected,
		})

		p.Flows = append(p.Flows, flow(owner, 0, 100, oxm.Match{oxm.InPort(openflow.PortNo(in))},
			apply(action.Output{Port: 7})))
	}
}

func flow(owner string, table openflow.TableID, priority uint16, match oxm.Match,
	do ...action.Instruction) tap.FlowEntry {
	return tap.FlowEntry{Owner: owner, Mod: openflow.FlowMod{
		Cookie: 0x7461000000000001, Table: table, Priority: priority, Match: match,
		Instructions: do,
	}}
}

func apply(actions ...action.Action) action.Instruction { return action.ApplyActions(actions) }

func desired(t require.TestingT, p *tap.Program) *reconcile.Desired {
	d, err := reconcile.NewDesired(p, tapBridge)
	require.NoError(t, err)
	return d
}

// plugged adds the tap NIC of a guest.
func plugged(name string) func(*tap.Program) {
	return func(p *tap.Program) {
		p.Ports = append(p.Ports, tap.Port{Owner: "s1", Bridge: tapBridge, Name: name,
			Plugged: true})
	}
}

// nic adds a physical NIC.
func nic(name string) func(*tap.Program) {
	return func(p *tap.Program) {
		p.Ports = append(p.Ports, tap.Port{Owner: "s2", Bridge: tapBridge, Name: name,
			OFPortRequest: 200})
	}
}

func without(owner string) func(*tap.Program) {
	return func(p *tap.Program) {
		var ports []tap.Port
		for _, port := range p.Ports {
			if port.Owner != owner {
				ports = append(ports, port)
			}
		}

		var mirrors []tap.Mirror
		for _, m := range p.Mirrors {
			if m.Owner != owner {
				mirrors = append(mirrors, m)
			}
		}

		var flows []tap.FlowEntry
		for _, f := range p.Flows {
			if f.Owner != owner {
				flows = append(flows, f)
			}
		}

		p.Ports, p.Mirrors, p.Flows = ports, mirrors, flows
	}
}

func held(owner string) func(*tap.Program) {
	return func(p *tap.Program) {
		p.Held = append(p.Held, tap.Hold{Owner: owner, Cookie: 0x7461000000000001})
	}
}

// gate is open or shut for everybody.
func gate(open bool) reconcile.Gate {
	if open {
		return reconcile.Open
	}
	return reconcile.Shut
}
