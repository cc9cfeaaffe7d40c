package servertest

import (
	"context"
	"net/netip"

	"github.com/tapline-sdn/tapline/controller/engine/events"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

func (e *Engine) newServices() records[store.Service, view.Service] {
	return records[store.Service, view.Service]{
		e: e, kind: "tap service", idForm: "svc",
		ident:   func(s *store.Service) (*string, string) { return &s.ID, s.Name },
		meta:    func(s *store.Service) *store.Meta { return &s.Meta },
		view:    e.serviceViewLocked,
		health:  func(v view.Service) view.Health { return v.Health },
		event:   func(v *view.Service) events.Event { return events.Event{Service: v} },
		resolve: e.resolveServiceLocked,
		removal: func(s store.Service) error {
			v := e.serviceViewLocked(s)
			if v.FlowCount > 0 {
				return conflict("", "tap service %q still has %d tap flows: delete them first",
					v.Name, v.FlowCount)
			}
			return nil
		},
	}
}

func (e *Engine) serviceViewLocked(s store.Service) view.Service {
	v := view.Service{Service: s, Health: e.healthLocked(s.ID, s.Enabled)}

	switch s.Type {
	case tap.ServiceHost:
		h, err := e.hosts.getLocked(s.TargetID)
		if err != nil {
			break
		}
		v.HostID, v.Host, v.Target = h.ID, h.Name, h.Name
		if h.Host.TunnelIP.IsValid() {
			v.TargetIPs = []netip.Addr{h.Host.TunnelIP}
		}
	case tap.ServiceGuest:
		g, err := e.guests.getLocked(s.TargetID)
		if err != nil {
			break
		}
		v.Target = g.Name
		for _, n := range g.NICs {
			v.TargetIPs = append(v.TargetIPs, n.IPs...)
		}
	}

	if v.Place = e.places[s.ID]; v.Place != "" {
		if h, err := e.hosts.getLocked(v.Place); err == nil {
			v.PlaceHost = h.Name
		}
	}

	for _, f := range e.flows.rows {
		if f.TapID == s.ID && !e.deleting[f.ID] {
			v.FlowCount++
		}
	}
	return v
}

// AcceptPlace pins a service to a host, whatever the host shows.
func (e *Engine) AcceptPlace(
	_ context.Context, serviceRef string, ifRevision uint64, hostRef string,
) (view.Service, error) {
	e.mu.Lock()
	h, err := e.hosts.getLocked(hostRef)
	e.mu.Unlock()
	if err != nil {
		return view.Service{}, invalid("accept_place", "there is no host %q", hostRef)
	}

	return e.services.update(serviceRef, ifRevision, func(s *store.Service) error {
		e.places[s.ID] = h.ID
		return nil
	})
}

// resolveServiceLocked turns the name of the target into its id. The tap NIC of a guest gets an
// address.
func (e *Engine) resolveServiceLocked(s *store.Service) error {
	if s.ID != "" {
		return nil // It was resolved when it was created.
	}

	switch s.Type {
	case tap.ServiceGuest:
		g, err := e.guests.getLocked(s.TargetID)
		if err != nil {
			return invalid("target_id", "there is no guest %q", s.TargetID)
		}
		s.TargetID = g.ID
		s.MAC, s.IfName = tap.MAC{0x52, 0x54, 0, 0, 0, byte(e.idsMade + 1)}, "tapabcdef"
	case tap.ServiceHost:
		h, err := e.hosts.getLocked(s.TargetID)
		if err != nil {
			return invalid("target_id", "there is no host %q", s.TargetID)
		}
		if s.MAC.IsZero() {
			return invalid("mac_addr", "is missing: want that of an unused NIC of the host")
		}
		s.TargetID = h.ID
	}
	return nil
}

func (e *Engine) Services() []view.Service { return e.services.list() }

func (e *Engine) Service(ref string) (view.Service, error) { return e.services.get(ref) }

func (e *Engine) CreateService(_ context.Context, s store.Service) (view.Service, error) {
	return e.services.create(s)
}

func (e *Engine) UpdateService(
	_ context.Context, ref string, ifRevision uint64, edit func(*store.Service) error,
) (view.Service, error) {
	return e.services.update(ref, ifRevision, edit)
}

func (e *Engine) DeleteService(_ context.Context, ref string, ifRevision uint64) error {
	return e.services.remove(ref, ifRevision, false)
}

func (e *Engine) WaitService(ctx context.Context, id string) (view.Service, error) {
	return e.services.wait(ctx, id)
}

func (e *Engine) SampleServices(context.Context, ...string) {}
