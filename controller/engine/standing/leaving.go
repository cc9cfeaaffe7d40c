package standing

import (
	"slices"

	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/session"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Leave remembers what a service or a flow that was just disabled or deleted has on the switches.
func (t *Table) Leave(id intent.Ref) {
	needs := slices.Concat(t.leaving[id], t.Needs(id))
	if id.Kind == tap.KindService {
		for flow := range t.intent.FlowsOfService[id.ID] {
			needs = append(needs, t.Needs(intent.FlowRef(flow))...)
		}
	}
	t.leaving[id] = needs
}

// Return forgets what a service or a flow was to take off the switches, since it was enabled again.
func (t *Table) Return(id intent.Ref) { delete(t.leaving, id) }

// Leaves reports whether something of a disabled or deleted service or flow may still be on a switch.
func (t *Table) Leaves(id intent.Ref) bool {
	_, leaves := t.leaving[id]
	return leaves
}

// Left returns the services and flows whose objects have left the switches since the last call.
func (t *Table) Left() (left []intent.Ref) {
	for id := range t.leaving {
		if t.gone(id) {
			delete(t.leaving, id)
			left = append(left, id)
		}
	}
	return left
}

// gone reports whether what a disabled or deleted service or flow had is off all switches that can be reached. Objects that
// it shares with others must be as those need them.
func (t *Table) gone(id intent.Ref) bool {
	if t.Unanswered(id) {
		return false
	}
	for _, need := range t.leaving[id] {
		h := t.hosts[need.Host]
		if h == nil || !h.Report.Connected {
			continue
		}
		if h.Stale || h.Report.Program != h.Program || h.Report.Leaving[need.Owner] {
			return false
		}
		if got, stays := h.Report.Owners[need.Owner]; stays && got.State == session.Busy {
			return false
		}
	}
	return true
}
