package engine

import (
	"context"
	"crypto/x509"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"time"

	"github.com/tapline-sdn/tapline/controller/engine/events"
	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/engine/standing"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/inventory"
	"github.com/tapline-sdn/tapline/controller/meter"
	"github.com/tapline-sdn/tapline/controller/session"
	"github.com/tapline-sdn/tapline/controller/sets"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/ovsdb/client"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// startHost begins a session with a host. The caller holds mu.
func (e *Engine) startHost(record *store.Host) {
	if e.ctx == nil || e.hosts[record.ID] != nil || e.retiring[record.ID] != nil {
		return // Run starts it; or has.
	}

	ctx, stop := context.WithCancel(e.ctx)
	h := &host{Host: standing.NewHost(record.ID), stop: stop, nicPauses: map[string]time.Duration{}}
	h.session = session.New(session.Config{
		HostID: record.ID, Host: record.Name, Target: record.OVSDB, TLS: e.config.OVSDBTLS,
		AcceptTLS: e.config.AcceptTLS,
		Cluster:   e.observer.Cluster, TapBridge: e.config.TapBridge,
		Advertise: e.config.Advertise, OpenFlowPort: e.config.OpenFlowPort,
		OpenFlowTLS: e.config.OpenFlowTLS,
		Certified: func(shown *x509.Certificate) (bool,
			error) {
			return e.certified(record.ID, shown)
		},
		Turns:     e.turns,
		Schemas:   &e.schemas,
		Models:    &e.models,
		Logger:    e.log.With("host", record.Name),
		Refused:   func(s *vswitch.Snapshot) string { return e.refusal(h, s) },
		Report:    func(r session.Report) { e.observe(h, r) },
		Observed:  func(s *vswitch.Snapshot) { e.observed(h, s) },
		Counted:   func(s *vswitch.Snapshot) { e.counted(h, s) },
		Applied:   e.config.Observer.Applied,
		Converged: e.config.Observer.Converged,
		Probed:    e.probed,
		Sampled:   func(r meter.Reading) { e.sampled(h, r) },
	})

	h.Observed = e.observer.Observe(record, e.lessons.known[h.ID], nil, e.places.Claimed)
	if !record.Deleting {
		e.identifyLocked(h.ID, &inventory.Observation{}, &h.Observed)
	}

	h.Retiring = record.Deleting
	h.Health = h.CurrentHealth()
	e.standing.AddHost(&h.Host)
	if h.Retiring {
		e.retiring[h.ID] = h
		h.session.Retire()
	} else {
		e.hosts[h.ID] = h
		e.byDPID[h.session.DatapathID()] = h
		e.planning.MarkHost(h.ID)
	}

	if e.config.imagined {
		return
	}

	e.running.Go(func() {
		defer stop()
		h.session.Run(ctx)
		if ctx.Err() == nil {
			e.stripped(h)
		}
	})

	if !h.Retiring {
		e.manage(ctx, h, record)
	}

	e.publishRefs(e.standing.JudgeLeaving(h.ID))
}

// stopHost forgets what is seen on a host, and what is planned for it. Its caller stops or retires
// the session. The caller holds mu.
func (e *Engine) stopHost(h *host) {
	if h.unmanage != nil {
		h.unmanage() // Nothing is to be plugged into a bridge that goes.
	}

	delete(e.hosts, h.ID)
	e.standing.RemoveHost(h.ID)
	delete(e.byDPID, h.session.DatapathID())
	e.replug(h.Observed.Ports, nil)
	e.identifyLocked(h.ID, &h.Observed, &inventory.Observation{})
	e.replaceDomains(h.ID, h.Guests.Guests, nil)
	e.book.ForgetHost(h.ID)
	e.planning.MarkHost(h.ID)
}

// probed hands the answer to a probe to the session that sent it.
func (e *Engine) probed(sender, nonce uint64) {
	e.mu.Lock()
	h := e.byDPID[sender]
	e.mu.Unlock()
	if h != nil {
		h.session.ProbeArrived(nonce)
	}
}

// observe takes in what a session reports. It is called by the session's goroutine, one report at a
// time.
func (e *Engine) observe(h *host, r session.Report) {
	e.reporting.Lock()
	defer e.reporting.Unlock()

	e.mu.Lock()
	defer e.mu.Unlock()

	if e.hosts[h.ID] != h {
		e.observeRetiring(h, r)
		return
	}

	before := h.Report
	if !r.Connected {
		r.Paths = before.Paths // They are as they were last measured.
	}
	h.Report = r
	h.NoteSince(&before, time.Now())

	if r.Snapshot != before.Snapshot && e.observer.MayDiffer(before.Snapshot, r.Snapshot) {
		e.look(h)
	}

	if r.Connected != before.Connected {
		e.planning.MarkHost(h.ID)
		e.places.EachShared(h.Observed.Ports, e.portChanged) // A live place beats a dead one.
		h.altered = true
		e.repinOn(h)
	}
	if r.Connected && !maps.Equal(r.Paths, before.Paths) {
		e.planning.MarkHost(h.ID)
	}
	if r.Snapshot != before.Snapshot || r.Connected != before.Connected {
		e.compareNICs(h)
	}

	affected := standing.Affected{}
	e.standing.AddAffectedByReport(h.ID, &before, &r, affected)
	e.judgeAll(affected)
	if r.Connected != before.Connected {
		e.publishRefs(e.standing.JudgeLeaving(h.ID))
	}

	e.judgeHost(h)
	e.wakeLeft()
}

// observeRetiring takes in what the session of a deleted host reports: whether the host can be
// reached. The caller holds mu.
func (e *Engine) observeRetiring(h *host, r session.Report) {
	if e.retiring[h.ID] != h {
		return // It was stripped, or is registered again.
	}

	before := h.Report
	h.Report.Connected, h.Report.Problem = r.Connected, r.Problem
	h.NoteSince(&before, time.Now())
	if r.Connected != before.Connected {
		e.publishRefs(e.standing.JudgeLeaving(h.ID))
	}

	e.judgeHost(h)
}

// observed takes in a snapshot that shows something new of ports, NICs or tunnels. What stands of
// the host's program is as it was reported last.
func (e *Engine) observed(h *host, s *vswitch.Snapshot) {
	e.reporting.Lock()
	defer e.reporting.Unlock()

	e.mu.Lock()
	defer e.mu.Unlock()

	before := h.Report.Snapshot
	if e.hosts[h.ID] != h || s == before {
		return // Deleted meanwhile, or nothing new.
	}

	h.Report.Snapshot = s

	if e.observer.MayDiffer(before, s) {
		e.look(h)
	}

	e.compareNICs(h)
	e.judgeHost(h)
}

// counted takes in a snapshot in which a switch has counted, and nothing else has happened: only
// who looks at it finds a difference.
func (e *Engine) counted(h *host, s *vswitch.Snapshot) {
	e.reporting.Lock()
	defer e.reporting.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	h.Report.Snapshot = s
}

// look reads the host's latest snapshot again, and marks what differs.
func (e *Engine) look(h *host) {
	record := e.intent.Hosts.ByID[h.ID]
	if record == nil {
		return
	}

	now := e.observer.Observe(record, e.lessons.known[h.ID], h.Report.Snapshot, e.places.Claimed)
	if !now.Host.Observed {
		// There is nothing to refuse yet.
	} else if why := e.refusalLocked(record, now.Identity, now.Host.TunnelIP); why != "" {
		now.Host.Refused = why
		now.Ports = nil // Nothing that this record shows counts.
	} else {
		e.learnSwitchLocked(h.ID, &now)
	}

	e.noteNICsLocked(h, &now.Host)

	before := h.Observed
	h.Observed = now
	e.identifyLocked(h.ID, &before, &now)
	if !reflect.DeepEqual(before.Host, now.Host) {
		e.planning.MarkHost(h.ID)
		h.altered = true
	}

	e.replug(before.Ports, now.Ports)
}

// replug takes the ports of a host from one observation to the next, and tells of the guests and
// services whose NICs moved.
func (e *Engine) replug(before, now []*inventory.Port) {
	guests, services := sets.Set{}, sets.Set{}
	e.places.ReplacePorts(before, now, func(p inventory.Port) {
		e.portChanged(p)
		e.places.Concerned(p, guests.Add, services.Add)
	})

	for _, id := range slices.Sorted(maps.Keys(guests)) {
		e.publishGuest(id, nil)
	}

	for id := range guests {
		for service := range e.intent.ServicesOf[id] {
			services.Add(service)
		}
	}

	for _, id := range slices.Sorted(maps.Keys(services)) {
		e.repin(id)
		e.publishRef(intent.ServiceRef(id))
	}
}

// portChanged marks whom a port concerns.
func (e *Engine) portChanged(p inventory.Port) {
	e.places.Concerned(p, e.planning.MarkGuest, e.planning.MarkAttachment)
	if h := e.hosts[p.Host]; h != nil && h.orders != nil && p.Guest != "" {
		h.orders.Look()
	}
}

// publishHost tells that a host was created or updated, unless its watchers have seen it so: most
// of what a snapshot shows is not in a view.
func (e *Engine) publishHost(record *store.Host, event string) view.Host {
	v := e.hostView(record)
	h := e.hosts[record.ID]
	if h != nil && h.published != nil && reflect.DeepEqual(*h.published, v) {
		return v
	}
	if h != nil {
		h.published = &v
	}

	e.events.Publish(events.Event{Type: event, Host: &v})
	return v
}

// relook reads the hosts again on which a NIC with this address or name is plugged, since it now
// counts, or no longer counts, as an uplink.
func (e *Engine) relook(mac tap.MAC, name string) {
	hosts := sets.Set{}
	for _, p := range e.places.PortsOf(mac, name) {
		hosts.Add(p.Host)
		e.portChanged(p)
	}
	for id := range maps.Keys(hosts) {
		e.look(e.hosts[id])
		e.judgeHost(e.hosts[id])
	}
}

// targetAddr is the address in an OVSDB target; the zero address if it has none, as with a name.
func targetAddr(target string) netip.Addr {
	t, err := client.ParseTarget(target)
	if err != nil {
		return netip.Addr{}
	}
	at, err := netip.ParseAddrPort(t.Address)
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().Unmap()
}
