package publish

import (
	"context"
	"log/slog"
	"reflect"

	"github.com/tapline-sdn/tapline/controller/engine/events"
	"github.com/tapline-sdn/tapline/controller/engine/fleet"
	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/engine/present"
	"github.com/tapline-sdn/tapline/controller/engine/standing"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/sets"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Publisher tells what has changed.
type Publisher struct {
	history  *events.History
	intent   *intent.Intent
	fleet    *fleet.Fleet
	standing *standing.Table
	views    *present.Presenter
	log      *slog.Logger
	guests   sets.Set // ids of guests that watchers know
}

// New returns a publisher to a history. Watchers are taken to know the guests that were declared.
func New(history *events.History, in *intent.Intent, hosts *fleet.Fleet, table *standing.Table,
	views *present.Presenter, log *slog.Logger) *Publisher {
	p := &Publisher{history: history, intent: in, fleet: hosts, standing: table, views: views,
		log: log, guests: sets.Set{}}
	for id := range in.Guests.ByID {
		p.guests.Add(id)
	}
	return p
}

// Ref publishes a service or a flow that has changed.
func (p *Publisher) Ref(id intent.Ref) {
	if p.history.Unwatched() || p.intent.Captures[id.ID] != nil {
		p.history.Touch(id.ID) // Watchers see no live captures.
		return
	}

	if id.Kind == tap.KindService {
		if s := p.intent.Services.ByID[id.ID]; s != nil {
			v := p.views.Service(s)
			p.history.Publish(events.Event{Type: "updated", Service: &v})
		}
		return
	}

	if f := p.intent.Flows.ByID[id.ID]; f != nil {
		v := p.views.Flow(f)
		p.history.Publish(events.Event{Type: "updated", Flow: &v})
	}
}

// Guest publishes that a guest has changed, appeared or disappeared. One that has
// disappeared is shown as record, if it was declared.
func (p *Publisher) Guest(id string, record *store.Guest) {
	_, existed := p.guests[id]
	if p.history.Unwatched() {
		if p.intent.Guests.ByID[id] != nil || p.fleet.Places.SeesGuest(id) {
			p.guests.Add(id)
		} else {
			delete(p.guests, id)
		}
		p.history.Touch(id)
		return
	}

	v, exists := p.views.Guest(id)
	switch {
	case exists:
		p.guests.Add(id)
		p.history.Publish(events.Event{Type: EventType(!existed), Guest: &v})
	case existed:
		delete(p.guests, id)
		v, _ = p.views.GuestAs(id, record)
		p.history.Publish(events.Event{Type: "deleted", Guest: &v})
	}
}

// Renamed publishes everything whose view shows the name of a service, guest or host.
func (p *Publisher) Renamed(id string) {
	if p.history.Unwatched() {
		return
	}

	host := p.intent.Hosts.ByID[id] != nil
	for _, s := range p.intent.Services.ByID {
		if s.TargetID == id ||
			host && s.Type == tap.ServiceGuest && p.views.Service(s).HostID == id {
			p.Ref(intent.ServiceRef(s.ID))
		}
	}

	for _, f := range p.intent.Flows.ByID {
		if f.TapID == id || f.GuestID == id || f.HostID == id {
			p.Ref(intent.FlowRef(f.ID))
		}
	}
}

// HostHealth works out the health of a host again, and publishes the host if its view may be
// another.
func (p *Publisher) HostHealth(h *fleet.Host) {
	now := h.CurrentHealth()
	if now == h.Health && !h.Altered {
		return
	}

	h.Health, h.Altered = now, false

	if p.history.Unwatched() {
		h.Published = nil
		p.history.Touch(h.ID)
		return
	}

	if record := p.intent.Hosts.ByID[h.ID]; record != nil {
		p.Host(record, "updated")
	}
}

// Host tells that a host was created or updated, unless its watchers have seen it so: most
// of what a snapshot shows is not in a view.
func (p *Publisher) Host(record *store.Host, event string) view.Host {
	v := p.views.Host(record)
	h := p.fleet.Running[record.ID]
	if h != nil && h.Published != nil && reflect.DeepEqual(*h.Published, v) {
		return v
	}
	if h != nil {
		h.Published = &v
	}

	p.history.Publish(events.Event{Type: event, Host: &v})
	return v
}

// Refs publishes services and flows whose health has changed, and logs states that are new.
func (p *Publisher) Refs(changed []intent.Ref) {
	for _, id := range changed {
		p.Ref(id)
	}
	p.logStates(changed)
}

// maxStateLines bounds how many services and flows that change together get a line of the log each.
const maxStateLines = 32

// logStates writes a line for each service and flow that became ready, pending, disabled or failed;
// of many one for each state.
func (p *Publisher) logStates(changed []intent.Ref) {
	counts := map[tap.State]int{}
	lines := 0
	for _, id := range changed {
		health, differs := p.standing.NewState(id)
		if !differs {
			continue
		}

		if lines++; lines > maxStateLines {
			counts[health.State]++
			continue
		}

		p.log.Log(context.Background(), stateLevel(health.State), "state is "+string(health.State),
			string(id.Kind), p.intent.Name(id), "reason", health.Reason, "reason_code", health.Code)
	}

	for state, n := range counts {
		p.log.Log(context.Background(), stateLevel(state),
			"state of more tap flows and services is "+string(state), "count", n)
	}
}

func stateLevel(state tap.State) slog.Level {
	if state == tap.StateError {
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// EventType is the type of the event that tells of an object which was created or changed.
func EventType(created bool) string {
	if created {
		return "created"
	}
	return "updated"
}
