package plugintest

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/plugin"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Bad is one way in which a plugin breaks its contract. A controller must refuse every program that
// Spoil has changed, and keep the last good one.
type Bad struct {
	Name  string
	Spoil func(*tap.Program)
}

// BadPlugins lists ways in which a plugin may turn against its owners. Each spoils programs that
// have a capture.
func BadPlugins() []Bad {
	return []Bad{
		{"an uplink as tap NIC", func(p *tap.Program) {
			p.Ports = append(p.Ports, tap.Port{
				Owner: owner(p), Bridge: p.Bridge.Name, Name: "eth0",
			})
		}},
		{"a guest's NIC as tap NIC", func(p *tap.Program) {
			p.Ports = append(p.Ports, tap.Port{
				Owner: owner(p), Bridge: p.Bridge.Name, Name: "vnet2", Plugged: true,
			})
		}},
		{"copies into a patch port of a production bridge", func(p *tap.Program) {
			for _, port := range p.Ports {
				if port.Type == "patch" && port.Bridge == p.Bridge.Name {
					deliverTo(p, port.OFPortRequest)
				}
			}
		}},
		{"copies to a port that is not of the program", func(p *tap.Program) { deliverTo(p, 0x0fff) }},
		{"a mirror of a port that no tap flow names", func(p *tap.Program) {
			for i := range p.Mirrors {
				p.Mirrors[i].SelectSrc = append(p.Mirrors[i].SelectSrc, "vnet2")
			}
		}},
		{"a mirror of a whole switch that no tap flow asks for", func(p *tap.Program) {
			for i := range p.Mirrors {
				p.Mirrors[i].SelectAll = true
			}
		}},
		{"a mirror of a VLAN that no tap flow names", func(p *tap.Program) {
			for i := range p.Mirrors {
				p.Mirrors[i].SelectVLAN = append(p.Mirrors[i].SelectVLAN, 99)
			}
		}},
		{"copies to an address that is no host's", func(p *tap.Program) {
			alter(p, func(a action.Action) action.Action {
				if set, is := a.(action.SetField); is && set.Field.ID() == oxm.FieldTunIPv4Dst {
					return action.SetField{Field: oxm.TunDst(stranger)}
				}
				return a
			})
		}},
		{"copies with the key of another service", func(p *tap.Program) {
			alter(p, func(a action.Action) action.Action {
				if set, is := a.(action.SetField); is && set.Field.ID() == oxm.FieldTunnelID {
					return action.SetField{Field: oxm.TunnelID(set.Field.Uint64() ^ 1)}
				}
				return a
			})
		}},
		{"copies to the switch itself", func(p *tap.Program) { deliverTo(p, 0xfffffffe) }},
		{"copies to the ordinary switch", func(p *tap.Program) { deliverTo(p, 0xfffffffa) }},
		{"copies to the controller", func(p *tap.Program) { deliverTo(p, 0xfffffffd) }},
		{"packets of all captures in one flow", func(p *tap.Program) {
			p.Flows = append(p.Flows, tap.FlowEntry{Owner: owner(p), Mod: openflow.FlowMod{
				Cookie: p.Flows[0].Mod.Cookie, Table: 3, Priority: 500,
				Instructions: []action.Instruction{action.ApplyActions{action.Output{Port: 5}}},
			}})
		}},
		{"packets of a stranger", func(p *tap.Program) {
			p.Flows = append(p.Flows, tap.FlowEntry{Owner: owner(p), Mod: openflow.FlowMod{
				Cookie: p.Flows[0].Mod.Cookie, Priority: 500,
				Match:        oxm.Match{oxm.TunSrc(stranger)},
				Instructions: []action.Instruction{action.GotoTable{Table: 3}},
			}})
		}},
		{"probes to an address that is no host's", func(p *tap.Program) {
			p.Tunnel.Peers = append(slices.Clone(p.Tunnel.Peers), tap.Peer{
				Addr: stranger, Port: p.Tunnel.Ports[0], Owners: []string{owner(p)},
			})
		}},
		{"a tunnel with somebody else's address", func(p *tap.Program) {
			for i := range p.Ports {
				if p.Ports[i].Type == "gre" {
					p.Ports[i].Options = maps.Clone(p.Ports[i].Options)
					p.Ports[i].Options["local_ip"] = stranger.String()
				}
			}
		}},
		{"300,000 flows", func(p *tap.Program) {
			for i := range 300_000 {
				p.Flows = append(p.Flows, tap.FlowEntry{Owner: owner(p), Mod: openflow.FlowMod{
					Cookie: p.Flows[0].Mod.Cookie, Table: 100, Priority: 1,
					Match: oxm.Match{oxm.Metadata(uint64(i))},
				}})
			}
		}},
		{"70,000 ports", func(p *tap.Program) {
			for i := range 70_000 {
				p.Ports = append(p.Ports, tap.Port{
					Owner: owner(p), Bridge: p.Bridge.Name, Name: fmt.Sprintf("tap%d", i),
				})
			}
		}},
	}
}

// stranger is an address that no host has.
var stranger = netip.MustParseAddr("203.0.113.9")

// owner is an owner of the program's objects.
func owner(p *tap.Program) string {
	if len(p.Mirrors) > 0 {
		return p.Mirrors[0].Owner
	}
	return tap.OwnerBridge
}

// deliverTo makes all outputs of the program go to a port.
func deliverTo(p *tap.Program, port uint32) {
	alter(p, func(a action.Action) action.Action {
		switch a := a.(type) {
		case action.Output:
			return action.Output{Port: openflow.PortNo(port)}
		case action.OutputTrunc:
			return action.OutputTrunc{Port: openflow.PortNo(port), MaxLen: a.MaxLen}
		}
		return a
	})
}

// alter changes the actions of all flows, those inside clones too.
func alter(p *tap.Program, change func(action.Action) action.Action) {
	p.Flows = slices.Clone(p.Flows)
	for i := range p.Flows {
		mod := &p.Flows[i].Mod
		mod.Instructions = slices.Clone(mod.Instructions)
		for j, instruction := range mod.Instructions {
			if apply, is := instruction.(action.ApplyActions); is {
				mod.Instructions[j] = action.ApplyActions(altered(apply, change))
			}
		}
	}
}

func altered(actions []action.Action, change func(action.Action) action.Action) []action.Action {
	out := make([]action.Action, len(actions))
	for i, a := range actions {
		if clone, is := a.(action.Clone); is {
			a = action.Clone{Actions: altered(clone.Actions, change)}
		}
		out[i] = change(a)
	}
	return out
}

// Spoiled is a plugin whose programs with a capture are spoiled.
func Spoiled(m plugin.Mirror, bad Bad) plugin.Mirror { return spoiled{m, bad} }

type spoiled struct {
	plugin.Mirror
	bad Bad
}

// Run implements [plugin.Mirror].
func (s spoiled) Run(
	ctx context.Context, changes <-chan tap.Change, emit func(tap.Result) error,
) error {
	return s.Mirror.Run(ctx, changes, func(r tap.Result) error {
		r.Programs = slices.Clone(r.Programs)
		for i := range r.Programs {
			if p := &r.Programs[i]; len(p.Mirrors) > 0 {
				p.Ports, p.Mirrors = slices.Clone(p.Ports), slices.Clone(p.Mirrors)
				p.Flows = slices.Clone(p.Flows)
				s.bad.Spoil(p)
			}
		}
		return emit(r)
	})
}
