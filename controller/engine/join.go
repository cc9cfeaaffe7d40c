package engine

import (
	"cmp"
	"context"
	"slices"

	"github.com/tapline-sdn/tapline/controller/hypervisor"
	"github.com/tapline-sdn/tapline/controller/inventory"
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
		if !o.Plug || e.config.Hypervisor == nil || len(e.places.Attachment(&o.Service).Locations) > 0 {
			continue
		}
		if h, g := e.domainOf(&o); g != nil && g.Running && h.observed.Host.Observed {
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
	now := inventory.Observation{Host: before.Host, Ports: slices.Clone(before.Ports)}
	port := tap.TapPort{Name: s.IfName, OFPort: freePort(before.Host.TapPorts), MAC: s.MAC}
	now.Host.TapPorts = append(slices.Clone(before.Host.TapPorts), port)
	now.Ports = append(now.Ports, &inventory.Port{Host: h.id, Bridge: e.config.TapBridge, Name: s.IfName, OFPort: port.OFPort, MAC: s.MAC, InUse: s.MAC})
	e.imagineSeen(h, now)
}

// imagineSeen takes a host from what is seen there to what would be.
func (e *Engine) imagineSeen(h *host, now inventory.Observation) {
	before := h.observed
	slices.SortFunc(now.Ports, inventory.ComparePorts)
	slices.SortFunc(now.Host.TapPorts, func(a, b tap.TapPort) int { return cmp.Compare(a.Name, b.Name) })
	h.observed = now
	e.dirty.hosts.Add(h.id)
	e.touched()
	e.replug(before.Ports, now.Ports)
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
			onBridge := slices.ContainsFunc(h.observed.Host.TapPorts, func(p tap.TapPort) bool { return p.Name == port.Name })
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
	now := inventory.Observation{Host: before.Host, Ports: slices.Clone(before.Ports)}
	joined := tap.TapPort{Name: port.Name, OFPort: cmp.Or(port.OFPortRequest, freePort(before.Host.TapPorts))}
	now.Host.NICs = slices.Clone(before.Host.NICs)
	for i := range now.Host.NICs {
		if nic := &now.Host.NICs[i]; nic.Name == port.Name {
			joined.MAC, nic.UsedBy = nic.MAC, ""
		}
	}
	for i := range now.Ports {
		if p := *now.Ports[i]; p.Name == port.Name {
			p.Bridge, p.OFPort, joined.MAC = port.Bridge, joined.OFPort, p.InUse
			now.Ports[i] = &p
		}
	}
	now.Host.TapPorts = append(slices.Clone(before.Host.TapPorts), joined)
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
