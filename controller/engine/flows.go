package engine

import (
	"context"
	"time"

	"github.com/tapline-sdn/tapline/controller/engine/change"
	"github.com/tapline-sdn/tapline/controller/engine/events"
	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/engine/publish"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// resolve replaces names in a flow by ids. It takes mu.
func (e *Engine) resolve(f *tap.Flow) error {
	return e.locked(func() error { return e.checker.Resolve(f) })
}

// CreateFlow stores a tap flow.
func (e *Engine) CreateFlow(ctx context.Context, f store.Flow) (view.Flow, error) {
	f = change.NewFlow(f)
	if err := e.checkWindow(&f, nil); err != nil {
		return view.Flow{}, err
	}
	asked := f.Flow
	if err := e.resolve(&f.Flow); err != nil {
		return view.Flow{}, err
	}
	defer e.write.Beside("name "+f.Name, "source "+f.TapID+" "+f.GuestID+f.HostID+f.Selector)()

	again := asked // What it names may have been deleted while it waited.
	if err := e.resolve(&again); err != nil {
		return view.Flow{}, err
	}
	if again != f.Flow {
		return view.Flow{}, view.Errorf(view.Stale, "",
			"what it refers to was changed meanwhile; try again")
	}

	checked, err := e.check(ctx, tap.Resource{Flow: &f.Flow})
	if err != nil {
		return view.Flow{}, err
	}

	f.Flow = *checked.Flow
	if err := save(ctx, e, e.intent.Flows, &f, nil, e.commitAnnounced(&f)); err != nil {
		return view.Flow{}, err
	}

	return e.tookFlow(&f, nil), nil
}

// UpdateFlow changes a tap flow.
func (e *Engine) UpdateFlow(ctx context.Context, name string, ifRevision uint64,
	edit func(*store.Flow) error) (view.Flow, error) {
	e.write.Lock()
	defer e.write.Unlock()

	before, f, err := begin(e, e.intent.Flows, name, ifRevision)
	if err != nil {
		return view.Flow{}, err
	}

	if err := edit(&f); err != nil {
		return view.Flow{}, err
	}
	otherwise, err := change.ChangedFlow(&f, before)
	if err != nil {
		return view.Flow{}, err
	}
	if f.Equal(before) {
		return e.tookFlow(&f, before), nil
	}
	if err := e.checkWindow(&f, before); err != nil {
		return view.Flow{}, err
	}

	if otherwise {
		if err := e.resolve(&f.Flow); err != nil {
			return view.Flow{}, err
		}
		checked, err := e.check(ctx, tap.Resource{Flow: &f.Flow})
		if err != nil {
			return view.Flow{}, err
		}
		f.Flow = *checked.Flow
	}

	if err := save(ctx, e, e.intent.Flows, &f, before, e.committerOf(&f, before)); err != nil {
		return view.Flow{}, err
	}

	return e.tookFlow(&f, before), nil
}

// checkWindow refuses a window in which a tap flow cannot run. It takes mu.
func (e *Engine) checkWindow(f, before *store.Flow) error {
	return e.locked(func() error { return e.checker.CheckWindow(f, before) })
}

// runs reports whether a tap flow is to run. It takes mu.
func (e *Engine) runs(f *store.Flow) bool {
	e.mu.Lock()
	defer e.mu.Unlock()

	return e.intent.Runs(f)
}

// committerOf returns what stores a changed tap flow, and with it what hosts may hold of it. It
// takes mu.
func (e *Engine) committerOf(f, before *store.Flow) committer {
	if f.Flow == before.Flow && f.EqualWindow(before.Window) {
		return e.commit // Its notes concern neither the plugin nor the switches.
	}

	commit := e.commitAnnounced(f)
	runs := e.runs(f)
	if f.Enabled != before.Enabled || runs != e.runs(before) {
		commit = e.withHold(intent.FlowRef(f.ID), runs, commit)
	}
	if f.TapID != before.TapID {
		commit = e.withFormer(before.TapID, commit)
	}
	return commit
}

// tookFlow takes over a stored flow. It takes mu.
func (e *Engine) tookFlow(f, before *store.Flow) view.Flow {
	e.mu.Lock()
	defer e.mu.Unlock()

	f.Created = f.CreatedAt
	id := intent.FlowRef(f.ID)
	if before != nil && f.Flow == before.Flow && f.EqualWindow(before.Window) {
		if !f.EqualNotes(before.Notes) {
			e.intent.Flows.Put(f)
			e.publish.Ref(id)
		}
		return e.present.Flow(f)
	}

	if before != nil {
		e.intent.FlowsOfService.Remove(before.TapID, f.ID)
	}
	ran := before != nil && e.intent.Runs(before)
	e.intent.Flows.Put(f)
	e.intent.Pass(f, time.Now())
	e.wakeWindows()
	e.intent.FlowsOfService.Add(f.TapID, f.ID)
	if before == nil {
		e.standing.Add(id)
	}
	if before != nil && before.TapID != f.TapID {
		e.standing.Move(id, before.TapID)
	}
	if !f.Unbounded() {
		e.planning.MarkFlow(f.ID) // A bound may have passed since it was announced.
	}
	if runs := e.intent.Runs(f); before != nil && (before.Enabled != f.Enabled || ran != runs) {
		e.leave(id, runs)
	}

	e.markChanged(id)
	e.wakeLeft()
	v := e.present.Flow(f)
	e.events.Publish(events.Event{Type: publish.EventType(before == nil), Flow: &v})
	if before == nil || before.TapID != f.TapID { // It counts its flows.
		e.publish.Ref(intent.ServiceRef(f.TapID))
	}
	if before != nil && before.TapID != f.TapID {
		e.publish.Ref(intent.ServiceRef(before.TapID))
	}

	return v
}

// WaitFlow waits until a tap flow has settled; see [Engine.WaitService].
func (e *Engine) WaitFlow(ctx context.Context, name string) (view.Flow, error) {
	v, err := e.Flow(name)
	if err != nil {
		return v, err
	}
	id := v.ID
	return wait(ctx, e, id, func() (view.Flow, bool, error) {
		v, err := e.Flow(id)
		return v, e.settled(intent.FlowRef(id), v.Health), err
	})
}
