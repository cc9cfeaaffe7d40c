package engine

import (
	"context"
	"log/slog"

	"github.com/tapline-sdn/tapline/controller/engine/fleet"
	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/engine/standing"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// The parts that work out how things stand and tell watchers of it. The caller holds mu.

// judge works out the health of a service or a flow again, and publishes what is another.
func (e *Engine) judge(id intent.Ref) { e.publishRefs(e.standing.Judge(id)) }

// judgeAll is judge for all that may be affected by something.
func (e *Engine) judgeAll(affected standing.Affected) {
	e.publishRefs(e.standing.JudgeAll(affected))
}

func (e *Engine) publishRefs(changed []intent.Ref) {
	for _, id := range changed {
		e.publishRef(id)
	}
	e.logStates(changed)
}

// maxStateLines bounds how many services and flows that change together get a line of the log each.
const maxStateLines = 32

// logStates writes a line for each service and flow that became ready, pending, disabled or failed;
// of many one for each state.
func (e *Engine) logStates(changed []intent.Ref) {
	counts := map[tap.State]int{}
	lines := 0
	for _, id := range changed {
		health, differs := e.standing.NewState(id)
		if !differs {
			continue
		}

		if lines++; lines > maxStateLines {
			counts[health.State]++
			continue
		}

		e.log.Log(context.Background(), stateLevel(health.State), "state is "+string(health.State),
			string(id.Kind), e.intent.Name(id), "reason", health.Reason, "reason_code", health.Code)
	}

	for state, n := range counts {
		e.log.Log(context.Background(), stateLevel(state),
			"state of more tap flows and services is "+string(state), "count", n)
	}
}

func stateLevel(state tap.State) slog.Level {
	if state == tap.StateError {
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// judgeHost works out the health of a host again, and publishes the host if its view may be
// another.
func (e *Engine) judgeHost(h *fleet.Host) {
	now := h.CurrentHealth()
	if now == h.Health && !h.Altered {
		return
	}

	h.Health, h.Altered = now, false

	if e.events.Unwatched() {
		h.Published = nil
		e.events.Touch(h.ID)
		return
	}

	if record := e.intent.Hosts.ByID[h.ID]; record != nil {
		e.publishHost(record, "updated")
	}
}

// markChanged notes that a service or a flow was changed by its user: what was known of it no
// longer counts, but for what the plugin has said meanwhile. It reports whether its health is
// another by that, which the caller publishes together with the change.
func (e *Engine) markChanged(id intent.Ref) bool {
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
