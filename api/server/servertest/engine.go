package servertest

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/tapline-sdn/tapline/api/server"
	"github.com/tapline-sdn/tapline/controller/capture"
	"github.com/tapline-sdn/tapline/controller/engine/events"
	"github.com/tapline-sdn/tapline/controller/engine/explain"
	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

var _ server.Engine = (*Engine)(nil)

// Epoch is when the first record was made. Each change is one second later.
var Epoch = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// historyLen is how many events the engine remembers.
const historyLen = 1024

// Engine is a server.Engine in memory. Its methods without comments are those of server.Engine.
type Engine struct {
	Captures
	events *events.History

	mu       sync.Mutex
	revision uint64
	idsMade  int
	health   map[string]view.Health    // by id, of enabled resources
	leaving  map[string]bool           // by id: the switches still have something of it
	deleting map[string]bool           // by id: it was deleted, and is leaving
	tunnels  map[string]netip.Addr     // by id of the host: learned address
	places   map[string]string         // by id of the service: id of the host
	remains  map[string][]string       // by id of the host: what may still copy there
	twins    map[string][]explain.Twin // by name of the flow
	changed  chan struct{}             // closed at each change
	unready  error

	hosts    records[store.Host, view.Host]
	guests   records[guestRecord, view.Guest]
	services records[store.Service, view.Service]
	flows    records[store.Flow, view.Flow]
}

// New returns an engine without resources.
func New() *Engine {
	e := &Engine{
		health:   make(map[string]view.Health),
		leaving:  make(map[string]bool),
		deleting: make(map[string]bool),
		tunnels:  make(map[string]netip.Addr),
		places:   make(map[string]string),
		remains:  make(map[string][]string),
		twins:    make(map[string][]explain.Twin),
		changed:  make(chan struct{}),
		events:   events.New(historyLen),
		Captures: Captures{Hub: capture.NewHub()},
	}
	e.hosts = e.newHosts()
	e.guests = e.newGuests()
	e.services = e.newServices()
	e.flows = e.newFlows()

	return e
}

// SetHealth sets the state that the resource with an id has while it is enabled. It is pending
// until then.
func (e *Engine) SetHealth(id string, state tap.State, reason string) {
	e.set(func() { e.health[id] = view.Health{State: state, Reason: reason} })
}

// SetTwins sets which flows may deliver the same packet as the flow of a name.
func (e *Engine) SetTwins(flow string, twins ...explain.Twin) {
	e.set(func() { e.twins[flow] = twins })
}

// SetReady sets what Ready returns.
func (e *Engine) SetReady(err error) { e.set(func() { e.unready = err }) }

// SetLeaving sets whether the switches still have something of the resource with an id. If it was
// deleted, it goes when they have nothing any more.
func (e *Engine) SetLeaving(id string, leaving bool) {
	e.set(func() {
		e.leaving[id] = leaving
		if leaving || !e.deleting[id] {
			return
		}

		delete(e.deleting, id)
		e.hosts.dropLocked(id)
		e.services.dropLocked(id)
		e.flows.dropLocked(id)
	})
}

// LearnTunnel sets the tunnel address that the switch of a host reports. It counts where none is
// declared.
func (e *Engine) LearnTunnel(id string, addr netip.Addr) { e.set(func() { e.tunnels[id] = addr }) }

// SetMayStillCopy sets the names of what may still copy on a host.
func (e *Engine) SetMayStillCopy(hostID string, names ...string) {
	e.set(func() { e.remains[hostID] = names })
}

// LearnGuest adds a guest that the switches report.
func (e *Engine) LearnGuest(g view.Guest) {
	e.set(func() {
		e.guests.putLocked(guestRecord{Guest: store.Guest{ID: g.ID, Name: g.Name}, learned: &g})
		e.publishLocked("created", events.Event{Guest: &g})
	})
}

// set changes the state under the lock, and wakes those that wait for a change.
func (e *Engine) set(change func()) {
	e.mu.Lock()
	defer e.mu.Unlock()

	change()
	e.wakeLocked()
}

func (e *Engine) wakeLocked() {
	close(e.changed)
	e.changed = make(chan struct{})
}

// Stop ends every watch, as a controller does that stops.
func (e *Engine) Stop() { e.events.Close() }

// Publish publishes an event that no change of the engine causes.
func (e *Engine) Publish(ev events.Event) { e.events.Publish(ev) }

func (e *Engine) publishLocked(what string, ev events.Event) {
	ev.Type = what
	e.events.Publish(ev)
	e.wakeLocked()
}

// stampLocked returns the meta data of a record that is written now.
func (e *Engine) stampLocked(old store.Meta) store.Meta {
	e.revision++
	now := Epoch.Add(time.Duration(e.revision-1) * time.Second)

	if old.CreatedAt.IsZero() {
		old.CreatedAt = now
	}
	old.Revision, old.UpdatedAt = e.revision, now
	return old
}

func (e *Engine) newIDLocked(prefix string) string {
	e.idsMade++

	return fmt.Sprintf("%s-%d", prefix, e.idsMade)
}

// healthLocked returns the health of a resource.
func (e *Engine) healthLocked(id string, enabled bool) view.Health {
	if e.deleting[id] {
		return view.Health{
			State: "deleting", Code: view.CodeMayStillCopy,
			Reason: "host h1 cannot be reached and may still copy",
		}
	}
	if !enabled {
		return view.Health{State: tap.StateDisabled}
	}
	if h, ok := e.health[id]; ok {
		return h
	}

	return view.Health{State: tap.StatePending, Reason: "waiting for the switch",
		Code: view.CodeProgramming}
}

func (e *Engine) Ready() error {
	e.mu.Lock()
	defer e.mu.Unlock()

	return e.unready
}

func (e *Engine) Watch(after string) (*events.Watch, bool) { return e.events.Watch(after) }

func (e *Engine) Creations() []intent.Creation {
	e.mu.Lock()
	defer e.mu.Unlock()

	return slices.Concat(
		e.hosts.creationsLocked(), e.services.creationsLocked(), e.flows.creationsLocked())
}

func (e *Engine) WaitGone(ctx context.Context, id string) error {
	for {
		e.mu.Lock()
		leaving, changed := e.leaving[id], e.changed
		e.mu.Unlock()
		if !leaving {
			return nil
		}

		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}
