package engine

import (
	"context"
	"time"

	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// FlowRows returns all tap flows by name, as little of them as it takes to choose among them.
func (e *Engine) FlowRows() []FlowRow {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := make([]FlowRow, 0, len(e.intent.flows.byID))
	for _, f := range e.intent.flows.sorted() {
		out = append(out, FlowRow{f, e.verdicts[ref{tap.KindFlow, f.ID}].health})
	}
	return out
}

// FlowViews returns the tap flows of rows as they are now, without those that are gone by now.
func (e *Engine) FlowViews(rows []FlowRow) []FlowView {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := make([]FlowView, 0, len(rows))
	for _, r := range rows {
		if f := e.intent.flows.byID[r.ID]; f != nil {
			out = append(out, e.flowView(f))
		}
	}
	return out
}

// Flow returns the tap flow of an id or name.
func (e *Engine) Flow(ref string) (FlowView, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f, err := e.intent.flows.get(ref)
	if err != nil {
		return FlowView{}, err
	}
	return e.flowView(f), nil
}

func (e *Engine) flowView(f *store.Flow) FlowView {
	v := FlowView{Flow: f, Health: e.verdicts[ref{tap.KindFlow, f.ID}].health, Counters: e.book.Flow(f.ID, time.Now())}
	if s := e.intent.services.byID[f.TapID]; s != nil {
		v.Tap = s.Name
	}
	if f.GuestID != "" {
		v.Guest = e.guestName(f.GuestID)
	}
	if f.HostID != "" {
		v.Host = e.hostName(f.HostID)
	}
	return v
}

// resolve replaces names by ids, and says which of them there is not.
func (e *Engine) resolve(f *tap.Flow) error {
	stored := "" // an id, whatever else is called so by now
	e.mu.Lock()
	s := e.intent.services.find(f.TapID)
	if before := e.intent.flows.byID[f.ID]; before != nil {
		stored = before.GuestID
	}
	e.mu.Unlock()
	if s == nil {
		return fail(Invalid, "tap_id", "there is no tap service %q", f.TapID)
	}
	f.TapID = s.ID
	var known bool
	if f.GuestID != "" && f.GuestID != stored {
		var err error
		if f.GuestID, err = e.guestRef("guest_id", f.GuestID, Invalid); err != nil {
			return err
		}
	}
	if f.HostID != "" {
		if f.HostID, known = e.hostID(f.HostID); !known {
			return fail(Invalid, "host_id", "there is no host %q", f.HostID)
		}
	}
	return nil
}

// CreateFlow stores a tap flow.
func (e *Engine) CreateFlow(ctx context.Context, f store.Flow) (FlowView, error) {
	f.ID, f.Meta = newID(), store.Meta{Request: f.Request, AppliedBy: f.AppliedBy}
	if f.Direction == "" {
		f.Direction = tap.Both
	}
	asked := f.Flow
	if err := e.resolve(&f.Flow); err != nil {
		return FlowView{}, err
	}
	defer e.write.beside("name "+f.Name, "source "+f.TapID+" "+f.GuestID+f.HostID)()
	again := asked // What it names may have been deleted while it waited.
	if err := e.resolve(&again); err != nil {
		return FlowView{}, err
	}
	if again != f.Flow {
		return FlowView{}, fail(Stale, "", "what it refers to was changed meanwhile; try again")
	}
	checked, err := e.check(ctx, tap.Resource{Flow: &f.Flow})
	if err != nil {
		return FlowView{}, err
	}
	f.Flow = *checked.Flow
	if err := save(ctx, e, e.intent.flows, &f, nil, e.foretelling(&f)); err != nil {
		return FlowView{}, err
	}
	return e.tookFlow(&f, nil), nil
}

// UpdateFlow changes a tap flow.
func (e *Engine) UpdateFlow(ctx context.Context, name string, ifRevision uint64, edit func(*store.Flow) error) (FlowView, error) {
	e.write.Lock()
	defer e.write.Unlock()
	before, f, err := begin(e, e.intent.flows, name, ifRevision)
	if err != nil {
		return FlowView{}, err
	}
	if err := edit(&f); err != nil {
		return FlowView{}, err
	}
	if f.ID != before.ID || f.Type != before.Type {
		return FlowView{}, fail(Invalid, "", "id and type of a tap flow cannot be changed; create another one instead")
	}
	if f.Flow == before.Flow {
		return e.tookFlow(&f, before), nil
	}
	same := before.Flow
	same.Name, same.Enabled = f.Name, f.Enabled
	if f.Flow != same { // More than its name or whether it runs.
		if err := e.resolve(&f.Flow); err != nil {
			return FlowView{}, err
		}
		checked, err := e.check(ctx, tap.Resource{Flow: &f.Flow})
		if err != nil {
			return FlowView{}, err
		}
		f.Flow = *checked.Flow
	}
	if err := save(ctx, e, e.intent.flows, &f, before, e.foretelling(&f)); err != nil {
		return FlowView{}, err
	}
	return e.tookFlow(&f, before), nil
}

// tookFlow takes a stored flow over.
func (e *Engine) tookFlow(f, before *store.Flow) FlowView {
	e.mu.Lock()
	defer e.mu.Unlock()
	f.Created = f.CreatedAt
	if before != nil {
		if f.Flow == before.Flow {
			return e.flowView(f)
		}
		e.intent.flowsOfService.remove(before.TapID, f.ID)
	}
	id := ref{tap.KindFlow, f.ID}
	e.intent.flows.put(f)
	e.intent.flowsOfService.add(f.TapID, f.ID)
	if before == nil {
		e.verdicts[id] = verdict{}
	}
	if before != nil && before.Enabled != f.Enabled {
		e.leave(id, f.Enabled)
	}
	e.changedRecord(id)
	e.checkLeaving()
	v := e.flowView(f)
	e.events.Publish(Event{Type: eventType(before == nil), Flow: &v})
	if before == nil || before.TapID != f.TapID { // It counts its flows.
		e.publishRef(ref{tap.KindService, f.TapID})
	}
	if before != nil && before.TapID != f.TapID {
		e.publishRef(ref{tap.KindService, before.TapID})
	}
	return v
}

// DeleteFlow deletes a tap flow.
func (e *Engine) DeleteFlow(ctx context.Context, name string, ifRevision uint64) error {
	e.write.Lock()
	defer e.write.Unlock()
	f, _, err := begin(e, e.intent.flows, name, ifRevision)
	if err != nil {
		return err
	}
	if err := erase(ctx, e, e.intent.flows, f, e.foretelling(nil)); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	v := e.flowView(f)
	e.intent.flows.remove(f.ID)
	e.intent.flowsOfService.remove(f.TapID, f.ID)
	e.forget(ref{tap.KindFlow, f.ID})
	e.stored(f.ID)
	e.checkLeaving()
	e.events.Publish(Event{Type: "deleted", Flow: &v})
	e.publishRef(ref{tap.KindService, f.TapID})
	return nil
}

// WaitFlow does for a tap flow what WaitService does for a tap service.
func (e *Engine) WaitFlow(ctx context.Context, name string) (FlowView, error) {
	v, err := e.Flow(name)
	if err != nil {
		return v, err
	}
	id := v.ID
	return wait(ctx, e, id, func() (FlowView, bool, error) {
		v, err := e.Flow(id)
		return v, e.settled(ref{tap.KindFlow, id}, v.Health), err
	})
}
