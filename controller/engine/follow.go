package engine

import (
	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/engine/members"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/sets"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// follow finds out which NICs selectors match now, from the guests and hosts that are marked, just
// before the plugin is told of these. The caller holds mu.
func (e *Engine) follow() {
	if e.members.Idle() || !e.planning.Due() {
		return
	}

	guests := sets.Set{}
	e.planning.EachMarked(func(host string) { e.members.Host(host, guests.Add) }, guests.Add)
	for id := range guests {
		e.tookMembers(e.members.Guest(id))
	}
}

// refollow finds out which NICs a tap flow's selector matches, since its user has changed it, or it
// starts or ends to run. All its members may have other options. The caller holds mu.
func (e *Engine) refollow(flow string) {
	if f := e.intent.Flows.ByID[flow]; !e.members.Follows(flow) &&
		(f == nil || f.Type != tap.FlowSelector) {
		return
	}

	changes := e.members.Flow(flow)
	for id := range e.intent.MembersOf[flow] {
		e.planning.MarkFlow(id)
		e.standing.MarkChanged(intent.FlowRef(id), e.planning.Last())
	}
	e.tookMembers(changes)
}

// refollowFeeding does so for the tap flows that feed a service, whose targets may be others. The
// caller holds mu.
func (e *Engine) refollowFeeding(service string) {
	for flow := range e.intent.FlowsOfService[service] {
		if f := e.intent.Flows.ByID[flow]; f != nil && f.Type == tap.FlowSelector {
			e.refollow(flow)
		}
	}
}

// tookMembers takes over members that came and left. The caller holds mu.
func (e *Engine) tookMembers(changes members.Changes) {
	for _, m := range changes.Left {
		e.standing.Retire(m)
		e.intent.RemoveMember(m.ID)
		e.planning.MarkFlow(m.ID)
	}

	for _, m := range changes.Came {
		id := intent.FlowRef(m.ID)
		e.intent.AddMember(m)
		e.standing.Add(id)
		e.planning.MarkFlow(m.ID)
		e.standing.MarkChanged(id, e.planning.Last())
		e.standing.JudgeOne(id)
	}

	for flow := range changes.Flows {
		e.judge(intent.FlowRef(flow))
	}
	if len(changes.Left) > 0 {
		e.wakeLeft()
	}
}

// Members returns the NICs that the selector of a tap flow matches, sorted by guest and address.
func (e *Engine) Members(ref string) ([]view.Member, error) {
	e.mu.Lock()
	defer e.mu.Unlock()

	f, err := e.intent.Flows.Get(ref)
	if err != nil {
		return nil, err
	}
	if f.Type != tap.FlowSelector {
		return nil, view.Errorf(view.Invalid, "", "tap flow %s has no members: it is of type %s",
			f.Name, f.Type)
	}

	selected := e.members.Members(f.ID)
	out := make([]view.Member, len(selected))
	for i, m := range selected {
		out[i] = e.present.Member(intent.NewMember(m.Flow, m.Guest, m.MAC))
	}
	return out, nil
}
