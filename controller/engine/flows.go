package engine

import (
	"context"

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
	asked := f.Flow
	if err := e.resolve(&f.Flow); err != nil {
		return view.Flow{}, err
	}
	defer e.write.Beside("name "+f.Name, "source "+f.TapID+" "+f.GuestID+f.HostID)()

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
	if f.Flow == before.Flow {
		return e.tookFlow(&f, before), nil
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

	commit := e.commitAnnounced(&f)
	if f.Enabled != before.Enabled {
		commit = e.withHold(intent.FlowRef(f.ID), f.Enabled, commit)
	}
	if f.TapID != before.TapID {
		commit = e.withFormer(before.TapID, commit)
	}
	if err := save(ctx, e, e.intent.Flows, &f, before, commit); err != nil {
		return view.Flow{}, err
	}

	return e.tookFlow(&f, before), nil
}

// tookFlow takes over a stored flow. It takes mu.
func (e *Engine) tookFlow(f, before *store.Flow) view.Flow {
	e.mu.Lock()
	defer e.mu.Unlock()

	f.Created = f.CreatedAt
	if before != nil {
		if f.Flow == before.Flow {
			return e.present.Flow(f)
		}
		e.intent.FlowsOfService.Remove(before.TapID, f.ID)
	}

	id := intent.FlowRef(f.ID)
	e.intent.Flows.Put(f)
	e.intent.FlowsOfService.Add(f.TapID, f.ID)
	if before == nil {
		e.standing.Add(id)
	}
	if before != nil && before.TapID != f.TapID {
		e.standing.Move(id, before.TapID)
	}
	if before != nil && before.Enabled != f.Enabled {
		e.leave(id, f.Enabled)
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
