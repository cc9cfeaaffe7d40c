package engine

import (
	"context"

	"github.com/tapline-sdn/tapline/controller/engine/change"
	"github.com/tapline-sdn/tapline/controller/engine/events"
	"github.com/tapline-sdn/tapline/controller/engine/intent"
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

	if isDeleting(e, e.intent.Flows, name) {
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

	if isDeleting(e, e.intent.Services, name) {
		return nil
	}

	before, s, err := begin(e, e.intent.Services, name, ifRevision)
	if err != nil {
		return err
	}

	if err := e.locked(func() error { return e.checker.Unfed(before) }); err != nil {
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

// isDeleting reports whether a record of an id or name is being deleted. It takes mu.
func isDeleting[T any](e *Engine, c *intent.Collection[T], ref string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()

	return change.Deleting(c, ref)
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
	return markDeleted(ctx, e, c, record, before, hold, commit)
}

// withHold returns a committer that also stores, or takes back, which hosts may hold something of a
// service or a flow that is being disabled or enabled.
func (e *Engine) withHold(id intent.Ref, enabled bool, commit committer) committer {
	return func(ctx context.Context, ops ...store.Op) (uint64, error) {
		hold, stored := e.holdToStore(id, enabled)
		switch {
		case len(hold) > 0:
			ops = append(ops, change.HoldOp(id.ID, hold))
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
// disabled, or what one that is being enabled needs no longer, and whether some are stored. It
// takes mu.
func (e *Engine) holdToStore(id intent.Ref, enabled bool) (hosts []string, stored bool) {
	if !enabled {
		hosts, _ = e.holdOf(id)
	}

	e.mu.Lock()
	defer e.mu.Unlock()

	if enabled {
		hosts = e.standing.Outdated(id)
	}
	_, stored = e.intent.Holds[id.ID]
	return hosts, stored
}

// withFormer returns a committer that also stores which hosts may still copy to a service that a
// flow no longer feeds.
func (e *Engine) withFormer(service string, commit committer) committer {
	return func(ctx context.Context, ops ...store.Op) (uint64, error) {
		hold, holds := e.holdOf(intent.ServiceRef(service))
		if !holds || len(hold) == 0 {
			return commit(ctx, ops...)
		}

		revision, err := commit(ctx, append(ops, change.HoldOp(service, hold))...)
		if err != nil {
			return 0, err
		}

		e.mu.Lock()
		defer e.mu.Unlock()

		e.intent.Holds[service] = hold
		return revision, nil
	}
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
	e.refollow(f.ID)
	e.intent.FlowsOfService.Remove(f.TapID, f.ID)
	e.intent.Forget(f.ID)
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
