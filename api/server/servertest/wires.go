package servertest

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/controller/engine"
)

// wireTable is what the hosts' records say of wires. e.mu is held.
func (e *Engine) wireTable() *table[engine.WireView] {
	t := &table[engine.WireView]{kind: "wire", ident: func(v engine.WireView) (string, string) { return v.ID, v.Name }}
	for _, h := range e.hosts.rows {
		for wire, bridge := range h.Host.Wires {
			w, err := t.get(wire)
			if err != nil {
				w = engine.WireView{ID: wire, Name: wire}
			}
			w.Hosts = append(w.Hosts, engine.WireHost{HostID: h.ID, Host: h.Name, Bridge: bridge, Declared: true})
			slices.SortFunc(w.Hosts, func(a, b engine.WireHost) int { return strings.Compare(a.Host, b.Host) })
			t.put(w)
		}
	}
	return t
}

// Wires implements server.Engine.
func (e *Engine) Wires() []engine.WireView {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.wireTable().rows
}

// Wire implements server.Engine.
func (e *Engine) Wire(ref string) (engine.WireView, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.wireTable().get(ref)
}

// UpdateWire implements server.Engine.
func (e *Engine) UpdateWire(_ context.Context, ref string, bridges map[string]*string) (engine.WireView, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, host := range slices.Sorted(maps.Keys(bridges)) {
		if _, err := e.hosts.get(host); err != nil {
			return engine.WireView{}, invalid("bridges."+host, "there is no host %q", host)
		}
	}
	for host, bridge := range bridges {
		i, _ := e.hosts.find(host)
		h := e.hosts.rows[i].Host
		h.Wires = maps.Clone(h.Wires)
		if h.Wires == nil {
			h.Wires = map[string]string{}
		}
		if delete(h.Wires, ref); bridge != nil {
			h.Wires[ref] = *bridge
		}
		e.hosts.put(e.hostView(h))
	}
	if w, err := e.wireTable().get(ref); err == nil {
		return w, nil
	}
	return engine.WireView{ID: ref, Name: ref}, nil
}

// DeleteWire implements server.Engine.
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
