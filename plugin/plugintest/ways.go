package plugintest

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// stranger is an address that no host has.
var stranger = netip.MustParseAddr("203.0.113.9")

func addUplink(p *tap.Program) {
	p.Ports = append(p.Ports, tap.Port{Owner: owner(p), Bridge: p.Bridge.Name, Name: "eth0"})
}

func addGuestNIC(p *tap.Program) {
	p.Ports = append(p.Ports, tap.Port{
		Owner: owner(p), Bridge: p.Bridge.Name, Name: "vnet2", Plugged: true,
	})
}

func deliverToPatchPort(p *tap.Program) {
	for _, port := range p.Ports {
		if port.Type == "patch" && port.Bridge == p.Bridge.Name {
			deliverTo(p, port.OFPortRequest)
		}
	}
}

// outputsTo makes all outputs of a program go to a port.
func outputsTo(port uint32) func(*tap.Program) {
	return func(p *tap.Program) { deliverTo(p, port) }
}

func mirrorAnotherPort(p *tap.Program) {
	for i := range p.Mirrors {
		p.Mirrors[i].SelectSrc = append(p.Mirrors[i].SelectSrc, "vnet2")
	}
}

func mirrorEverything(p *tap.Program) {
	for i := range p.Mirrors {
		p.Mirrors[i].SelectAll = true
	}
}

func mirrorAnotherVLAN(p *tap.Program) {
	for i := range p.Mirrors {
		p.Mirrors[i].SelectVLAN = append(p.Mirrors[i].SelectVLAN, 99)
	}
}

func sendToStranger(p *tap.Program) {
	alter(p, func(a action.Action) action.Action {
		if set, is := a.(action.SetField); is && set.Field.ID() == oxm.FieldTunIPv4Dst {
			return action.SetField{Field: oxm.TunDst(stranger)}
		}
		return a
	})
}

func sendWithAnotherKey(p *tap.Program) {
	alter(p, func(a action.Action) action.Action {
		if set, is := a.(action.SetField); is && set.Field.ID() == oxm.FieldTunnelID {
			return action.SetField{Field: oxm.TunnelID(set.Field.Uint64() ^ 1)}
		}
		return a
	})
}

// deliverEverything adds a flow that delivers whatever reaches table 8.
func deliverEverything(p *tap.Program) {
	p.Flows = append(p.Flows, tap.FlowEntry{Owner: owner(p), Mod: openflow.FlowMod{
		Cookie: p.Flows[0].Mod.Cookie, Table: 8, Priority: 500,
		Instructions: []action.Instruction{action.ApplyActions{action.Output{Port: 5}}},
	}})
}

func receiveFromStranger(p *tap.Program) {
	p.Flows = append(p.Flows, tap.FlowEntry{Owner: owner(p), Mod: openflow.FlowMod{
		Cookie: p.Flows[0].Mod.Cookie, Priority: 500,
		Match:        oxm.Match{oxm.TunSrc(stranger)},
		Instructions: []action.Instruction{action.GotoTable{Table: 8}},
	}})
}

func probeStranger(p *tap.Program) {
	p.Tunnel.Peers = append(slices.Clone(p.Tunnel.Peers), tap.Peer{
		Addr: stranger, Port: p.Tunnel.Ports[0], Owners: []string{owner(p)},
	})
}

func tunnelOfStranger(p *tap.Program) {
	for i := range p.Ports {
		if p.Ports[i].Type == "gre" {
			p.Ports[i].Options = maps.Clone(p.Ports[i].Options)
			p.Ports[i].Options["local_ip"] = stranger.String()
		}
	}
}

// addFlows adds OpenFlow flows to a table that no program uses.
func addFlows(p *tap.Program, count int) {
	for i := range count {
		p.Flows = append(p.Flows, tap.FlowEntry{Owner: owner(p), Mod: openflow.FlowMod{
			Cookie: p.Flows[0].Mod.Cookie, Table: 100, Priority: 1,
			Match: oxm.Match{oxm.Metadata(uint64(i))},
		}})
	}
}

func addPorts(p *tap.Program, count int) {
	for i := range count {
		p.Ports = append(p.Ports, tap.Port{
			Owner: owner(p), Bridge: p.Bridge.Name, Name: fmt.Sprintf("tap%d", i),
		})
	}
}
