package standing

import (
	"time"

	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Judge works out the health of a service or a flow again, and of the flows that wait for a
// service's NIC. It returns those whose health is another.
func (t *Table) Judge(id intent.Ref) (changed []intent.Ref) {
	if !t.judge(id) {
		return nil
	}
	if m := t.intent.Members[id.ID]; m != nil {
		return t.Judge(intent.FlowRef(m.Of)) // Users see the tap flow with the selector.
	}
	return append([]intent.Ref{id}, t.JudgeFeeding(id)...)
}

// JudgeAll judges a set of services and flows, and returns those whose health is another.
func (t *Table) JudgeAll(affected Affected) (changed []intent.Ref) {
	for id := range affected {
		changed = append(changed, t.Judge(id)...)
	}
	return changed
}

// JudgeOne works out the health of a service or a flow again, and reports whether it is another.
// The flows that wait for a service are left for [Table.JudgeFeeding].
func (t *Table) JudgeOne(id intent.Ref) bool { return t.judge(id) }

// JudgeFeeding judges the flows of a service whose health is another, since they may wait for its
// NIC. It returns those whose health is another too.
func (t *Table) JudgeFeeding(service intent.Ref) (changed []intent.Ref) {
	if service.Kind != tap.KindService || !t.plugged {
		return nil
	}
	for id := range t.intent.FlowsOfService[service.ID] {
		for member := range t.intent.MembersOf[id] {
			t.judge(intent.FlowRef(member))
		}
		if flow := intent.FlowRef(id); t.judge(flow) {
			changed = append(changed, flow)
		}
	}
	return changed
}

func (t *Table) judge(id intent.Ref) (changed bool) {
	v, exists := t.verdicts[id]
	if !exists {
		return false
	}

	before, counted := v.Health, v.Members
	v.NICReason = false
	delete(t.unasked, id.ID)

	v.Health = t.assess(id, &v)
	t.countMember(id, before.State, v.Health.State)
	v.ready = v.ready && v.Health.State == tap.StateReady
	if v.Health != before {
		v.Since = time.Now()
	}

	t.verdicts[id] = v

	if v.ready || len(v.Status.Needs) == 0 {
		t.unready.remove(id)
	} else {
		t.unready.add(id)
	}

	return v.Health != before || v.Members != counted
}

// assess says how a service or a flow stands. It sets ready where all that it needs stands.
func (t *Table) assess(id intent.Ref, v *Verdict) view.Health {
	v.Members = t.memberCounts(id)
	switch {
	case t.intent.Deleting(id):
		return t.leavingHealth(id, tap.StateDeleting)
	case !t.intent.Enabled(id) && t.Leaves(id):
		return t.leavingHealth(id, tap.StatePending)
	case !t.intent.Enabled(id):
		return t.off(id)
	case t.Unanswered(id) || !v.Answered:
		return view.Pending(view.CodePlanning, "it is being planned")
	case v.Status.State != tap.StateProgrammed:
		return t.unprogrammed(id, v)
	}

	changing := false
	for _, need := range v.Status.Needs {
		health, busy := t.Met(need)
		switch {
		case busy:
			changing = true
		case health.State != tap.StateReady:
			return health
		}
	}

	if changing && !v.ready {
		return programming()
	}

	v.ready = true
	if f := t.intent.Flows.ByID[id.ID]; f != nil && f.Type == tap.FlowSelector {
		return t.membersHealth(id, v.Members)
	}
	return readyHealth(v.Status)
}

// off says how a service or a flow stands that is not to run, once nothing of it is on any switch.
func (t *Table) off(id intent.Ref) view.Health {
	f := t.intent.FlowRecord(id.ID)
	if id.Kind != tap.KindFlow || f == nil {
		return view.Disabled()
	}

	switch phase := t.intent.Phase(f); {
	case phase == store.Expired:
		return view.Expired(f.ExpiresAt)
	case phase == store.Waiting && f.Enabled:
		return view.Scheduled(f.StartsAt)
	}
	return view.Disabled()
}

// unprogrammed says how a service or a flow stands that the plugin has not planned, by the plugin's
// word or, where a tap NIC is not plugged, by that of the hypervisors.
func (t *Table) unprogrammed(id intent.Ref, v *Verdict) view.Health {
	if health, known := t.Plugging(id, v.Status); known {
		v.NICReason = true
		return health
	}
	if health, known := t.serviceNIC(id, v.Status); known {
		return health
	}
	return StatusHealth(v.Status)
}

// StatusHealth is the plugin's word on a service or a flow that it has not planned.
func StatusHealth(s tap.Status) view.Health {
	health := view.Health{State: s.State, Reason: s.Reason, Code: s.Code}
	if health.Reason != "" && health.Code == "" {
		health.Code = tap.CodeUndefined
	}
	return health
}

// Foresee is the health of a service or a flow once the switches that can be reached have what is
// planned.
func (t *Table) Foresee(id intent.Ref) view.Health {
	v := t.verdicts[id]
	switch {
	case !t.intent.Enabled(id) && t.leavesUnreachable(id):
		return t.leavingHealth(id, tap.StatePending)
	case !t.intent.Enabled(id):
		return t.off(id)
	case v.Status.State != tap.StateProgrammed:
		return t.foreseeNIC(id, v.Status)
	}

	for _, need := range v.Status.Needs {
		if health, busy := t.Met(need); !busy && health.State != tap.StateReady {
			return health
		}
	}

	if f := t.intent.Flows.ByID[id.ID]; f != nil && f.Type == tap.FlowSelector {
		return t.foreseeMembers(id)
	}
	return readyHealth(v.Status)
}

// readyHealth is the health of what stands, with what the plugin finds lacking all the same.
func readyHealth(s tap.Status) view.Health {
	health := view.Ready()
	health.Reason, health.Code = s.Reason, s.Code
	return health
}
