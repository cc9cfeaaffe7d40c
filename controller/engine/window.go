package engine

import (
	"context"
	"errors"
	"time"

	"github.com/tapline-sdn/tapline/controller/audit"
	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/store"
)

// windowPoll is how often the clock is looked at while tap flows have bounds in the future. Timers
// run on a clock of their own, which neither a step of the system clock nor a suspended machine
// moves.
const windowPoll = time.Second

// keepWindows switches tap flows on and off at their times, until ctx ends. It looks at the records
// and the clock alone, so what was missed is made up for.
func (e *Engine) keepWindows(ctx context.Context) {
	stored := false // Some may have expired while no controller ran.
	for {
		passed, next := e.passWindows(time.Now())
		if passed || !stored {
			stored = e.storeExpired(ctx)
		}

		var look <-chan time.Time
		switch {
		case !next.IsZero():
			look = time.After(max(0, min(time.Until(next), windowPoll)))
		case !stored:
			look = time.After(finishRetry)
		}

		select {
		case <-ctx.Done():
			return
		case <-e.windowWake:
		case <-look:
		}
	}
}

// wakeWindows has the times of tap flows looked at again.
func (e *Engine) wakeWindows() {
	select {
	case e.windowWake <- struct{}{}:
	default: // It is awake already.
	}
}

// passWindows switches the tap flows whose time has come or passed by now. It reports whether there
// were any, and when the next one's does; zero if there is none. Nothing is stored: a flow goes off
// the switches even while the store fails. It takes mu.
func (e *Engine) passWindows(now time.Time) (passed bool, next time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()

	due, next := e.intent.Due(now)
	for _, flow := range due {
		f, id := e.intent.Flows.ByID[flow], intent.FlowRef(flow)
		ran := e.intent.Runs(f)
		e.intent.Pass(f, now)
		if f.Deleting {
			continue
		}

		e.log.Info("the time of a tap flow has come", "tap_flow", f.Name, "starts_at", f.StartsAt,
			"expires_at", f.ExpiresAt, "runs", e.intent.Runs(f))
		e.planning.MarkFlow(flow)
		if runs := e.intent.Runs(f); runs != ran {
			e.leave(id, runs)
		}
		e.markChanged(id)
		e.publish.Ref(id)
	}

	if len(due) > 0 {
		e.wakeLeft()
		_, next = e.intent.Due(now) // What has started ends some time.
	}
	return len(due) > 0, next
}

// storeExpired writes down that expired tap flows are disabled, and reports whether all of them
// are. It takes write and mu.
func (e *Engine) storeExpired(ctx context.Context) (all bool) {
	all = true
	for _, id := range e.unstoredExpired() {
		if err := e.storeExpiry(ctx, id); err != nil && ctx.Err() == nil {
			e.log.Error("a tap flow has expired and is off, which could not be stored; it is "+
				"tried again", "tap_flow", id, "error", err)
			all = false
		}
	}
	return all
}

// unstoredExpired returns the ids of the tap flows that have expired and are stored as enabled. It
// takes mu.
func (e *Engine) unstoredExpired() (ids []string) {
	e.mu.Lock()
	defer e.mu.Unlock()

	for _, id := range e.intent.Expired() {
		if f := e.intent.Flows.ByID[id]; f.Enabled && !f.Deleting {
			ids = append(ids, id)
		}
	}
	return ids
}

// storeExpiry stores an expired tap flow as disabled. It is not if it was changed meanwhile.
func (e *Engine) storeExpiry(ctx context.Context, id string) error {
	ctx = audit.With(ctx, &audit.Request{
		Actor: audit.Actor{Type: "controller", Name: "system"}, Action: "expire",
	})

	_, err := e.UpdateFlow(ctx, id, 0, func(f *store.Flow) error {
		return e.locked(func() error {
			f.Enabled = f.Enabled && e.intent.Phase(f) != store.Expired
			return nil
		})
	})

	var refused *view.Error
	if !errors.As(err, &refused) {
		return err
	}
	if refused.Kind == view.NotFound || refused.Kind == view.Conflict {
		return nil // It was deleted meanwhile.
	}
	return err
}
