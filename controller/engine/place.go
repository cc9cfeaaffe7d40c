package engine

import (
	"context"

	"github.com/tapline-sdn/tapline/controller/engine/change"
	"github.com/tapline-sdn/tapline/controller/engine/fleet"
	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// repin looks whether the tap NIC of a service is to be pinned to another host, or to its first
// one. The place counts at once, and is stored by finish. The caller holds mu.
func (e *Engine) repin(service string) {
	s := e.intent.Services.ByID[service]
	if s == nil {
		return
	}

	host, moves := e.standing.NextPlace(s, e.config.Evacuate)
	if !moves {
		return
	}

	before := e.intent.Places[service]
	e.intent.Places[service] = host
	e.planning.MarkAttachment(service)
	e.unstoredPlaces.Add(service)
	e.wakeFinish()

	if before == "" {
		e.log.Info("tap NIC was found", "tap_service", s.Name, "host", e.intent.HostName(host))
	} else {
		e.log.Warn("tap NIC has moved with its guest", "tap_service", s.Name,
			"from", e.intent.HostName(before), "host", e.intent.HostName(host))
	}
}

// repinOn is repin for the services that are pinned to a host or claimed there. The caller holds
// mu.
func (e *Engine) repinOn(h *fleet.Host) {
	for service, place := range e.intent.Places {
		if place == h.ID {
			e.repin(service)
		}
	}
}

// AcceptPlace pins the tap NIC of a service to a host by an operator's word.
func (e *Engine) AcceptPlace(ctx context.Context, service string, ifRevision uint64,
	host string) (view.Service, error) {
	e.write.Lock()
	defer e.write.Unlock()

	before, s, err := begin(e, e.intent.Services, service, ifRevision)
	if err != nil {
		return view.Service{}, err
	}

	e.mu.Lock()
	id, known := e.checker.HostID(host)
	e.mu.Unlock()
	switch {
	case !known:
		return view.Service{}, view.Errorf(view.Invalid, "accept_place", "there is no host %q",
			host)
	case s.Type != tap.ServiceGuest:
		return view.Service{}, view.Errorf(view.Invalid, "accept_place",
			"tap service %s is of type %s, which does not move", s.Name, s.Type)
	case !e.claimedAt(before, id):
		return view.Service{}, view.Errorf(view.Conflict, "accept_place",
			"host %s does not show NIC %s (%s)", host, s.IfName, s.MAC)
	}

	if err := tellAudit(ctx, e, e.intent.Services, &s, before); err != nil {
		return view.Service{}, err
	}
	if _, err := e.commit(ctx, change.PlaceOp(s.ID, id)); err != nil {
		return view.Service{}, err
	}

	e.mu.Lock()
	defer e.mu.Unlock()

	e.intent.Places[s.ID] = id
	e.planning.MarkAttachment(s.ID)
	e.publish.Ref(intent.ServiceRef(s.ID))
	return e.present.Service(before), nil
}

// claimedAt reports whether a host's switch shows the tap NIC of a service. It takes mu.
func (e *Engine) claimedAt(s *store.Service, host string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()

	for _, at := range e.places.Attachment(&s.Service).Locations {
		if at.Host == host {
			return true
		}
	}
	return false
}
