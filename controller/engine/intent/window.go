package intent

import (
	"time"

	"github.com/tapline-sdn/tapline/controller/store"
)

// timed is the phase of a tap flow that has a window.
type timed struct {
	window store.Window
	phase  store.Phase
}

// Phase returns the phase that counts for a tap flow. It is the one noted by [Intent.Pass] if the
// flow's window is still the same, and otherwise that of the present time.
func (in *Intent) Phase(f *store.Flow) store.Phase {
	if t, known := in.timed[f.ID]; known && t.window.EqualWindow(f.Window) {
		return t.phase
	}
	return f.Phase(time.Now())
}

// Pass notes the phase of a tap flow at a moment, and reports whether it is another than before.
// While the window stays the same, the phase only advances: a clock that is set back neither stops
// a flow that has started nor revives one that has expired.
func (in *Intent) Pass(f *store.Flow, now time.Time) (advanced bool) {
	before, known := in.timed[f.ID]
	if f.Unbounded() {
		delete(in.timed, f.ID)
		return known && before.phase != store.Inside
	}

	phase := f.Phase(now)
	if known && before.window.EqualWindow(f.Window) {
		phase = max(phase, before.phase)
	}
	in.timed[f.ID] = timed{window: f.Window, phase: phase}
	return phase != before.phase
}

// Forget drops the phase of a tap flow that is no longer stored.
func (in *Intent) Forget(flow string) { delete(in.timed, flow) }

// Due returns the ids of the tap flows whose next bound is not after a moment, and the earliest
// bound of the others; zero if there is none.
func (in *Intent) Due(now time.Time) (due []string, next time.Time) {
	for id, t := range in.timed {
		bound := t.window.Next(t.phase)
		switch {
		case bound.IsZero():
		case !now.Before(bound):
			due = append(due, id)
		case next.IsZero() || bound.Before(next):
			next = bound
		}
	}
	return due, next
}

// Expired returns the ids of the tap flows that have expired.
func (in *Intent) Expired() (ids []string) {
	for id, t := range in.timed {
		if t.phase == store.Expired {
			ids = append(ids, id)
		}
	}
	return ids
}

// Runs reports whether a tap flow is enabled and inside its window.
func (in *Intent) Runs(f *store.Flow) bool { return f.Enabled && in.Phase(f) == store.Inside }
