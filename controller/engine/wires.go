package engine

import (
	"context"
	"maps"
	"reflect"
	"slices"

	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/sets"
	"github.com/tapline-sdn/tapline/controller/store"
)

// UpdateWire declares for each host which bridge carries a wire; nil takes the declaration back.
// All of it is done, or nothing.
func (e *Engine) UpdateWire(ctx context.Context, wire string,
	bridges map[string]*string) (view.Wire, error) {
	if err := e.declareWire(ctx, wire, bridges); err != nil {
		return view.Wire{}, err
	}
	if v, err := e.Wire(wire); err == nil {
		return v, nil
	}
	return view.Wire{ID: wire, Name: wire}, nil // Its last mapping was taken back.
}

// hostChange is a host's record before and after a change.
type hostChange struct{ before, now *store.Host }

// declareWire stores which bridges carry a wire, and takes it over. It takes write and mu.
func (e *Engine) declareWire(ctx context.Context, wire string, bridges map[string]*string) error {
	e.write.Lock()
	defer e.write.Unlock()

	changes, err := e.wireChanges(wire, bridges)
	if err != nil || len(changes) == 0 {
		return err
	}

	var ops []store.Op
	for _, c := range changes {
		op, err := prepare(ctx, e, e.intent.Hosts, c.now, c.before)
		if err != nil {
			return err
		}
		ops = append(ops, op)
	}

	revision, err := e.commit(ctx, ops...)
	if err != nil {
		return err
	}

	e.mu.Lock()
	defer e.mu.Unlock()

	for _, c := range changes {
		c.now.Revision = revision
		e.tookHost(c.now, c.before)
	}

	return nil
}

// wireChanges returns the records of hosts that differ once bridges carry a wire. It takes mu.
func (e *Engine) wireChanges(wire string, bridges map[string]*string) ([]hostChange, error) {
	var changes []hostChange
	given := sets.Set{}
	for _, ref := range slices.Sorted(maps.Keys(bridges)) {
		before, h, err := begin(e, e.intent.Hosts, ref, 0)
		if err != nil {
			return nil, view.Errorf(view.Invalid, "bridges", "there is no host %q", ref)
		}

		if _, twice := given[before.ID]; twice {
			return nil, view.Errorf(view.Invalid, "bridges",
				"host %s is given twice, by its name and by its id", before.Name)
		}

		given.Add(before.ID)
		if err := e.editHost(&h, before, carries(wire, bridges[ref])); err != nil {
			return nil, err
		}
		if !reflect.DeepEqual(&h, before) {
			changes = append(changes, hostChange{before, &h})
		}
	}
	return changes, nil
}

// carries declares which bridge carries a wire on a host; nil takes the declaration back.
func carries(wire string, bridge *string) func(*store.Host) error {
	return func(h *store.Host) error {
		switch {
		case bridge == nil:
			delete(h.Wires, wire)
		case h.Wires == nil:
			h.Wires = map[string]string{wire: *bridge}
		default:
			h.Wires[wire] = *bridge
		}
		return nil
	}
}

// DeleteWire takes back all declarations of a wire that no flow mirrors.
func (e *Engine) DeleteWire(ctx context.Context, wire string) error {
	v, err := e.Wire(wire)
	if err != nil {
		return err
	}

	e.mu.Lock()
	var user string
	for _, f := range e.intent.Flows.ByID {
		if f.WireID == wire && !f.Deleting {
			user = f.Name
		}
	}

	e.mu.Unlock()
	if user != "" {
		return view.Errorf(view.Conflict, "",
			"wire %s is the source of tap flow %s; delete that first", wire, user)
	}

	bridges := map[string]*string{}
	for _, at := range v.Hosts {
		if !at.Declared {
			return view.Errorf(view.Conflict, "",
				"wire %s is announced by the switch of host %s itself and cannot be deleted here",
				wire, at.Host)
		}
		bridges[at.HostID] = nil
	}

	_, err = e.UpdateWire(ctx, wire, bridges)
	return err
}
