package plugintest

import (
	"slices"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// The tables of the mirror plugin that matter here.
const (
	guardTable   openflow.TableID = 1
	deliverTable openflow.TableID = 8
)

// addMeter adds a meter of an owner that passes one packet a second, and returns its id.
func addMeter(p *tap.Program, owner string) uint32 {
	id := uint32(70_000 + len(p.Meters))
	p.Meters = append(p.Meters, tap.MeterEntry{Owner: owner, Mod: openflow.MeterMod{
		ID: id, Flags: openflow.MeterPktps | openflow.MeterBurst,
		Bands: []openflow.Band{{Kind: openflow.BandDrop, Rate: 1, BurstSize: 1}},
	}})
	return id
}

// meterBeside meters packets beside the original: those of one capture where they are delivered, or
// those of all where the guard lets them through.
func meterBeside(all bool) func(*tap.Program) {
	return func(p *tap.Program) {
		id := addMeter(p, owner(p))
		addInstruction(p, action.Meter{ID: id}, func(m *openflow.FlowMod) bool {
			if all {
				return m.Table == guardTable && len(m.Match) == 0
			}
			return m.Table == deliverTable
		})
	}
}

// addInstruction adds an instruction to the flows that match.
func addInstruction(
	p *tap.Program, extra action.Instruction, matches func(*openflow.FlowMod) bool,
) {
	for i := range p.Flows {
		if m := &p.Flows[i].Mod; matches(m) {
			m.Instructions = append([]action.Instruction{extra}, m.Instructions...)
		}
	}
}

// useMeter has the flows of table 0 use a meter that the program does not have.
func useMeter(id uint32) func(*tap.Program) {
	return func(p *tap.Program) {
		addInstruction(p, action.Meter{ID: id}, func(m *openflow.FlowMod) bool {
			return m.Table == 0 && len(m.Instructions) > 0
		})
	}
}

// cutOutside cuts each copy outside a clone.
func cutOutside(p *tap.Program) {
	alter(p, func(a action.Action) action.Action {
		if out, is := a.(action.Output); is {
			return action.OutputTrunc{Port: out.Port, MaxLen: 64}
		}
		return a
	})
}

// groupOf has a capture use a group whose bucket has an action.
func groupOf(a action.Action) func(*tap.Program) {
	return func(p *tap.Program) {
		p.Groups = append(p.Groups, tap.GroupEntry{Owner: owner(p), Mod: openflow.GroupMod{
			Group: openflow.GroupTypeSelect, ID: 7,
			Buckets: []openflow.Bucket{{Weight: 1, Actions: []action.Action{a}}},
		}})
		useGroup(7)(p)
	}
}

// useGroup adds a flow that sends a capture's packets to a group.
func useGroup(id uint32) func(*tap.Program) {
	return func(p *tap.Program) {
		at := slices.IndexFunc(p.Flows, func(f tap.FlowEntry) bool {
			_, marked := f.Mod.Match.Get(oxm.FieldMetadata)
			return f.Owner == owner(p) && marked
		})
		if at < 0 {
			return
		}
		p.Flows = append(p.Flows, tap.FlowEntry{Owner: owner(p), Mod: openflow.FlowMod{
			Cookie: p.Flows[at].Mod.Cookie, Table: 4, Priority: 500, Match: p.Flows[at].Mod.Match,
			Instructions: []action.Instruction{action.ApplyActions{action.Group{ID: id}}},
		}})
	}
}

func addGroups(p *tap.Program, count int) {
	for i := range count {
		p.Groups = append(p.Groups, tap.GroupEntry{Owner: owner(p),
			Mod: openflow.GroupMod{Group: openflow.GroupTypeSelect, ID: uint32(1 + i)}})
	}
}

func addMeters(p *tap.Program, count int) {
	for range count {
		addMeter(p, owner(p))
	}
}

func addBuckets(p *tap.Program, count int) {
	p.Groups = append(p.Groups, tap.GroupEntry{Owner: owner(p), Mod: openflow.GroupMod{
		Group: openflow.GroupTypeSelect, ID: 7, Buckets: make([]openflow.Bucket, count),
	}})
}
