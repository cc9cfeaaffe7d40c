package engine

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/hypervisor"
	"github.com/tapline-sdn/tapline/controller/inventory"
	"github.com/tapline-sdn/tapline/controller/sets"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Hypervisor plugs tap NICs into guests, and knows the guests of hosts; *hypervisor.Libvirt is one.
type Hypervisor interface {
	// Run looks after a host's guests as ordered until ctx ends. It calls report, one at a time, whenever something is new.
	Run(ctx context.Context, h hypervisor.Host, orders *hypervisor.Orders, report func(hypervisor.Report))
}

// manage has the hypervisor look after a host that is being started. The caller holds mu.
func (e *Engine) manage(ctx context.Context, h *host, record *store.Host) {
	if e.config.Hypervisor == nil {
		return
	}
	ctx, h.unmanage = context.WithCancel(ctx)
	h.orders = hypervisor.NewOrders()
	e.ordered = max(e.ordered, 1)
	h.orders.Put(e.ordered, e.orderNICs())
	at := hypervisor.Host{Name: record.Name, Addr: targetAddr(record.OVSDB), Cluster: e.observer.Cluster}
	if !at.Addr.IsValid() {
		at.Addr = record.TunnelIP
	}
	e.running.Go(func() { e.config.Hypervisor.Run(ctx, at, h.orders, func(r hypervisor.Report) { e.heard(h, r) }) })
}

// order tells all hypervisors which tap NICs are wanted now. The caller holds mu.
func (e *Engine) order() {
	if e.config.Hypervisor == nil {
		return
	}
	e.ordered++
	list := e.orderNICs()
	for _, h := range e.hosts {
		if h.orders != nil {
			h.orders.Put(e.ordered, list)
		}
	}
}

// orderNICs lists the tap NICs of all services of guests. That of a disabled service stays where it is.
func (e *Engine) orderNICs() []hypervisor.Order {
	list := []hypervisor.Order{}
	for _, s := range e.intent.Services.Sorted() {
		if s.Type != tap.ServiceGuest {
			continue
		}
		o := hypervisor.Order{Service: s.Service, Guest: hypervisor.Target{ID: s.TargetID}, Plug: s.Enabled}
		if record := e.intent.Guests.ByID[s.TargetID]; record != nil {
			o.Guest.Name = record.Name
			for _, n := range record.NICs {
				o.Guest.MACs = append(o.Guest.MACs, n.MAC)
			}
		}
		list = append(list, o)
	}
	return list
}

// heard takes in what a host's hypervisor reports.
func (e *Engine) heard(h *host, r hypervisor.Report) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.hosts[h.id] != h {
		return // Deleted meanwhile.
	}
	before := h.guests
	h.guests = r
	e.events.Touch(h.id)                                        // Its deletion may wait for this.
	if before.Orders = r.Orders; reflect.DeepEqual(before, r) { // Orders were taken, and there is nothing to do here.
		for id := range e.unasked {
			e.judge(intent.ServiceRef(id))
		}
		return
	}
	if !reflect.DeepEqual(before.Guests, r.Guests) {
		e.replaceDomains(h.id, before.Guests, r.Guests)
	}
	for id := range e.verdicts {
		if id.Kind == tap.KindService {
			e.judge(id)
		}
	}
	e.compareNICs(h)
	e.judgeHost(h)
}

// compareNICs tells a host's hypervisor which tap NICs of its guests the switch does not show, as when somebody took a port away.
func (e *Engine) compareNICs(h *host) {
	if h.orders == nil {
		return
	}
	var unseen []string
	if h.report.Connected && h.observed.Host.Observed {
		for id := range h.guests.NICs {
			s := e.intent.Services.ByID[id]
			if s != nil && !slices.ContainsFunc(e.places.PortsOf(s.MAC, s.IfName), func(p inventory.Port) bool { return p.Host == h.id }) {
				unseen = append(unseen, id)
			}
		}
	}
	slices.Sort(unseen)
	h.orders.Unseen(unseen)
}

// replaceDomains takes a host's guests over, and tells of those that have changed.
func (e *Engine) replaceDomains(host string, before, now []hypervisor.Guest) {
	guests := sets.Set{}
	mark := func(some, others []hypervisor.Guest) {
		for i := range some {
			if !slices.ContainsFunc(others, func(o hypervisor.Guest) bool { return o.ID == some[i].ID && reflect.DeepEqual(o, some[i]) }) {
				e.guestsOf(&some[i], guests.Add)
			}
		}
	}
	mark(before, now)
	mark(now, before)
	e.places.ReplaceDomains(host, before, now)
	for _, id := range slices.Sorted(maps.Keys(guests)) {
		e.dirty.guests.Add(id)
		e.publishGuest(id, nil)
	}
	e.touched()
}

// guestsOf tells the guests that a hypervisor's guest may be.
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

// plugging says how far the NIC of an enabled tap service that no switch shows has come with the hypervisors; false where there
// is nothing to say beyond the plugin's word.
func (e *Engine) plugging(id intent.Ref, status tap.Status) (view.Health, bool) {
	s := e.intent.Services.ByID[id.ID]
	if e.config.Hypervisor == nil || id.Kind != tap.KindService || status.State != tap.StatePending || s == nil ||
		s.Type != tap.ServiceGuest || len(e.places.Attachment(&s.Service).Locations) > 0 {
		return view.Health{}, false
	}
	var off, unread, silent []string
	found := false
	for _, h := range e.sortedHosts() {
		name := e.intent.HostName(h.id)
		outcome, here := h.guests.NICs[s.ID]
		found = found || here
		switch {
		case !h.guests.Known && h.guests.Problem != "":
			silent = append(silent, fmt.Sprintf("host %s: libvirt: %s", name, h.guests.Problem))
		case !h.guests.Known, !here && h.guests.Orders < max(1, e.verdicts[id].ordered):
			unread = append(unread, name)
		case outcome.State == hypervisor.Failed:
			return view.Health{State: tap.StateError, Reason: fmt.Sprintf("host %s: guest %s: libvirt: %s", name, outcome.Guest, outcome.Reason)}, true
		case outcome.State == hypervisor.Plugging:
			return view.Health{State: tap.StatePending, Reason: fmt.Sprintf("NIC %s is being plugged into guest %s on host %s", s.IfName, outcome.Guest, name)}, true
		case outcome.State == hypervisor.Plugged:
			return view.Health{State: tap.StatePending, Reason: fmt.Sprintf("NIC %s is plugged into guest %s, and the switch of host %s does not show it yet",
				s.IfName, outcome.Guest, name)}, true
		case outcome.State == hypervisor.Off:
			off = append(off, fmt.Sprintf("guest %s is off", outcome.Guest))
		}
	}
	switch {
	case off != nil:
		return view.Health{State: tap.StatePending, Reason: off[0]}, true
	case found:
		return view.Health{}, false
	case unread != nil:
		e.unasked.Add(id.ID)
		return view.Health{State: tap.StatePending, Reason: fmt.Sprintf("libvirt of host %s was not asked yet", unread[0])}, true
	}
	return e.unknownGuest(s, silent), true
}

// serviceWaits says of a flow that waits for the NIC of its service what the hypervisors say of that.
func (e *Engine) serviceWaits(id intent.Ref, status tap.Status) (view.Health, bool) {
	f := e.intent.Flows.ByID[id.ID]
	if id.Kind != tap.KindFlow || f == nil || status.State != tap.StatePending {
		return view.Health{}, false
	}
	service := e.verdicts[intent.ServiceRef(f.TapID)]
	if !service.nic || service.status.Reason != status.Reason { // It waits for something else, such as its source.
		return view.Health{}, false
	}
	return view.Health{State: service.health.State, Reason: fmt.Sprintf("tap service %s: %s", e.intent.Services.ByID[f.TapID].Name, service.health.Reason)}, true
}

// unknownGuest says why no hypervisor has the guest of a service: that of the host where its NICs are seen counts, if they are.
func (e *Engine) unknownGuest(s *store.Service, silent []string) view.Health {
	if host := e.seenOn(s.TargetID); host != "" {
		prefix := fmt.Sprintf("host %s: libvirt: ", e.intent.HostName(host))
		for _, problem := range silent {
			if strings.HasPrefix(problem, prefix) {
				return view.Health{State: tap.StateError, Reason: problem}
			}
		}
		return view.Health{State: tap.StateError, Reason: fmt.Sprintf("%sDomain not found: no domain with matching uuid or name '%s'", prefix, s.TargetID)}
	}
	if silent != nil {
		return view.Health{State: tap.StateError, Reason: silent[0]}
	}
	return view.Health{State: tap.StateError, Reason: fmt.Sprintf("libvirt: Domain not found: no domain with matching uuid or name '%s' on any host", s.TargetID)}
}

// seenOn is a host where the switch shows a NIC of a guest, "" if none does.
func (e *Engine) seenOn(guest string) string {
	g, _ := e.places.Guest(guest, e.intent.Guests.ByID[guest])
	for _, n := range g.NICs {
		if len(n.Locations) > 0 {
			return n.Locations[0].Host
		}
	}
	return ""
}

func (e *Engine) sortedHosts() []*host {
	out := make([]*host, 0, len(e.hosts))
	for _, h := range e.hosts {
		out = append(out, h)
	}
	slices.SortFunc(out, func(a, b *host) int { return strings.Compare(e.intent.HostName(a.id), e.intent.HostName(b.id)) })
	return out
}

// withHypervisor adds to a host's health what is wrong with its hypervisor, which keeps no mirror from running.
func withHypervisor(h *host, health view.Health) view.Health {
	if health.State == tap.StateReady && h.guests.Problem != "" {
		health.Reason = "libvirt: " + h.guests.Problem
	}
	return health
}
