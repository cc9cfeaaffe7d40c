package engine

import (
	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/engine/standing"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// The parts that work out how things stand and tell watchers of it. The caller holds mu.

// judge works out the health of a service or a flow again, and publishes what is another.
func (e *Engine) judge(id intent.Ref) { e.publish.Refs(e.standing.Judge(id)) }

// judgeAll is judge for all that may be affected by something.
func (e *Engine) judgeAll(affected standing.Affected) {
	e.publish.Refs(e.standing.JudgeAll(affected))
}

// markChanged notes that a service or a flow was changed by its user: what was known of it no
// longer counts, but for what the plugin has said meanwhile. It reports whether its health is
// another by that, which the caller publishes together with the change.
func (e *Engine) markChanged(id intent.Ref) bool {
	if id.Kind == tap.KindFlow {
		e.refollow(id.ID) // The plugin is told of its members before it answers.
	}
	e.standing.MarkChanged(id, e.planning.Last())
	e.settle(id.ID)
	return e.standing.JudgeOne(id)
}

// leave notes that a service or a flow was disabled or enabled: what a disabled one has on the
// switches is to leave them.
func (e *Engine) leave(id intent.Ref, enabled bool) {
	if enabled {
		e.standing.Return(id)
	} else {
		e.standing.Leave(id)
	}
}

// wakeLeft tells of services and flows whose objects have left the switches, and has that written
// down.
func (e *Engine) wakeLeft() {
	for _, id := range e.standing.Left() {
		e.judge(id)
		e.events.Touch(id.ID)
		e.finishing[id] = struct{}{}
		e.wakeFinish()
	}
}

// Count tells how many hosts, tap flows and tap services are in each state.
func (e *Engine) Count() (hosts, flows, services view.Counts) {
	e.mu.Lock()
	defer e.mu.Unlock()

	return e.standing.Count()
}
