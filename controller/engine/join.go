package engine

import (
	"cmp"
	"context"
	"slices"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

// planToTheEnd has everything planned, and imagines that NICs join the tap bridge as planned, until nothing more comes of it.
// What a NIC gets is planned only once it is on the bridge, since only then its port number is known.
func (e *Engine) planToTheEnd(ctx context.Context) error {
	for {
		if err := e.planEverything(ctx); err != nil {
			return err
		}
		if !e.joinAll() {
			return nil
		}
	}
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
		if p := &now.ports[i]; p.name == port.Name {
			p.bridge, p.ofport, joined.MAC = port.Bridge, joined.OFPort, p.inUse
		}
	}
	slices.SortFunc(now.ports, comparePorts)
	now.host.TapPorts = append(slices.Clone(before.host.TapPorts), joined)
	slices.SortFunc(now.host.TapPorts, func(a, b tap.TapPort) int { return cmp.Compare(a.Name, b.Name) })
	h.observed = now
	e.dirty.hosts.add(h.id)
	e.touched()
	e.replug(before.ports, now.ports)
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
