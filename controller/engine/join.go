package engine

import (
	"cmp"
	"context"
	"slices"

	"github.com/tapline-sdn/tapline/controller/hypervisor"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// planToTheEnd has everything planned, and imagines that NICs are plugged and join the tap bridge as planned, until nothing more
// comes of it.
// What a NIC gets is planned only once it is on the bridge, since only then its port number is known.
func (e *Engine) planToTheEnd(ctx context.Context) error {
	for {
		if err := e.planEverything(ctx); err != nil {
			return err
		}
		if plugged := e.plugAll(); !e.joinAll() && !plugged {
			return nil
		}
	}
}

// plugAll imagines that hypervisors have plugged all tap NICs that they would plug, and reports whether any was not.
func (e *Engine) plugAll() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	any := false
	for _, o := range e.orderNICs() {
		if !o.Plug || e.config.Hypervisor == nil || len(e.places.attachment(&o.Service).Locations) > 0 {
			continue
		}
		if h, g := e.domainOf(&o); g != nil && g.Running && h.observed.host.Observed {
			e.plug(h, &o.Service)
			any = true
		}
	}
	return any
}

// domainOf finds the guest of an order, and its host: the one that runs, if there are several; nil if there is none.
func (e *Engine) domainOf(o *hypervisor.Order) (at *host, found *hypervisor.Guest) {
	for _, h := range e.sortedHosts() {
		for i := range h.guests.Guests {
			if g := &h.guests.Guests[i]; o.Guest.Matches(g) && (found == nil || g.Running && !found.Running) {
				at, found = h, g
			}
		}
	}
	return at, found
}

// guestOff finds the guest of a service, and its host, where the guest is to have the service's NIC and does not run; nil if there is none.
func (e *Engine) guestOff(service string) (*host, *hypervisor.Guest) {
	for _, o := range e.orderNICs() {
		if o.Service.ID != service {
			continue
		}
		if h, g := e.domainOf(&o); g != nil && !g.Running {
			return h, g
		}
	}
	return nil, nil
}

// plug imagines that a tap NIC is on the tap bridge of its guest's host. The caller holds mu.
func (e *Engine) plug(h *host, s *tap.Service) {
	before := h.observed
	now := observation{host: before.host, ports: slices.Clone(before.ports)}
	port := tap.TapPort{Name: s.IfName, OFPort: freePort(before.host.TapPorts), MAC: s.MAC}
	now.host.TapPorts = append(slices.Clone(before.host.TapPorts), port)
	now.ports = append(now.ports, &seenPort{host: h.id, bridge: e.config.TapBridge, name: s.IfName, ofport: port.OFPort, mac: s.MAC, inUse: s.MAC})
	e.imagineSeen(h, now)
}

// imagineSeen takes a host from what is seen there to what would be.
func (e *Engine) imagineSeen(h *host, now observation) {
	before := h.observed
	slices.SortFunc(now.ports, comparePorts)
	slices.SortFunc(now.host.TapPorts, func(a, b tap.TapPort) int { return cmp.Compare(a.Name, b.Name) })
	h.observed = now
	e.dirty.hosts.add(h.id)
	e.touched()
	e.replug(before.ports, now.ports)
}

// joinAll imagines that all NICs have joined the tap bridge that are to be on it, and reports whether any was not.
func (e *Engine) joinAll() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	any := false
	for _, h := range e.hosts {
		if h.program == nil {
			continue
		}
		for _, port := range h.program.Program.Ports {
			onBridge := slices.ContainsFunc(h.observed.host.TapPorts, func(p tap.TapPort) bool { return p.Name == port.Name })
			if port.Bridge == e.config.TapBridge && port.Type == "" && !onBridge {
				e.join(h, port)
				any = true
			}
		}
	}
	return any
}

// join imagines that a NIC is on the tap bridge, and on no other. The caller holds mu.
func (e *Engine) join(h *host, port tap.Port) {
	before := h.observed
	now := observation{host: before.host, ports: slices.Clone(before.ports)}
	joined := tap.TapPort{Name: port.Name, OFPort: cmp.Or(port.OFPortRequest, freePort(before.host.TapPorts))}
	now.host.NICs = slices.Clone(before.host.NICs)
	for i := range now.host.NICs {
		if nic := &now.host.NICs[i]; nic.Name == port.Name {
			joined.MAC, nic.UsedBy = nic.MAC, ""
		}
	}
	for i := range now.ports {
		if p := *now.ports[i]; p.name == port.Name {
			p.bridge, p.ofport, joined.MAC = port.Bridge, joined.OFPort, p.inUse
			now.ports[i] = &p
		}
	}
	now.host.TapPorts = append(slices.Clone(before.host.TapPorts), joined)
	e.imagineSeen(h, now)
}

// freePort is the lowest port number that no port has; the switch may choose another.
func freePort(ports []tap.TapPort) uint32 {
	taken := map[uint32]bool{}
	for _, p := range ports {
		taken[p.OFPort] = true
	}
	free := uint32(1)
	for taken[free] {
		free++
	}
	return free
}
