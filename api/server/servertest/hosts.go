package servertest

import (
	"context"
	"maps"
	"slices"

	"github.com/tapline-sdn/tapline/controller/engine"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

func (e *Engine) hostView(h store.Host) engine.HostView {
	v := engine.HostView{Host: h, TunnelIP: h.TunnelIP, Wires: maps.Clone(h.Wires), Health: e.stateOf(h.ID, true)}
	if !v.TunnelIP.IsValid() {
		v.TunnelIP = e.tunnels[h.ID]
	}
	v.Connected = v.State == tap.StateReady
	return v
}

// Hosts implements server.Engine.
func (e *Engine) Hosts() []engine.HostView {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []engine.HostView
	for _, v := range e.hosts.rows {
		out = append(out, e.hostView(v.Host))
	}
	return out
}

// Host implements server.Engine.
func (e *Engine) Host(ref string) (engine.HostView, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.host(ref)
}

func (e *Engine) host(ref string) (engine.HostView, error) {
	v, err := e.hosts.get(ref)
	if err != nil {
		return v, err
	}
	return e.hostView(v.Host), nil
}

// CreateHost implements server.Engine.
func (e *Engine) CreateHost(_ context.Context, h store.Host) (engine.HostView, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.hosts.unique(h.Name); err != nil {
		return engine.HostView{}, err
	}
	h.ID, h.Meta = e.newID("host"), e.meta(store.Meta{Request: h.Request, AppliedBy: h.AppliedBy})
	v := e.hostView(h)
	e.hosts.put(v)
	e.emit("created", engine.Event{Host: &v})
	return v, nil
}

// UpdateHost implements server.Engine.
func (e *Engine) UpdateHost(_ context.Context, ref string, rev uint64, edit func(*store.Host) error) (engine.HostView, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	v, err := e.hosts.get(ref)
	if err == nil {
		err = checkRevision(v.Revision, rev)
	}
	h := v.Host
	if err == nil {
		err = edit(&h)
	}
	if err != nil {
		return engine.HostView{}, err
	}
	h.Meta = e.meta(h.Meta)
	v = e.hostView(h)
	e.hosts.put(v)
	e.emit("updated", engine.Event{Host: &v})
	return v, nil
}

// DeleteHost implements server.Engine.
func (e *Engine) DeleteHost(_ context.Context, ref string, rev uint64) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	i, err := e.hosts.find(ref)
	if err != nil {
		return err
	}
	v := e.hosts.rows[i]
	if err := checkRevision(v.Revision, rev); err != nil {
		return err
	}
	e.hosts.drop(i)
	e.emit("deleted", engine.Event{Host: &v})
	return nil
}

// WaitHost implements server.Engine.
func (e *Engine) WaitHost(ctx context.Context, id string) (engine.HostView, error) {
	return wait(ctx, e, func() (engine.HostView, engine.Health, error) {
		v, err := e.host(id)
		return v, v.Health, err
	})
}

// Guests implements server.Engine.
func (e *Engine) Guests() []engine.GuestView {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.guests.rows)
}

// Guest implements server.Engine.
func (e *Engine) Guest(ref string) (engine.GuestView, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.guests.get(ref)
}

func guestView(g store.Guest) engine.GuestView {
	v := engine.GuestView{ID: g.ID, Name: g.Name, Declared: true, Revision: g.Revision, Record: &g}
	for _, n := range g.NICs {
		nic := engine.NICView{MAC: n.MAC, IfName: n.IfName}
		if n.IP.IsValid() {
			nic.IPs = append(nic.IPs, n.IP)
		}
		v.NICs = append(v.NICs, nic)
	}
	return v
}

// CreateGuest implements server.Engine.
func (e *Engine) CreateGuest(_ context.Context, g store.Guest) (engine.GuestView, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.guests.unique(g.Name); err != nil {
		return engine.GuestView{}, err
	}
	if g.ID == "" {
		g.ID = e.newID("guest")
	}
	g.Meta = e.meta(store.Meta{AppliedBy: g.AppliedBy})
	v := guestView(g)
	e.guests.put(v)
	e.emit("created", engine.Event{Guest: &v})
	return v, nil
}

// UpdateGuest implements server.Engine.
func (e *Engine) UpdateGuest(_ context.Context, ref string, rev uint64, edit func(*store.Guest) error) (engine.GuestView, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	v, err := e.guests.get(ref)
	if err == nil && !v.Declared {
		err = conflict("", "guest %q is learned from the switches; only declared guests can be changed", ref)
	}
	if err == nil {
		err = checkRevision(v.Revision, rev)
	}
	g := store.Guest{ID: v.ID, Name: v.Name}
	for _, n := range v.NICs {
		nic := store.GuestNIC{MAC: n.MAC, IfName: n.IfName}
		if len(n.IPs) > 0 {
			nic.IP = n.IPs[0]
		}
		g.NICs = append(g.NICs, nic)
	}
	if err == nil {
		err = edit(&g)
	}
	if err != nil {
		return engine.GuestView{}, err
	}
	g.Meta = e.meta(v.Record.Meta)
	v = guestView(g)
	e.guests.put(v)
	e.emit("updated", engine.Event{Guest: &v})
	return v, nil
}

// DeleteGuest implements server.Engine.
func (e *Engine) DeleteGuest(_ context.Context, ref string, rev uint64) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	i, err := e.guests.find(ref)
	if err != nil {
		return err
	}
	v := e.guests.rows[i]
	if err := checkRevision(v.Revision, rev); err != nil {
		return err
	}
	e.guests.drop(i)
	e.emit("deleted", engine.Event{Guest: &v})
	return nil
}
