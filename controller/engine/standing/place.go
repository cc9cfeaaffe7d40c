package standing

import (
	"maps"
	"slices"

	"github.com/tapline-sdn/tapline/controller/sets"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// The tap NIC of a guest is pinned to the host on which it was accepted: copies go there alone.
// What any other switch shows of its address or name is a claim.

// Attachment tells where the tap NIC of a service is, and who else claims it.
func (t *Table) Attachment(s *store.Service) tap.Attachment {
	seen := t.places.Attachment(&s.Service)
	place := t.intent.Places[s.ID]
	out := tap.Attachment{ServiceID: s.ID, Claims: seen.Claims}
	for _, at := range seen.Locations {
		if at.Host == place {
			out.Locations = append(out.Locations, at)
		} else {
			out.Claims = append(out.Claims, at)
		}
	}

	return out
}

// NextPlace returns the host to which the tap NIC of a service is to be pinned now. It is false if
// the NIC stays where it is pinned, or cannot be pinned. With evacuate, a NIC leaves a host that
// cannot be reached.
func (t *Table) NextPlace(s *store.Service, evacuate bool) (host string, moves bool) {
	if s.Type != tap.ServiceGuest || s.Deleting {
		return "", false
	}

	claimed := sets.Set{}
	for _, at := range t.places.Attachment(&s.Service).Locations {
		claimed.Add(at.Host)
	}

	place := t.intent.Places[s.ID]
	at := t.hosts[place]
	_, stays := claimed[place]
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
