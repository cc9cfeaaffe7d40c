package servertest

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tapline-sdn/tapline/api/server"
	"github.com/tapline-sdn/tapline/controller/engine"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

var _ server.Engine = (*Engine)(nil)

// Epoch is when the first record was made; each change is one second later.
var Epoch = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// Engine is a server.Engine in memory.
type Engine struct {
	mu       sync.Mutex
	revision uint64
	made     int
	health   map[string]engine.Health // by id, of what is enabled
	leaving  map[string]bool          // by id
	tunnels  map[string]netip.Addr    // learned, by id of the host
	changed  chan struct{}            // closed at each change
	events   *engine.History
	unready  error
	reload   error

	hosts    table[engine.HostView]
	guests   table[engine.GuestView]
	services table[engine.ServiceView]
	flows    table[engine.FlowView]
}

// remembered is how many events the engine remembers.
const remembered = 1024

// New returns an engine that knows nothing.
func New() *Engine {
	return &Engine{
		health:   make(map[string]engine.Health),
		leaving:  make(map[string]bool),
		tunnels:  make(map[string]netip.Addr),
		changed:  make(chan struct{}),
		events:   engine.NewHistory(remembered),
		hosts:    table[engine.HostView]{kind: "host", ident: func(v engine.HostView) (string, string) { return v.ID, v.Name }},
		guests:   table[engine.GuestView]{kind: "guest", ident: func(v engine.GuestView) (string, string) { return v.ID, v.Name }},
		services: table[engine.ServiceView]{kind: "tap service", ident: func(v engine.ServiceView) (string, string) { return v.ID, v.Name }},
		flows:    table[engine.FlowView]{kind: "tap flow", ident: func(v engine.FlowView) (string, string) { return v.ID, v.Name }},
	}
}

// SetHealth says how the resource with an id stands while it is enabled; pending is the default.
func (e *Engine) SetHealth(id string, state tap.State, reason string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.health[id] = engine.Health{State: state, Reason: reason}
	e.tell()
}

// Creations implements server.Engine.
func (e *Engine) Creations() (out []engine.Creation) {
	e.mu.Lock()
	defer e.mu.Unlock()
	add := func(id string, meta store.Meta) {
		if meta.Request.Key != "" {
			out = append(out, engine.Creation{Request: meta.Request, ID: id, At: meta.CreatedAt})
		}
	}
	for _, v := range e.hosts.rows {
		add(v.ID, v.Meta)
	}
	for _, v := range e.services.rows {
		add(v.ID, v.Meta)
	}
	for _, v := range e.flows.rows {
		add(v.ID, v.Meta)
	}
	return out
}

// SetReady sets what Ready answers.
func (e *Engine) SetReady(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.unready = err
}

// LearnTunnel has the switch of a host tell its tunnel address, which counts where none is declared.
func (e *Engine) LearnTunnel(id string, addr netip.Addr) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.tunnels[id] = addr
	e.tell()
}

// LearnGuest adds a guest that the switches told.
func (e *Engine) LearnGuest(g engine.GuestView) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.guests.put(g)
	e.emit("created", engine.Event{Guest: &g})
}

// Ready implements server.Engine.
func (e *Engine) Ready() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.unready
}

// Watch implements server.Engine.
func (e *Engine) Watch(after string) (*engine.Watch, bool) { return e.events.Watch(after) }

// Stop ends every watch, as if the controller stopped.
func (e *Engine) Stop() { e.events.Close() }

// Publish tells an event of which the engine itself knows nothing.
func (e *Engine) Publish(ev engine.Event) { e.events.Publish(ev) }

// emit tells an event. e.mu is held.
func (e *Engine) emit(what string, ev engine.Event) {
	ev.Type = what
	e.events.Publish(ev)
	e.tell()
}

func (e *Engine) tell() {
	close(e.changed)
	e.changed = make(chan struct{})
}

// meta stamps a record that is written. e.mu is held.
func (e *Engine) meta(old store.Meta) store.Meta {
	e.revision++
	now := Epoch.Add(time.Duration(e.revision-1) * time.Second)
	if old.CreatedAt.IsZero() {
		old.CreatedAt = now
	}
	old.Revision, old.UpdatedAt = e.revision, now
	return old
}

func (e *Engine) newID(prefix string) string {
	e.made++
	return fmt.Sprintf("%s-%d", prefix, e.made)
}

func (e *Engine) stateOf(id string, enabled bool) engine.Health {
	if !enabled {
		return engine.Health{State: tap.StateDisabled}
	}
	if h, ok := e.health[id]; ok {
		return h
	}
	return engine.Health{State: tap.StatePending, Reason: "waiting for the switch"}
}

// SetLeaving says whether the switches still have what the resource with an id has, or had, there.
func (e *Engine) SetLeaving(id string, leaving bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.leaving[id] = leaving
	e.tell()
}

// WaitGone implements server.Engine.
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

// wait reads a view until it is no longer pending or ctx ends.
func wait[V any](ctx context.Context, e *Engine, read func() (V, engine.Health, error)) (V, error) {
	for {
		e.mu.Lock()
		v, h, err := read()
		changed := e.changed
		e.mu.Unlock()
		if err != nil || h.State != tap.StatePending {
			return v, err
		}
		select {
		case <-ctx.Done():
			return v, ctx.Err()
		case <-changed:
		}
	}
}

func invalid(field, format string, args ...any) error {
	return &engine.Error{Kind: engine.Invalid, Field: field, Message: fmt.Sprintf(format, args...)}
}

func conflict(field, format string, args ...any) error {
	return &engine.Error{Kind: engine.Conflict, Field: field, Message: fmt.Sprintf(format, args...)}
}

func checkRevision(have, want uint64) error {
	if want != 0 && have != want {
		return &engine.Error{Kind: engine.Stale, Message: fmt.Sprintf("it was changed meanwhile: its revision is %d, not %d", have, want)}
	}
	return nil
}

// table holds the views of one kind.
type table[V any] struct {
	kind  string
	ident func(V) (id, name string)
	rows  []V
}

func (t *table[V]) find(ref string) (int, error) {
	for i, v := range t.rows {
		if id, name := t.ident(v); id == ref || name == ref {
			return i, nil
		}
	}
	return -1, &engine.Error{Kind: engine.NotFound, Message: fmt.Sprintf("there is no %s %q", t.kind, ref)}
}

func (t *table[V]) get(ref string) (V, error) {
	i, err := t.find(ref)
	if err != nil {
		var zero V
		return zero, err
	}
	return t.rows[i], nil
}

func (t *table[V]) put(v V) {
	id, _ := t.ident(v)
	if i := slices.IndexFunc(t.rows, func(o V) bool { other, _ := t.ident(o); return other == id }); i >= 0 {
		t.rows[i] = v
		return
	}
	t.rows = append(t.rows, v)
	slices.SortFunc(t.rows, func(a, b V) int {
		_, x := t.ident(a)
		_, y := t.ident(b)
		return strings.Compare(x, y)
	})
}

func (t *table[V]) drop(i int) { t.rows = slices.Delete(t.rows, i, i+1) }

func (t *table[V]) unique(name string) error {
	if _, err := t.find(name); err == nil {
		return conflict("name", "there is a %s %q already", t.kind, name)
	}
	return nil
}
