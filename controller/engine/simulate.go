package engine

import (
	"cmp"
	"context"
	"slices"

	"github.com/tapline-sdn/tapline/controller/engine/fleet"
	"github.com/tapline-sdn/tapline/controller/inventory"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// planToTheEnd has everything planned and simulates the outcome, again and again until nothing more
// changes: NICs are plugged and join the tap bridge as planned. The flows to a NIC are planned only
// once it is on the bridge and has a port number.
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

// plugAll simulates that hypervisors plug all tap NICs as ordered, and reports whether they plugged
// any.
func (e *Engine) plugAll() bool {
	e.mu.Lock()
	defer e.mu.Unlock()

	any := false
	for _, o := range e.standing.Orders() {
		if !o.Plug || e.config.Hypervisor == nil ||
			len(e.places.Attachment(&o.Service).Locations) > 0 {
			continue
		}
		if h, g := e.standing.DomainOf(&o); g != nil && g.Running && h.Observed.Host.Observed {
			e.plug(e.fleet.Running[h.ID], &o.Service)
			any = true
		}
	}

	return any
}

// plug simulates that a tap NIC is on the tap bridge of its guest's host. The caller holds mu.
func (e *Engine) plug(h *fleet.Host, s *tap.Service) {
	before := h.Observed
	now := inventory.Observation{Host: before.Host, Ports: slices.Clone(before.Ports)}
	port := tap.TapPort{Name: s.IfName, OFPort: freePort(before.Host.TapPorts), MAC: s.MAC}
	now.Host.TapPorts = append(slices.Clone(before.Host.TapPorts), port)
	now.Ports = append(now.Ports, &inventory.Port{Host: h.ID, Bridge: e.config.TapBridge,
		Name: s.IfName, OFPort: port.OFPort, MAC: s.MAC, InUse: s.MAC})
	e.imagineSeen(h, now)
}

// imagineSeen replaces what is observed on a host. The caller holds mu.
func (e *Engine) imagineSeen(h *fleet.Host, now inventory.Observation) {
	before := h.Observed
	slices.SortFunc(now.Ports, inventory.ComparePorts)
	slices.SortFunc(now.Host.TapPorts, func(a,
		b tap.TapPort) int {
		return cmp.Compare(a.Name, b.Name)
	})
	h.Observed = now
	e.planning.MarkHost(h.ID)
	e.replug(before.Ports, now.Ports)
}

// joinAll simulates that all NICs join the tap bridge as planned, and reports whether any did.
func (e *Engine) joinAll() bool {
	e.mu.Lock()
	defer e.mu.Unlock()

	any := false
	for _, h := range e.fleet.Running {
		if h.Program == nil {
			continue
		}
		for _, port := range h.Program.Program.Ports {
			onBridge := slices.ContainsFunc(h.Observed.Host.TapPorts,
				func(p tap.TapPort) bool { return p.Name == port.Name })
			if port.Bridge == e.config.TapBridge && port.Type == "" && !onBridge {
				e.join(h, port)
				any = true
			}
		}
	}

	return any
}

// join simulates that a NIC is on the tap bridge, and on no other. The caller holds mu.
func (e *Engine) join(h *fleet.Host, port tap.Port) {
	before := h.Observed
	now := inventory.Observation{Host: before.Host, Ports: slices.Clone(before.Ports)}
	joined := tap.TapPort{Name: port.Name, OFPort: cmp.Or(port.OFPortRequest,
		freePort(before.Host.TapPorts))}
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

// freePort is the lowest unused port number. The switch may choose another.
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
