package standing

import (
	"maps"
	"slices"

	"github.com/tapline-sdn/tapline/controller/inventory"
	"github.com/tapline-sdn/tapline/controller/sets"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// The tap NIC of a guest is pinned to the host on which it was accepted: copies go there alone.
// What any other switch shows of its address or name is a claim.

// Attachment tells where the tap NIC of a service is, and who else claims it.
func (t *Table) Attachment(s *store.Service) tap.Attachment {
	place := t.intent.Places[s.ID]
	out := tap.Attachment{ServiceID: s.ID}
	if s.Type != tap.ServiceGuest {
		return out
	}

	for _, at := range t.shownPlaces(s) {
		// One that must stay where it is says why nothing can be delivered yet.
		switch {
		case at.Host == place, place == "" && at.UsedBy != "":
			out.Locations = append(out.Locations, at)
		case !t.reachable(place) || t.reachable(at.Host):
			out.Claims = append(out.Claims, at)
		}
		// What a host showed before it was lost does not count beside a live place.
	}

	return out
}

// reachable reports whether a host is registered and connected.
func (t *Table) reachable(host string) bool {
	h := t.hosts[host]
	return h != nil && h.Report.Connected
}

// shownPlaces are the ports that show the address or the name of the tap NIC of a service.
func (t *Table) shownPlaces(s *store.Service) []tap.Location {
	var all []tap.Location
	for _, p := range t.places.PortsOf(s.MAC, s.IfName) {
		at := p.Location()
		if !t.onTapBridge(&p) { // There it needs not be moved, whatever it is.
			at.UsedBy = NICUse(t.intent, t.places, &s.Service, &p, t.stood(s, &p))
		}
		all = append(all, at)
	}
	return all
}

// stood reports whether a port was there when its switch was first seen, and was not found to be
// the tap NIC of a service since.
func (t *Table) stood(s *store.Service, p *inventory.Port) bool {
	h := t.hosts[p.Host]
	return h != nil && h.FirstPorts[p.Name] && t.intent.Places[s.ID] != p.Host
}

// onTapBridge reports whether a port is on the tap bridge of its host.
func (t *Table) onTapBridge(p *inventory.Port) bool {
	h := t.hosts[p.Host]
	return h != nil && !slices.ContainsFunc(h.Observed.Host.Bridges,
		func(b tap.Bridge) bool { return b.Name == p.Bridge })
}

// NextPlace returns the host to which the tap NIC of a service is to be pinned now. It is false if
// the NIC stays where it is pinned, or cannot be pinned. With evacuate, a NIC leaves a host that
// cannot be reached.
func (t *Table) NextPlace(s *store.Service, evacuate bool) (host string, moves bool) {
	if s.Type != tap.ServiceGuest || s.Deleting {
		return "", false
	}

	place := t.intent.Places[s.ID]
	claimed, stays := sets.Set{}, false
	for _, at := range t.shownPlaces(s) {
		stays = stays || at.Host == place
		if at.UsedBy == "" {
			claimed.Add(at.Host)
		}
	}

	at := t.hosts[place]
	switch {
	case at == nil: // Not pinned yet, or its host is not registered any more.
	case at.Report.Connected && at.Observed.Host.Observed && !stays: // Read back as gone.
	case !at.Report.Connected && evacuate:
		delete(claimed, place)
	default:
		return "", false
	}

	if len(claimed) != 1 {
		return "", false
	}

	host = slices.Collect(maps.Keys(claimed))[0]
	seenAt := t.guestHosts(s.TargetID)
	_, guestHere := seenAt[host]
	switch {
	case guestHere:
		return host, true
	case at == nil && len(seenAt) == 0: // Nothing contradicts.
		return host, true
	}

	return "", false
}

// guestHosts are the hosts whose switches show NICs of a guest, tap NICs aside.
func (t *Table) guestHosts(guest string) sets.Set {
	hosts := sets.Set{}
	g, _ := t.places.Guest(guest, t.intent.Guests.ByID[guest])
	for _, nic := range g.NICs {
		for _, at := range nic.Locations {
			hosts.Add(at.Host)
		}
	}
	return hosts
}
