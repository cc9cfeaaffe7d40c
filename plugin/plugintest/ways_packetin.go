package plugintest

import (
	"slices"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// sendToController sends each copy to a connection of the controller, as a live capture does, or
// for ever.
func sendToController(id, timeout uint16) func(*tap.Program) {
	return func(p *tap.Program) {
		for i := range p.Flows {
			if m := &p.Flows[i].Mod; m.Table == deliverTable {
				m.HardTimeout = timeout
				m.Instructions = []action.Instruction{action.ApplyActions{action.Controller{
					MaxLen: 0xffff, ID: id, Reason: action.ReasonAction}}}
			}
		}
	}
}

// CaptureWays are ways in which a plugin may turn a live capture against the switch that it runs
// on. Each spoils programs that have one.
func CaptureWays() []Bad {
	return []Bad{
		{"a meter that copies meet beside the original", besideOriginal},
		{"no rate limit", withoutMeters},
		{"a rate limit that limits nothing", func(p *tap.Program) {
			for i := range p.Meters {
				p.Meters[i].Mod.Bands[0].Rate = 4_000_000_000
			}
		}},

		{"a way past the rate limit", selectedGo(action.GotoTable{Table: deliverTable})},
		{"a way past the rate limit, apart",
			selectedGo(action.ApplyActions{tap.Apart(deliverTable)})},
		{"a way past the rate limit, by resubmit", selectedGo(action.ApplyActions{
			action.Resubmit{InPort: openflow.PortInPort, Table: deliverTable}})},
		{"a way past filter and rate limit", func(p *tap.Program) {
			for i := range p.Flows {
				if m := &p.Flows[i].Mod; m.Table == 1 && len(m.Match) == 0 {
					m.Instructions = []action.Instruction{action.GotoTable{Table: deliverTable}}
				}
			}
		}},

		{"a group", func(p *tap.Program) {
			for i := range p.Flows {
				if p.Flows[i].Mod.HardTimeout != 0 {
					p.Groups = append(p.Groups, tap.GroupEntry{Owner: p.Flows[i].Owner,
						Mod: openflow.GroupMod{Group: openflow.GroupTypeSelect, ID: 7}})
				}
			}
		}},

		{"for ever", sendToController(tap.PacketInID, 0)},
		{"to the connection that everything relies on", sendToController(0, tap.PacketInTimeout)},
	}
}

// besideOriginal has copies meet the meter by the way of those without one.
func besideOriginal(p *tap.Program) {
	for i := range p.Flows {
		m := &p.Flows[i].Mod
		for j, instruction := range m.Instructions {
			apply, is := instruction.(action.ApplyActions)
			if !is || len(apply) != 1 {
				continue
			}
			if table, apart := tap.IsApart(apply[0]); apart {
				m.Instructions[j] = action.GotoTable{Table: table}
			}
		}
	}
}

// selectedGo has what filters select go another way.
func selectedGo(way action.Instruction) func(*tap.Program) {
	return func(p *tap.Program) {
		for i := range p.Flows {
			if m := &p.Flows[i].Mod; m.Table == 2 && len(m.Instructions) > 0 {
				m.Instructions = []action.Instruction{way}
			}
		}
	}
}

// withoutMeters takes the meters out of all flows.
func withoutMeters(p *tap.Program) {
	for i := range p.Flows {
		m := &p.Flows[i].Mod
		m.Instructions = slices.DeleteFunc(slices.Clone(m.Instructions),
			func(i action.Instruction) bool {
				_, is := i.(action.Meter)
				return is
			})
	}
}
