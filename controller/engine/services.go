package engine

import (
	"context"
	"slices"

	"github.com/tapline-sdn/tapline/controller/engine/events"
	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/engine/publish"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// CreateService stores a tap service. Its key, unless it is the one of a remote collector that the
// user chose, and for a guest the address and name of its NIC, are made here. It is disabled.
func (e *Engine) CreateService(ctx context.Context, s store.Service) (view.Service, error) {
	e.write.Lock()
	defer e.write.Unlock()

	if err := e.locked(func() error { return e.checker.NewService(&s) }); err != nil {
		return view.Service{}, err
	}

	checked, err := e.check(ctx, tap.Resource{Service: &s.Service})
	if err != nil {
		return view.Service{}, err
	}

	s.Service = *checked.Service
	if s.Type != tap.ServiceRemote {
		if s.Key, err = e.config.Store.NextKey(ctx); err != nil {
			return view.Service{}, &view.Error{Kind: view.Unavailable,
				Message: "no key could be stored: " + err.Error(), Err: err}
		}
	}
	if err := save(ctx, e, e.intent.Services, &s, nil, e.commit); err != nil {
		return view.Service{}, err
	}

	return e.tookService(&s, nil), nil
}

// UpdateService changes the name, the notes, the rate limit or the members of a tap service, or
// whether it is enabled.
func (e *Engine) UpdateService(ctx context.Context, ref string, ifRevision uint64,
	edit func(*store.Service) error) (view.Service, error) {
	e.write.Lock()
	defer e.write.Unlock()

	before, s, err := begin(e, e.intent.Services, ref, ifRevision)
	if err != nil {
		return view.Service{}, err
	}

	if err := edit(&s); err != nil {
		return view.Service{}, err
	}
	if err := e.locked(func() error { return e.checker.ChangedService(&s, before) }); err != nil {
		return view.Service{}, err
	}

	planned := s.RateLimit != before.RateLimit || s.Dedup != before.Dedup ||
		!slices.Equal(s.Members, before.Members)
	if planned {
		if _, err := e.check(ctx, tap.Resource{Service: &s.Service}); err != nil {
			return view.Service{}, err
		}
	}

	if !s.Service.Equal(&before.Service) || !s.EqualNotes(before.Notes) {
		commit := committer(e.commit)
		if s.Enabled != before.Enabled {
			commit = e.withHold(intent.ServiceRef(s.ID), s.Enabled, commit)
		}
		if err := save(ctx, e, e.intent.Services, &s, before, commit); err != nil {
			return view.Service{}, err
		}
	}

	return e.tookService(&s, before), nil
}

// tookService takes over a stored service. It takes mu.
func (e *Engine) tookService(s, before *store.Service) view.Service {
	e.mu.Lock()
	defer e.mu.Unlock()

	id := intent.ServiceRef(s.ID)
	if before != nil && s.Service.Equal(&before.Service) {
		if !s.EqualNotes(before.Notes) {
			e.intent.Services.Put(s)
			e.publish.Ref(id)
		}
		return e.present.Service(s)
	}

	e.intent.Services.Put(s)
	e.intent.ServicesOf.Add(s.TargetID, s.ID)
	e.planning.MarkService(s.ID)
	e.planning.MarkAttachment(s.ID)
	if before == nil {
		e.places.ClaimService(&s.Service, true)
		if s.Type == tap.ServiceGuest {
			e.relook(s.MAC, s.IfName)
			e.repin(s.ID)
		}
	}

	e.order()
	if before == nil {
		e.standing.Add(id)
	}
	if before != nil && before.Enabled != s.Enabled {
		e.leave(id, s.Enabled)
	}

	changed := e.markChanged(id)
	if before != nil && !slices.Equal(before.Members, s.Members) {
		e.refollowFeeding(s.ID)
	}
	v := e.present.Service(s)
	e.events.Publish(events.Event{Type: publish.EventType(before == nil), Service: &v})
	if changed {
		e.publish.Refs(e.standing.JudgeFeeding(id))
	}
	// The plugin's word on its flows is about to change.
	if before == nil || before.Enabled != s.Enabled {
		for flow := range e.intent.FlowsOfService[s.ID] {
			if id := (intent.FlowRef(flow)); e.markChanged(id) {
				e.publish.Ref(id)
			}
		}
	}
	if before != nil && before.Name != s.Name {
		e.publish.Renamed(s.ID)
	}

	return v
}

// WaitGone waits until a deleted resource has left the switches and the store. When ctx ends
// before, it returns ctx's error.
func (e *Engine) WaitGone(ctx context.Context, id string) error {
	_, err := wait(ctx, e, id, func() (struct{}, bool, error) {
		e.mu.Lock()
		defer e.mu.Unlock()

		service, flow := e.intent.Services.ByID[id], e.intent.Flows.ByID[id]
		stays := service != nil && service.Deleting || flow != nil && flow.Deleting ||
			e.fleet.Retiring(id) != nil
		return struct{}{}, !stays, nil
	})
	return err
}

// WaitService waits until a tap service is no longer pending and, if it is disabled, until the
// switches have dropped what it had there. It returns the service; when ctx ends, as it is then,
// with ctx's error.
func (e *Engine) WaitService(ctx context.Context, name string) (view.Service, error) {
	v, err := e.Service(name)
	if err != nil {
		return v, err
	}
	id := v.ID
	return wait(ctx, e, id, func() (view.Service, bool, error) {
		v, err := e.Service(id)
		return v, e.settled(intent.ServiceRef(v.ID), v.Health), err
	})
}

func (e *Engine) settled(id intent.Ref, health view.Health) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return health.State != tap.StatePending && !e.standing.Leaves(id)
}
