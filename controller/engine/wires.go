package engine

import (
	"cmp"
	"context"
	"maps"
	"reflect"
	"slices"

	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/sets"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Wires returns all wires by name: those that hosts announce or that were declared, and every
// bridge by its own name.
func (e *Engine) Wires() []view.Wire {
	e.mu.Lock()
	defer e.mu.Unlock()

	byName := map[string]*view.Wire{}
	for _, record := range e.intent.Hosts.Sorted() {
		h := e.fleet.Running[record.ID]
		if h == nil {
			continue
		}

		carried := maps.Clone(h.Observed.Host.Wires)
		for _, b := range h.Observed.Host.Bridges {
			if _, told := carried[b.Name]; !told {
				carried[b.Name] = b.Name
			}
		}

		for wire, bridge := range carried {
			v := byName[wire]
			if v == nil {
				v = &view.Wire{ID: wire, Name: wire}
				byName[wire] = v
			}

			at := view.WireHost{HostID: record.ID, Host: record.Name, Bridge: bridge,
				Declared: record.Wires[wire] == bridge}
			if i := slices.IndexFunc(h.Observed.Host.Bridges,
				func(b tap.Bridge) bool { return b.Name == bridge }); i >= 0 {
				at.Uplinks = h.Observed.Host.Bridges[i].Uplinks
			}

			v.Hosts = append(v.Hosts, at)
		}
	}

	out := make([]view.Wire, 0, len(byName))
	for _, v := range byName {
		out = append(out, *v)
	}

	slices.SortFunc(out, func(a, b view.Wire) int { return cmp.Compare(a.Name, b.Name) })
	return out
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

func (e *Engine) declareWire(ctx context.Context, wire string, bridges map[string]*string) error {
	e.write.Lock()
	defer e.write.Unlock()

	type change struct{ before, now *store.Host }
	var changes []change
	var ops []store.Op
	given := sets.Set{}
	for _, ref := range slices.Sorted(maps.Keys(bridges)) {
		before, h, err := begin(e, e.intent.Hosts, ref, 0)
		if err != nil {
			return view.Errorf(view.Invalid, "bridges", "there is no host %q", ref)
		}

		if _, twice := given[before.ID]; twice {
			return view.Errorf(view.Invalid, "bridges",
				"host %s is given twice, by its name and by its id", before.Name)
		}

		given.Add(before.ID)
		bridge := bridges[ref]
		if err := e.editHost(&h, before, func(h *store.Host) error {
			switch {
			case bridge == nil:
				delete(h.Wires, wire)
			case h.Wires == nil:
				h.Wires = map[string]string{wire: *bridge}
			default:
				h.Wires[wire] = *bridge
			}
			return nil
		}); err != nil {
			return err
		}
		if !reflect.DeepEqual(&h, before) {
			changes = append(changes, change{before, &h})
		}
	}

	for _, c := range changes {
		op, err := prepare(ctx, e, e.intent.Hosts, c.now, c.before)
		if err != nil {
			return err
		}
		ops = append(ops, op)
	}

	if len(ops) == 0 {
		return nil
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
