package engine

import (
	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/engine/view"
)

// Hosts returns all hosts by name.
func (e *Engine) Hosts() []view.Host {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := make([]view.Host, 0, len(e.intent.Hosts.ByID))
	for _, h := range e.intent.Hosts.Sorted() {
		out = append(out, e.present.Host(h))
	}
	return out
}

// Host returns the host of an id or name.
func (e *Engine) Host(ref string) (view.Host, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	h, err := e.intent.Hosts.Get(ref)
	if err != nil {
		return view.Host{}, err
	}
	return e.present.Host(h), nil
}

// Guests returns all guests by name, declared or seen.
func (e *Engine) Guests() []view.Guest {
	e.mu.Lock()
	defer e.mu.Unlock()

	return e.present.Guests()
}

// Guest returns the guest of an id or name.
func (e *Engine) Guest(ref string) (view.Guest, error) {
	e.mu.Lock()
	defer e.mu.Unlock()

	id, err := e.checker.GuestRef("", ref, view.NotFound)
	if err != nil {
		return view.Guest{}, err
	}
	if v, exists := e.present.Guest(id); exists {
		return v, nil
	}

	return view.Guest{}, view.Errorf(view.NotFound, "", "guest %q has just gone", ref)
}

// Wires returns all wires by name: those that hosts announce or that were declared, and every
// bridge by its own name.
func (e *Engine) Wires() []view.Wire {
	e.mu.Lock()
	defer e.mu.Unlock()

	return e.present.Wires()
}

// Wire returns the wire of a name.
func (e *Engine) Wire(ref string) (view.Wire, error) {
	for _, w := range e.Wires() {
		if w.ID == ref {
			return w, nil
		}
	}
	return view.Wire{}, view.Errorf(view.NotFound, "",
		"there is no wire %q on any host that was reached", ref)
}

// Services returns all tap services by name.
func (e *Engine) Services() []view.Service {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := make([]view.Service, 0, len(e.intent.Services.ByID))
	for _, s := range e.intent.Services.Sorted() {
		out = append(out, e.present.Service(s))
	}
	return out
}

// Service returns the tap service of an id or name.
func (e *Engine) Service(ref string) (view.Service, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s, err := e.intent.Services.Get(ref)
	if err != nil {
		return view.Service{}, err
	}
	return e.present.Service(s), nil
}

// FlowRows returns all tap flows by name, with the fields by which lists are filtered and sorted.
func (e *Engine) FlowRows() []view.FlowRow {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := make([]view.FlowRow, 0, len(e.intent.Flows.ByID))
	for _, f := range e.intent.Flows.Sorted() {
		out = append(out, view.FlowRow{Flow: f, Health: e.standing.Health(intent.FlowRef(f.ID))})
	}
	return out
}

// FlowViews returns the current views of rows, without flows that were deleted meanwhile.
func (e *Engine) FlowViews(rows []view.FlowRow) []view.Flow {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := make([]view.Flow, 0, len(rows))
	for _, r := range rows {
		if f := e.intent.Flows.ByID[r.ID]; f != nil {
			out = append(out, e.present.Flow(f))
		}
	}
	return out
}

// Flow returns the tap flow of an id or name.
func (e *Engine) Flow(ref string) (view.Flow, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f, err := e.intent.Flows.Get(ref)
	if err != nil {
		return view.Flow{}, err
	}
	return e.present.Flow(f), nil
}
