package explain

import (
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/openflow/flowtable"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// resources are the groups and meters that flows use, by id. They stand if such a flow does: a
// switch refuses flows that use others, and takes a flow away with the group or meter that it uses.
type resources struct{ groups, meters map[uint32]RowState }

// note adds what a flow uses that stands or is missing.
func (r *resources) note(f *tap.FlowEntry, state RowState) {
	groups, meters := flowtable.Uses(f.Mod.Instructions)
	for _, id := range groups {
		if r.groups[id] != RowStands {
			r.groups[id] = state
		}
	}
	for _, id := range meters {
		if r.meters[id] != RowStands {
			r.meters[id] = state
		}
	}
}

// lines are the groups and meters in the order of their program.
func (r *resources) lines(p *tap.Program) (out []SwitchFlow) {
	for i := range p.Meters {
		m := &p.Meters[i]
		if state, used := r.meters[m.Mod.ID]; used {
			out = append(out, SwitchFlow{Owner: m.Owner, Text: view.MeterText(&m.Mod),
				State: state})
		}
	}
	for i := range p.Groups {
		g := &p.Groups[i]
		if state, used := r.groups[g.Mod.ID]; used {
			out = append(out, SwitchFlow{Owner: g.Owner, Text: view.GroupText(&g.Mod),
				State: state})
		}
	}
	return out
}
