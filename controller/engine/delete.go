package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/tapline-sdn/tapline/controller/engine/events"
	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// A service or a flow that is deleted stays in the store, marked, until every switch that may have
// something of it was read back without that; see finish.go. One of which no switch has anything is
// erased at once.

// DeleteFlow deletes a tap flow. Where a switch may have something of it, it stays with the state
// deleting until that is gone; see [Engine.WaitGone].
func (e *Engine) DeleteFlow(ctx context.Context, name string, ifRevision uint64) error {
	e.write.Lock()
	defer e.write.Unlock()

	if e.isDeleting(intent.FlowRef, name) {
		return nil
	}

	before, f, err := begin(e, e.intent.Flows, name, ifRevision)
	if err != nil {
		return err
	}

	hold, holds := e.holdOf(intent.FlowRef(f.ID))
	if err := deleteRecord(ctx, e, e.intent.Flows, &f, before, hold, holds,
		e.commitAnnounced(nil)); err != nil {
		return err
	}

	e.mu.Lock()
	defer e.mu.Unlock()

	if !holds {
		e.removeFlow(before)
		return nil
	}

	f.Created = f.CreatedAt
	e.intent.Flows.Put(&f)
	e.markDeleting(intent.FlowRef(f.ID), hold)
	return nil
}

// DeleteService deletes a tap service that no flow feeds, as [Engine.DeleteFlow] deletes a flow.
func (e *Engine) DeleteService(ctx context.Context, name string, ifRevision uint64) error {
	e.write.Lock()
	defer e.write.Unlock()

	if e.isDeleting(intent.ServiceRef, name) {
		return nil
	}

	before, s, err := begin(e, e.intent.Services, name, ifRevision)
	if err != nil {
		return err
	}

	if err := e.checkUnfed(before); err != nil {
		return err
	}

	hold, holds := e.holdOf(intent.ServiceRef(s.ID))
	if err := deleteRecord(ctx, e, e.intent.Services, &s, before, hold, holds,
		e.commit); err != nil {
		return err
	}

	e.mu.Lock()
	defer e.mu.Unlock()

	e.places.ClaimService(&before.Service, false)
	if holds {
		e.intent.Services.Put(&s)
	} else {
		e.intent.Services.Remove(s.ID)
	}

	e.planning.MarkService(s.ID)
	e.order()
	if s.Type == tap.ServiceGuest {
		e.relook(s.MAC, s.IfName)
	}

	if holds {
		e.markDeleting(intent.ServiceRef(s.ID), hold)
	} else {
		e.removeService(before)
	}

	return nil
}

// checkUnfed refuses to delete a service that flows feed, but for those that are being deleted. It
// takes mu.
func (e *Engine) checkUnfed(s *store.Service) error {
	e.mu.Lock()
	defer e.mu.Unlock()

	flows := e.intent.FlowsTo(s.ID)
	switch len(flows) {
	case 0:
		return nil
	case 1:
		return view.Errorf(view.Conflict, "",
			"tap service %s is where tap flow %s goes; delete that first",
			s.Name, e.intent.Flows.ByID[flows[0]].Name)
	}

	return view.Errorf(view.Conflict, "",
		"tap service %s still has %d tap flows, such as %s; delete them first",
		s.Name, len(flows), e.intent.Flows.ByID[flows[0]].Name)
}

// isDeleting reports whether a service or a flow of an id or name is being deleted. It takes mu.
func (e *Engine) isDeleting(ref func(id string) intent.Ref, name string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()

	if ref("").Kind == tap.KindService {
		s := e.intent.Services.Find(name)
		return s != nil && s.Deleting
	}
	f := e.intent.Flows.Find(name)
	return f != nil && f.Deleting
}

// holdOf returns the hosts that may have something of a service or a flow. It is false if no switch
// has, or will have, anything of it. It takes mu.
func (e *Engine) holdOf(id intent.Ref) (hosts []string, holds bool) {
	e.mu.Lock()
	defer e.mu.Unlock()

	if e.config.imagined { // There are no switches.
		return nil, false
	}
	hosts = e.standing.MayHold(id)
	return hosts, len(hosts) > 0 || e.standing.Unanswered(id)
}

// deleteRecord commits the deletion of a record: it is erased, or marked with what hosts may hold
// of it.
func deleteRecord[T any](
	ctx context.Context, e *Engine, c *intent.Collection[T], record, before *T, hold []string,
	holds bool, commit committer,
) error {
	if !holds {
		return erase(ctx, e, c, before, commit)
	}
	if err := tellAudit(ctx, e, c, nil, before); err != nil {
		return err
	}

	id, name := c.Key(record)
	meta := c.Meta(record)
	meta.Deleting, meta.UpdatedAt = true, time.Now().UTC()
	value, err := json.Marshal(record)
	if err != nil {
		return fmt.Errorf("%s %s: %w", c.Noun, name, err)
	}

	ops := []store.Op{{Kind: c.Kind, ID: id, Value: value, IfRevision: c.Meta(before).Revision}}
	if len(hold) > 0 {
		ops = append(ops, holdOp(id, hold))
	}

	meta.Revision, err = commit(ctx, ops...)
	return err
}

// holdOp stores which hosts may hold something of a service or a flow.
func holdOp(id string, hosts []string) store.Op {
	value, err := json.Marshal(store.Hold{Hosts: hosts})
	if err != nil {
		panic(err) // Strings can be encoded.
	}
	return store.Op{Kind: store.KindHold, ID: id, Value: value}
}

// withHold returns a committer that also stores, or takes back, which hosts may hold something of a
// service or a flow that is being disabled or enabled.
func (e *Engine) withHold(id intent.Ref, enabled bool, commit committer) committer {
	return func(ctx context.Context, ops ...store.Op) (uint64, error) {
		hold, stored := e.holdToStore(id, enabled)
		switch {
		case len(hold) > 0:
			ops = append(ops, holdOp(id.ID, hold))
		case stored:
			ops = append(ops, store.Op{Kind: store.KindHold, ID: id.ID})
		}

		revision, err := commit(ctx, ops...)
		if err != nil {
			return 0, err
		}

		e.mu.Lock()
		defer e.mu.Unlock()

		if len(hold) > 0 {
			e.intent.Holds[id.ID] = hold
		} else {
			delete(e.intent.Holds, id.ID)
		}

		return revision, nil
	}
}

// holdToStore returns the hosts that may have something of a service or a flow that is being
// disabled, none of one that is being enabled, and whether some are stored. It takes mu.
func (e *Engine) holdToStore(id intent.Ref, enabled bool) (hosts []string, stored bool) {
	if !enabled {
		hosts, _ = e.holdOf(id)
	}
	e.mu.Lock()
	defer e.mu.Unlock()

	_, stored = e.intent.Holds[id.ID]
	return hosts, stored
}

// markDeleting takes over that a service or a flow was marked as deleted. The caller holds mu.
func (e *Engine) markDeleting(id intent.Ref, hold []string) {
	if len(hold) > 0 {
		e.intent.Holds[id.ID] = hold
	}

	e.standing.Leave(id)
	e.markChanged(id)
	e.publish.Ref(id)
	if id.Kind == tap.KindFlow {
		e.publish.Ref(intent.ServiceRef(e.intent.Flows.ByID[id.ID].TapID)) // It counts its flows.
	}

	e.wakeLeft()
}

// removeFlow takes over that a flow was erased from the store. The caller holds mu.
func (e *Engine) removeFlow(f *store.Flow) {
	v := e.present.Flow(f)
	e.settle(f.ID)
	e.intent.Flows.Remove(f.ID)
	e.intent.FlowsOfService.Remove(f.TapID, f.ID)
	delete(e.intent.Holds, f.ID)
	e.standing.Forget(intent.FlowRef(f.ID))
	e.book.ForgetFlow(f.ID)

	e.events.Publish(events.Event{Type: "deleted", Flow: &v})
	e.publish.Ref(intent.ServiceRef(f.TapID))
}

// removeService takes over that a service was erased from the store. The caller holds mu.
func (e *Engine) removeService(s *store.Service) {
	v := e.present.Service(s)
	e.intent.Services.Remove(s.ID)
	delete(e.intent.Holds, s.ID)
	delete(e.intent.Places, s.ID)
	delete(e.unstoredPlaces, s.ID)
	e.intent.ServicesOf.Remove(s.TargetID, s.ID)
	e.standing.Forget(intent.ServiceRef(s.ID))
	e.book.ForgetService(s.ID)

	e.events.Publish(events.Event{Type: "deleted", Service: &v})
}
