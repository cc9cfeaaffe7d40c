package servertest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/controller/engine/view"
)

// wiresLocked returns the wires that the records of hosts declare, ordered by name.
func (e *Engine) wiresLocked() []view.Wire {
	byName := map[string]*view.Wire{}
	for _, h := range e.hosts.rows { // ordered by name
		for wire, bridge := range h.Wires {
			if byName[wire] == nil {
				byName[wire] = &view.Wire{ID: wire, Name: wire}
			}
			byName[wire].Hosts = append(byName[wire].Hosts,
				view.WireHost{HostID: h.ID, Host: h.Name, Bridge: bridge, Declared: true})
		}
	}

	out := make([]view.Wire, 0, len(byName))
	for _, w := range byName {
		out = append(out, *w)
	}
	slices.SortFunc(out, func(a, b view.Wire) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func (e *Engine) Wires() []view.Wire {
	e.mu.Lock()
	defer e.mu.Unlock()

	return e.wiresLocked()
}

func (e *Engine) Wire(ref string) (view.Wire, error) {
	for _, w := range e.Wires() {
		if w.Name == ref {
			return w, nil
		}
	}

	return view.Wire{}, &view.Error{
		Kind: view.NotFound, Message: fmt.Sprintf("there is no wire %q", ref),
	}
}

func (e *Engine) UpdateWire(
	_ context.Context, ref string, bridges map[string]*string,
) (view.Wire, error) {
	e.mu.Lock()
	for _, host := range slices.Sorted(maps.Keys(bridges)) {
		if _, err := e.hosts.findLocked(host); err != nil {
			e.mu.Unlock()
			return view.Wire{}, invalid("bridges."+host, "there is no host %q", host)
		}
	}

	for host, bridge := range bridges {
		i, _ := e.hosts.findLocked(host)
		h := &e.hosts.rows[i]
		h.Wires = maps.Clone(h.Wires)
		if h.Wires == nil {
			h.Wires = map[string]string{}
		}
		if delete(h.Wires, ref); bridge != nil {
			h.Wires[ref] = *bridge
		}
	}
	e.mu.Unlock()

	// A wire without hosts is still the answer to the request that has removed the last one.
	if w, err := e.Wire(ref); err == nil {
		return w, nil
	}
	return view.Wire{ID: ref, Name: ref}, nil
}

func (e *Engine) DeleteWire(ctx context.Context, ref string) error {
	w, err := e.Wire(ref)
	if err != nil {
		return err
	}

	bridges := map[string]*string{}
	for _, at := range w.Hosts {
		bridges[at.HostID] = nil
	}
	_, err = e.UpdateWire(ctx, ref, bridges)
	return err
}
