package servertest

import (
	"context"
	"net/netip"

	"github.com/tapline-sdn/tapline/controller/engine"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

func (e *Engine) serviceView(s store.Service) engine.ServiceView {
	v := engine.ServiceView{Service: s, Health: e.stateOf(s.ID, s.Enabled)}
	if h, err := e.hosts.get(s.TargetID); err == nil && s.Type == tap.ServiceHost {
		v.HostID, v.Host, v.Target = h.ID, h.Name, h.Name
		if h.TunnelIP.IsValid() {
			v.TargetIPs = []netip.Addr{h.TunnelIP}
		}
	}
	if g, err := e.guests.get(s.TargetID); err == nil && s.Type == tap.ServiceGuest {
		v.Target = g.Name
		for _, n := range g.NICs {
			v.TargetIPs = append(v.TargetIPs, n.IPs...)
		}
	}
	for _, f := range e.flows.rows {
		if f.TapID == s.ID {
			v.FlowCount++
		}
	}
	return v
}

// Services implements server.Engine.
func (e *Engine) Services() []engine.ServiceView {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []engine.ServiceView
	for _, v := range e.services.rows {
		out = append(out, e.serviceView(v.Service))
	}
	return out
}

// Service implements server.Engine.
func (e *Engine) Service(ref string) (engine.ServiceView, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.service(ref)
}

func (e *Engine) service(ref string) (engine.ServiceView, error) {
	v, err := e.services.get(ref)
	if err != nil {
		return v, err
	}
	return e.serviceView(v.Service), nil
}

// CreateService implements server.Engine.
func (e *Engine) CreateService(_ context.Context, s store.Service) (engine.ServiceView, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.services.unique(s.Name); err != nil {
		return engine.ServiceView{}, err
	}
	switch s.Type {
	case tap.ServiceGuest:
		g, err := e.guests.get(s.TargetID)
		if err != nil {
			return engine.ServiceView{}, invalid("target_id", "there is no guest %q", s.TargetID)
		}
		s.TargetID = g.ID
		s.MAC, s.IfName = tap.MAC{0x52, 0x54, 0, 0, 0, byte(e.made + 1)}, "tapabcdef"
	case tap.ServiceHost:
		h, err := e.hosts.get(s.TargetID)
		if err != nil {
			return engine.ServiceView{}, invalid("target_id", "there is no host %q", s.TargetID)
		}
		if s.MAC.IsZero() {
			return engine.ServiceView{}, invalid("mac_addr", "is missing: want that of an unused NIC of the host")
		}
		s.TargetID = h.ID
	}
	s.ID, s.Meta = e.newID("svc"), e.meta(store.Meta{AppliedBy: s.AppliedBy})
	v := e.serviceView(s)
	e.services.put(v)
	e.emit("created", engine.Event{Service: &v})
	return v, nil
}

// UpdateService implements server.Engine.
func (e *Engine) UpdateService(_ context.Context, ref string, rev uint64, edit func(*store.Service) error) (engine.ServiceView, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	v, err := e.services.get(ref)
	if err == nil {
		err = checkRevision(v.Revision, rev)
	}
	s := v.Service
	if err == nil {
		err = edit(&s)
	}
	if err != nil {
		return engine.ServiceView{}, err
	}
	s.Meta = e.meta(s.Meta)
	v = e.serviceView(s)
	e.services.put(v)
	e.emit("updated", engine.Event{Service: &v})
	return v, nil
}

// DeleteService implements server.Engine.
func (e *Engine) DeleteService(_ context.Context, ref string, rev uint64) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	i, err := e.services.find(ref)
	if err != nil {
		return err
	}
	v := e.serviceView(e.services.rows[i].Service)
	if err := checkRevision(v.Revision, rev); err != nil {
		return err
	}
	if v.FlowCount > 0 {
		return conflict("", "tap service %q still has %d tap flows: delete them first", v.Name, v.FlowCount)
	}
	e.services.drop(i)
	e.emit("deleted", engine.Event{Service: &v})
	return nil
}

// WaitService implements server.Engine.
func (e *Engine) WaitService(ctx context.Context, id string) (engine.ServiceView, error) {
	return wait(ctx, e, func() (engine.ServiceView, engine.Health, error) {
		v, err := e.service(id)
		return v, v.Health, err
	})
}

func (e *Engine) flowView(f store.Flow) engine.FlowView {
	v := engine.FlowView{Flow: &f, Health: e.stateOf(f.ID, f.Enabled)}
	if s, err := e.services.get(f.TapID); err == nil {
		v.Tap = s.Name
	}
	if g, err := e.guests.get(f.GuestID); err == nil {
		v.Guest = g.Name
	}
	if h, err := e.hosts.get(f.HostID); err == nil {
		v.Host = h.Name
	}
	return v
}

// Flows returns all tap flows.
func (e *Engine) Flows() []engine.FlowView {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []engine.FlowView
	for _, v := range e.flows.rows {
		out = append(out, e.flowView(*v.Flow))
	}
	return out
}

// FlowRows implements server.Engine.
func (e *Engine) FlowRows() []engine.FlowRow {
	var out []engine.FlowRow
	for _, v := range e.Flows() {
		out = append(out, engine.FlowRow{Flow: v.Flow, Health: v.Health})
	}
	return out
}

// FlowViews implements server.Engine.
func (e *Engine) FlowViews(rows []engine.FlowRow) []engine.FlowView {
	var out []engine.FlowView
	for _, r := range rows {
		if v, err := e.Flow(r.ID); err == nil {
			out = append(out, v)
		}
	}
	return out
}

// Flow implements server.Engine.
func (e *Engine) Flow(ref string) (engine.FlowView, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.flow(ref)
}

func (e *Engine) flow(ref string) (engine.FlowView, error) {
	v, err := e.flows.get(ref)
	if err != nil {
		return v, err
	}
	return e.flowView(*v.Flow), nil
}

// resolve turns the names in a flow into ids. e.mu is held.
func (e *Engine) resolve(f *store.Flow) error {
	s, err := e.services.get(f.TapID)
	if err != nil {
		return invalid("tap_id", "there is no tap service %q", f.TapID)
	}
	f.TapID = s.ID
	switch f.Type {
	case tap.FlowVNIC:
		g, err := e.guests.get(f.GuestID)
		if err != nil {
			return invalid("guest_id", "there is no guest %q", f.GuestID)
		}
		f.GuestID = g.ID
		if f.MAC.IsZero() && len(g.NICs) > 0 {
			f.MAC, f.IP = g.NICs[0].MAC, netip.Addr{}
		}
	case tap.FlowVSwitch:
		h, err := e.hosts.get(f.HostID)
		if err != nil {
			return invalid("host_id", "there is no host %q", f.HostID)
		}
		f.HostID = h.ID
		if f.WireID == "" {
			return invalid("wire_id", "is missing: want the wire whose switch is mirrored")
		}
	}
	return nil
}

// CreateFlow implements server.Engine.
func (e *Engine) CreateFlow(_ context.Context, f store.Flow) (engine.FlowView, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	err := e.flows.unique(f.Name)
	if err == nil {
		err = e.resolve(&f)
	}
	if err != nil {
		return engine.FlowView{}, err
	}
	f.ID, f.Meta = e.newID("flow"), e.meta(store.Meta{AppliedBy: f.AppliedBy})
	v := e.flowView(f)
	e.flows.put(v)
	e.emit("created", engine.Event{Flow: &v})
	return v, nil
}

// UpdateFlow implements server.Engine.
func (e *Engine) UpdateFlow(_ context.Context, ref string, rev uint64, edit func(*store.Flow) error) (engine.FlowView, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	v, err := e.flows.get(ref)
	if err == nil {
		err = checkRevision(v.Revision, rev)
	}
	if err != nil {
		return engine.FlowView{}, err
	}
	f := *v.Flow
	err = edit(&f)
	if err == nil {
		err = e.resolve(&f)
	}
	if err != nil {
		return engine.FlowView{}, err
	}
	f.Meta = e.meta(f.Meta)
	v = e.flowView(f)
	e.flows.put(v)
	e.emit("updated", engine.Event{Flow: &v})
	return v, nil
}

// DeleteFlow implements server.Engine.
func (e *Engine) DeleteFlow(_ context.Context, ref string, rev uint64) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	i, err := e.flows.find(ref)
	if err != nil {
		return err
	}
	v := e.flowView(*e.flows.rows[i].Flow)
	if err := checkRevision(v.Revision, rev); err != nil {
		return err
	}
	e.flows.drop(i)
	e.emit("deleted", engine.Event{Flow: &v})
	return nil
}

// WaitFlow implements server.Engine.
func (e *Engine) WaitFlow(ctx context.Context, id string) (engine.FlowView, error) {
	return wait(ctx, e, func() (engine.FlowView, engine.Health, error) {
		v, err := e.flow(id)
		return v, v.Health, err
	})
}
