package engine

import (
	"context"
	"maps"
	"reflect"
	"slices"

	"github.com/tapline-sdn/tapline/controller/hypervisor"
	"github.com/tapline-sdn/tapline/controller/inventory"
	"github.com/tapline-sdn/tapline/controller/sets"
	"github.com/tapline-sdn/tapline/controller/store"
)

// Hypervisor plugs tap NICs into guests, and lists the guests of hosts; *hypervisor.Libvirt is one.
type Hypervisor interface {
	// Run looks after a host's guests as ordered until ctx ends. It calls report, one at a time,
	// whenever something is new.
	Run(ctx context.Context, h hypervisor.Host, orders *hypervisor.Orders,
		report func(hypervisor.Report))
}

// manage starts the hypervisor's work on a host. The caller holds mu.
func (e *Engine) manage(ctx context.Context, h *host, record *store.Host) {
	if e.config.Hypervisor == nil {
		return
	}

	ctx, h.unmanage = context.WithCancel(ctx)
	h.orders = hypervisor.NewOrders()
	h.orders.Put(e.standing.CurrentOrders())
	at := hypervisor.Host{Name: record.Name, Addr: targetAddr(record.OVSDB),
		Cluster: e.observer.Cluster}
	if !at.Addr.IsValid() {
		at.Addr = record.TunnelIP
	}

	e.running.Go(func() {
		e.config.Hypervisor.Run(ctx, at, h.orders, func(r hypervisor.Report) { e.heard(h, r) })
	})
}

// order gives all hypervisors the list of tap NICs that are wanted now. The caller holds mu.
func (e *Engine) order() {
	if e.config.Hypervisor == nil {
		return
	}
	number, list := e.standing.NewOrders()
	for _, h := range e.hosts {
		if h.orders != nil {
			h.orders.Put(number, list)
		}
	}
}

// heard takes in what a host's hypervisor reports. It is called by the hypervisor's goroutine of
// the host.
func (e *Engine) heard(h *host, r hypervisor.Report) {
	e.mu.Lock()
	defer e.mu.Unlock()

	if e.hosts[h.ID] != h {
		return // Deleted meanwhile.
	}

	before := h.Guests
	h.Guests = r
	e.events.Touch(h.ID) // Its deletion may wait for this.
	// Orders were taken, and there is nothing to do here.
	if before.Orders = r.Orders; reflect.DeepEqual(before, r) {
		for _, id := range e.standing.Unasked() {
			e.judge(id)
		}
		return
	}

	if !reflect.DeepEqual(before.Guests, r.Guests) {
		e.replaceDomains(h.ID, before.Guests, r.Guests)
	}

	for _, id := range slices.Collect(e.standing.Services()) {
		e.judge(id)
	}

	e.compareNICs(h)
	e.judgeHost(h)
}

// compareNICs tells a host's hypervisor which tap NICs of its guests the switch does not show, for
// example because somebody removed a port. The caller holds mu.
func (e *Engine) compareNICs(h *host) {
	if h.orders == nil {
		return
	}

	var unseen []string
	if h.Report.Connected && h.Observed.Host.Observed {
		for id := range h.Guests.NICs {
			s := e.intent.Services.ByID[id]
			if s != nil && !slices.ContainsFunc(e.places.PortsOf(s.MAC, s.IfName),
				func(p inventory.Port) bool { return p.Host == h.ID }) {
				unseen = append(unseen, id)
			}
		}
	}

	slices.Sort(unseen)
	h.orders.Unseen(unseen)
}

// replaceDomains takes over the guests of a host's hypervisor, and publishes those that have
// changed. The caller holds mu.
func (e *Engine) replaceDomains(host string, before, now []hypervisor.Guest) {
	guests := sets.Set{}
	mark := func(some, others []hypervisor.Guest) {
		for i := range some {
			if !slices.ContainsFunc(others,
				func(o hypervisor.Guest) bool {
					return o.ID == some[i].ID &&
						reflect.DeepEqual(o, some[i])
				}) {
				e.guestsOf(&some[i], guests.Add)
			}
		}
	}

	mark(before, now)
	mark(now, before)
	e.places.ReplaceDomains(host, before, now)
	for _, id := range slices.Sorted(maps.Keys(guests)) {
		e.planning.MarkGuest(id)
		e.publishGuest(id, nil)
	}
}

// guestsOf calls guest with the ids of all guests that a hypervisor's guest may be.
func (e *Engine) guestsOf(g *hypervisor.Guest, guest func(id string)) {
	guest(g.ID)
	for _, ref := range []string{g.ID, g.Name} {
		if record := e.intent.Guests.Find(ref); record != nil {
			guest(record.ID)
		}
	}

	for _, n := range g.NICs {
		for id := range e.places.GuestsClaiming(n.MAC, "") {
			guest(id)
		}
	}
}
