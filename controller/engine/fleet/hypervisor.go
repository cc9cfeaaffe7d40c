package fleet

import (
	"context"
	"reflect"
	"slices"

	"github.com/tapline-sdn/tapline/controller/hypervisor"
	"github.com/tapline-sdn/tapline/controller/inventory"
	"github.com/tapline-sdn/tapline/controller/sets"
	"github.com/tapline-sdn/tapline/controller/store"
)

// Manage prepares a hypervisor's work on a host, with the orders that it gets first. It returns the
// host as the hypervisor gets it, and a context that ends with the work.
func (f *Fleet) Manage(ctx context.Context, h *Host, record *store.Host, number uint64,
	list []hypervisor.Order) (context.Context, hypervisor.Host) {
	ctx, h.unmanage = context.WithCancel(ctx)
	h.Orders = hypervisor.NewOrders()
	h.Orders.Put(number, list)

	at := hypervisor.Host{Name: record.Name, Addr: targetAddr(record.OVSDB),
		Cluster: f.Observer.Cluster}
	if !at.Addr.IsValid() {
		at.Addr = record.TunnelIP
	}
	return ctx, at
}

// Order gives all hypervisors the list of tap NICs that are wanted now.
func (f *Fleet) Order(number uint64, list []hypervisor.Order) {
	for _, h := range f.Running {
		if h.Orders != nil {
			h.Orders.Put(number, list)
		}
	}
}

// CompareNICs tells a host's hypervisor which tap NICs of its guests the switch does not show, for
// example because somebody removed a port.
func (f *Fleet) CompareNICs(h *Host) {
	if h.Orders == nil {
		return
	}

	var unseen []string
	if h.Report.Connected && h.Observed.Host.Observed {
		for id := range h.Guests.NICs {
			s := f.intent.Services.ByID[id]
			if s != nil && !slices.ContainsFunc(f.Places.PortsOf(s.MAC, s.IfName),
				func(p inventory.Port) bool { return p.Host == h.ID }) {
				unseen = append(unseen, id)
			}
		}
	}

	slices.Sort(unseen)
	h.Orders.Unseen(unseen)
}

// ReplaceDomains takes over the guests of a host's hypervisor, and returns the ids of the guests
// that have changed.
func (f *Fleet) ReplaceDomains(host string, before, now []hypervisor.Guest) sets.Set {
	guests := sets.Set{}
	mark := func(some, others []hypervisor.Guest) {
		for i := range some {
			same := func(o hypervisor.Guest) bool {
				return o.ID == some[i].ID && reflect.DeepEqual(o, some[i])
			}
			if !slices.ContainsFunc(others, same) {
				f.addGuestsOf(&some[i], guests)
			}
		}
	}

	mark(before, now)
	mark(now, before)
	f.Places.ReplaceDomains(host, before, now)
	return guests
}

// addGuestsOf adds the ids of all guests that a hypervisor's guest may be.
func (f *Fleet) addGuestsOf(g *hypervisor.Guest, to sets.Set) {
	to.Add(g.ID)
	for _, ref := range []string{g.ID, g.Name} {
		if record := f.intent.Guests.Find(ref); record != nil {
			to.Add(record.ID)
		}
	}

	for _, n := range g.NICs {
		for id := range f.Places.GuestsClaiming(n.MAC, "") {
			to.Add(id)
		}
	}
}

// Unplugging reports whether a host's hypervisor is doing something on which it depends whether the
// host can be deleted. Ordered is the number of the last list of orders.
func (f *Fleet) Unplugging(id string, ordered uint64) bool {
	h := f.Running[id]
	if h == nil || h.Orders == nil || h.Guests.Problem != "" {
		return false
	}

	for _, g := range h.Guests.Guests {
		if slices.ContainsFunc(g.Services, func(s string) bool { return !f.wanted(s) }) {
			return true
		}
	}

	for _, outcome := range h.Guests.NICs {
		if outcome.State == hypervisor.Plugging {
			return true
		}
	}

	return h.Guests.Orders < ordered
}

// Defined finds a guest of a host, perhaps off, whose definition has a tap NIC, and the service;
// nil if there is none. The definition names the tap bridge, so the guest does not start without.
func (f *Fleet) Defined(host string) (*hypervisor.Guest, *store.Service) {
	h := f.Running[host]
	if h == nil {
		return nil, nil
	}

	for i := range h.Guests.Guests {
		g := &h.Guests.Guests[i]
		for _, id := range g.Services {
			if f.wanted(id) {
				return g, f.intent.Services.ByID[id]
			}
		}
	}
	return nil, nil
}

// wanted reports whether there is a tap service of an id that is not being deleted.
func (f *Fleet) wanted(service string) bool {
	s := f.intent.Services.ByID[service]
	return s != nil && !s.Deleting
}
