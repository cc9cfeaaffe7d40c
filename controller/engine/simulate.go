package engine

import (
	"context"

	"github.com/tapline-sdn/tapline/controller/engine/fleet"
	"github.com/tapline-sdn/tapline/controller/engine/trial"
	"github.com/tapline-sdn/tapline/controller/inventory"
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
			e.imagineSeen(e.fleet.Running[h.ID], trial.Plugged(h.Observed, h.ID,
				e.config.TapBridge, &o.Service))
			any = true
		}
	}

	return any
}

// imagineSeen replaces what is observed on a host. The caller holds mu.
func (e *Engine) imagineSeen(h *fleet.Host, now inventory.Observation) {
	before := h.Observed
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
			if port.Bridge == e.config.TapBridge && port.Type == "" &&
				!trial.OnTapBridge(&h.Observed.Host, port.Name) {
				e.imagineSeen(h, trial.Joined(h.Observed, port))
				any = true
			}
		}
	}

	return any
}
