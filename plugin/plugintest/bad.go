package plugintest

import (
	"context"
	"fmt"
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

// owner is an owner of the program's objects.
func owner(p *tap.Program) string {
	if len(p.Mirrors) > 0 {
		return p.Mirrors[0].Owner
	}
	return tap.OwnerBridge
}

// deliverTo makes all outputs of the program go to a port.
func deliverTo(p *tap.Program, port uint32) {
	p.Flows = slices.Clone(p.Flows)
	for i := range p.Flows {
		mod := &p.Flows[i].Mod
		for j, instruction := range mod.Instructions {
			if _, outputs := instruction.(action.ApplyActions); !outputs {
				continue
			}
			mod.Instructions = slices.Clone(mod.Instructions)
			mod.Instructions[j] = action.ApplyActions{action.Output{Port: openflow.PortNo(port)}}
		}
	}
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
