package engine

import (
	"context"
	"fmt"

	"github.com/tapline-sdn/tapline/controller/engine/events"
	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Watch starts a walk through what happens; see [History.Watch].
func (e *Engine) Watch(after string) (w *events.Watch, known bool) { return e.events.Watch(after) }

func eventType(created bool) string {
	if created {
		return "created"
	}
	return "updated"
}

// publishRef publishes a service or a flow that has changed. The caller holds mu, here and below.
func (e *Engine) publishRef(id intent.Ref) {
	if e.events.Unwatched() {
		e.events.Touch(id.ID)
		return
	}

	if id.Kind == tap.KindService {
		if s := e.intent.Services.ByID[id.ID]; s != nil {
			v := e.present.Service(s)
			e.events.Publish(events.Event{Type: "updated", Service: &v})
		}
		return
	}

	if f := e.intent.Flows.ByID[id.ID]; f != nil {
		v := e.present.Flow(f)
		e.events.Publish(events.Event{Type: "updated", Flow: &v})
	}
}

// publishGuest publishes that a guest has changed, appeared or disappeared. One that has
// disappeared is shown as record, if it was declared.
func (e *Engine) publishGuest(id string, record *store.Guest) {
	_, existed := e.published[id]
	if e.events.Unwatched() {
		if e.existsGuest(id) {
			e.published.Add(id)
		} else {
			delete(e.published, id)
		}
		e.events.Touch(id)
		return
	}

	v, exists := e.present.Guest(id)
	switch {
	case exists:
		e.published.Add(id)
		e.events.Publish(events.Event{Type: eventType(!existed), Guest: &v})
	case existed:
		delete(e.published, id)
		v, _ = e.present.GuestAs(id, record)
		e.events.Publish(events.Event{Type: "deleted", Guest: &v})
	}
}

// renamed publishes everything whose view shows the name of a service, guest or host.
func (e *Engine) renamed(id string) {
	if e.events.Unwatched() {
		return
	}

	host := e.intent.Hosts.ByID[id] != nil
	for _, s := range e.intent.Services.ByID {
		if s.TargetID == id ||
			host && s.Type == tap.ServiceGuest && e.present.Service(s).HostID == id {
			e.publishRef(intent.ServiceRef(s.ID))
		}
	}

	for _, f := range e.intent.Flows.ByID {
		if f.TapID == id || f.GuestID == id || f.HostID == id {
			e.publishRef(intent.FlowRef(f.ID))
		}
	}
}

// wait reads the view of an object again after each of its events, until read reports that it has
// settled.
func wait[V any](ctx context.Context, e *Engine, id string, read func() (V, bool, error)) (V,
	error) {
	for {
		changed, stopped := e.events.Changed(id)
		v, settled, err := read()
		switch {
		case err != nil || settled:
			return v, err
		case stopped:
			return v, view.Errorf(view.Unavailable, "",
				"the controller is stopping; what was asked for is stored")
		}

		select {
		case <-changed:
		case <-ctx.Done():
			return v, fmt.Errorf("still pending: %w", ctx.Err())
		}
	}
}
