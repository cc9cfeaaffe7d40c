package contract

import (
	"net/netip"

	"github.com/tapline-sdn/tapline/controller/sets"
	"github.com/tapline-sdn/tapline/plugin/mirror/wirekey"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// World is what a plugin was told. Its programs must follow from that: a program is held against
// the world as the plugin knows it, and not against what has changed since.
type World struct {
	secret   []byte
	hosts    map[string]*tap.Host
	guests   map[string]*tap.Guest
	services map[string]*tap.Service
	flows    map[string]*tap.Flow
	attached map[string][]tap.Location // places of tap NICs, by service

	hostsAt  sets.Multimap[netip.Addr, string]    // by tunnel address
	flowsOf  sets.Multimap[string, string]        // by guest or host
	guestsAt sets.Multimap[sourcePort, sourceNIC] // NICs by port
}

// sourcePort is a port of a bridge other than the tap bridge.
type sourcePort struct{ host, bridge, port string }

// sourceNIC is a NIC of a guest.
type sourceNIC struct {
	guest string
	mac   tap.MAC
	only  bool // the guest has no other
}

// NewWorld returns the world of a plugin that was told nothing.
func NewWorld() *World {
	w := &World{}
	w.forget()
	return w
}

func (w *World) forget() {
	*w = World{
		hosts: map[string]*tap.Host{}, guests: map[string]*tap.Guest{},
		services: map[string]*tap.Service{}, flows: map[string]*tap.Flow{},
		attached: map[string][]tap.Location{},
		hostsAt:  sets.Multimap[netip.Addr, string]{},
		flowsOf:  sets.Multimap[string, string]{},
		guestsAt: sets.Multimap[sourcePort, sourceNIC]{},
	}
}

// Tell takes a change that the plugin is told. It keeps the change's objects, which nobody alters.
func (w *World) Tell(c *tap.Change) {
	if c.Reset {
		w.forget()
		w.secret = c.Secret
	}

	for i := range c.Hosts {
		w.setHost(c.Hosts[i].ID, &c.Hosts[i])
	}
	for _, id := range c.Gone.Hosts {
		w.setHost(id, nil)
	}
	for i := range c.Guests {
		w.setGuest(c.Guests[i].ID, &c.Guests[i])
	}
	for _, id := range c.Gone.Guests {
		w.setGuest(id, nil)
	}

	for _, a := range c.Attachments {
		w.attached[a.ServiceID] = a.Locations
	}
	for i := range c.Services {
		w.services[c.Services[i].ID] = &c.Services[i]
	}
	for _, id := range c.Gone.Services {
		delete(w.services, id)
		delete(w.attached, id)
	}

	for i := range c.Flows {
		w.setFlow(c.Flows[i].ID, &c.Flows[i])
	}
	for _, id := range c.Gone.Flows {
		w.setFlow(id, nil)
	}
}

// setHost replaces a host; nil removes it.
func (w *World) setHost(id string, h *tap.Host) {
	if before := w.hosts[id]; before != nil {
		w.hostsAt.Remove(before.TunnelIP, id)
		delete(w.hosts, id)
	}
	if h != nil {
		w.hosts[id] = h
		if h.TunnelIP.IsValid() {
			w.hostsAt.Add(h.TunnelIP, id)
		}
	}
}

// setGuest replaces a guest; nil removes it.
func (w *World) setGuest(id string, g *tap.Guest) {
	if before := w.guests[id]; before != nil {
		eachPlace(before, w.guestsAt.Remove)
		delete(w.guests, id)
	}
	if g != nil {
		w.guests[id] = g
		eachPlace(g, w.guestsAt.Add)
	}
}

func eachPlace(g *tap.Guest, visit func(sourcePort, sourceNIC)) {
	for i := range g.NICs {
		nic := &g.NICs[i]
		for _, at := range nic.Locations {
			visit(sourcePort{at.Host, at.Bridge, at.Port},
				sourceNIC{g.ID, nic.MAC, len(g.NICs) == 1})
		}
	}
}

// setFlow replaces a tap flow; nil removes it.
func (w *World) setFlow(id string, f *tap.Flow) {
	if before := w.flows[id]; before != nil {
		w.flowsOf.Remove(sourceOf(before), id)
		delete(w.flows, id)
	}
	if f != nil {
		w.flows[id] = f
		w.flowsOf.Add(sourceOf(f), id)
	}
}

// sourceOf is the id of the guest or host that a tap flow mirrors. No guest has the id of a host.
func sourceOf(f *tap.Flow) string {
	if f.Type == tap.FlowVSwitch {
		return f.HostID
	}
	return f.GuestID
}

// hasNIC reports whether a port may be the tap NIC of a service on a host. That of a guest stays on
// the tap bridge while the service is disabled; that of a host is only taken by an enabled one.
func (w *World) hasNIC(h *tap.Host, port *tap.Port) bool {
	s := w.services[port.Owner]
	switch {
	case s == nil || s.Type != tap.ServiceGuest && s.Type != tap.ServiceHost:
		return false
	case port.Plugged != (s.Type == tap.ServiceGuest):
		return false
	case s.Type == tap.ServiceGuest:
		for _, at := range w.attached[s.ID] {
			if at.Host == h.ID && at.Port == port.Name {
				return true
			}
		}
		return false
	}

	for i := range h.NICs {
		nic := &h.NICs[i]
		if nic.Name == port.Name {
			return s.Enabled && s.TargetID == h.ID && nic.MAC == s.MAC && nic.UsedBy == ""
		}
	}
	return false
}

// leadsTo reports whether copies for a service that a host sends to a tunnel address, with a key of
// a width in bits, are the service's.
func (w *World) leadsTo(s *tap.Service, from string, to netip.Addr, key uint32, width uint) bool {
	onNIC := s != nil && (s.Type == tap.ServiceGuest || s.Type == tap.ServiceHost)
	if !onNIC || !s.Enabled || key != wirekey.Of(w.secret, from, width, s.Key) {
		return false
	}

	if s.Type == tap.ServiceHost {
		return w.hasAddress(s.TargetID, to)
	}
	for _, at := range w.attached[s.ID] {
		if w.hasAddress(at.Host, to) {
			return true
		}
	}
	return false
}

// comesFrom reports whether packets from a tunnel address with a key, of a width in bits, are those
// of an index: that of a service, or [wirekey.Probe].
func (w *World) comesFrom(from netip.Addr, key, index uint32, width uint) bool {
	for id := range w.hostsAt[from] {
		if key == wirekey.Of(w.secret, id, width, index) {
			return true
		}
	}
	return false
}

func (w *World) hasAddress(host string, addr netip.Addr) bool {
	h := w.hosts[host]
	return h != nil && h.TunnelIP == addr
}

// collectsAt reports whether an enabled remote collector has an address.
func (w *World) collectsAt(addr netip.Addr) bool {
	for _, s := range w.services {
		if s.Type == tap.ServiceRemote && s.Enabled && s.Address == addr {
			return true
		}
	}
	return false
}
