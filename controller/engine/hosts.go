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
	if e.ctx == nil || e.hosts[record.ID] != nil {
		return // Run starts it; or has.
	}
	ctx, stop := context.WithCancel(e.ctx)
	h := &host{id: record.ID, stop: stop, seenMAC: map[string]tap.MAC{}, since: map[string]time.Time{}}
	h.session = session.New(session.Config{
		HostID: record.ID, Host: record.Name, Target: record.OVSDB, TLS: e.config.OVSDBTLS, AcceptTLS: e.config.AcceptTLS,
		Cluster: e.observer.Cluster, TapBridge: e.config.TapBridge,
		Advertise: e.config.Advertise, OpenFlowPort: e.config.OpenFlowPort, OpenFlowTLS: e.config.OpenFlowTLS,
		Certified: func(shown *x509.Certificate) (bool, error) { return e.certified(record.ID, shown) },
		Turns:     e.turns,
		Schemas:   &e.schemas,
		Models:    &e.models,
		Logger:    e.log.With("host", record.Name),
		Report:    func(r session.Report) { e.observe(h, r) },
		Observed:  func(s *vswitch.Snapshot) { e.observed(h, s) },
		Counted:   func(s *vswitch.Snapshot) { e.counted(h, s) },
		Applied:   e.config.Observer.Applied,
		Converged: e.config.Observer.Converged,
		Probed:    e.probed,
		Sampled:   func(r meter.Reading) { e.sampled(h, r) },
	})
	h.observed = e.observer.Observe(record, nil, e.places.Claimed)
	h.report.Problem = "connecting"
	h.health = e.hostHealth(h)
	e.hosts[h.id] = h
	e.byDPID[h.session.DatapathID()] = h
	e.dirty.hosts.Add(h.id)
	e.touched()
	if e.config.imagined {
		return
	}
	e.running.Go(func() {
		defer stop()
		h.session.Run(ctx)
		e.stripped(h)
	})
	e.manage(ctx, h, record)
}

// stopHost forgets a host's session; its caller stops or retires it. The caller holds mu.
func (e *Engine) stopHost(h *host) {
	if h.unmanage != nil {
		h.unmanage() // Nothing is to be plugged into a bridge that goes.
	}
	delete(e.hosts, h.id)
	delete(e.byDPID, h.session.DatapathID())
	e.replug(h.observed.Ports, nil)
	e.replaceDomains(h.id, h.guests.Guests, nil)
	e.book.ForgetHost(h.id)
	e.dirty.hosts.Add(h.id)
	e.touched()
}

// stripped tells who waits for the end of a deleted host.
func (e *Engine) stripped(h *host) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.retiring[h.id] == h {
		delete(e.retiring, h.id)
		e.events.Touch(h.id)
	}
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

// observe takes in what a session reports. It is called by the session's goroutine, one report at a time.
func (e *Engine) observe(h *host, r session.Report) {
	e.reporting.Lock()
	defer e.reporting.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.hosts[h.id] != h {
		return // Deleted meanwhile.
	}
	before := h.report
	h.report = r
	if r.Snapshot != before.Snapshot && e.observer.MayDiffer(before.Snapshot, r.Snapshot) {
		e.look(h)
	}
	if r.Connected != before.Connected {
		e.dirty.hosts.Add(h.id)
		e.touched()
		h.altered = true
		h.since[connection] = time.Now()
	}
	if r.Snapshot != before.Snapshot || r.Connected != before.Connected {
		e.compareNICs(h)
	}
	judge := map[intent.Ref]struct{}{}
	if r.Connected != before.Connected || r.Problem != before.Problem {
		e.affectedOn(h.id, judge)
	} else {
		for owner, now := range r.Owners {
			if was := before.Owners[owner]; now != was {
				if now.State != was.State || now.Reason != was.Reason {
					h.since[owner] = time.Now()
				}
				need := tap.Need{Host: h.id, Owner: owner}
				if working(now) && working(was) {
					e.stirred(need, judge)
				} else {
					e.affected(need, judge)
				}
			}
		}
		for owner := range before.Owners {
			if _, still := r.Owners[owner]; !still {
				delete(h.since, owner)
				e.affected(tap.Need{Host: h.id, Owner: owner}, judge)
			}
		}
	}
	for id := range judge {
		e.judge(id)
	}
	e.judgeHost(h)
	e.checkLeaving()
}

// working says that what an owner has on a switch stands, or that the switch is at it.
func working(s session.OwnerState) bool { return s.State == session.Ready || s.State == session.Busy }

// observed takes in a snapshot that shows something new of ports, NICs or tunnels. What stands of the host's program is as
// it was reported last.
func (e *Engine) observed(h *host, s *vswitch.Snapshot) {
	e.reporting.Lock()
	defer e.reporting.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()

	before := h.report.Snapshot
	if e.hosts[h.id] != h || s == before {
		return // Deleted meanwhile, or nothing new.
	}
	h.report.Snapshot = s

	if e.observer.MayDiffer(before, s) {
		e.look(h)
	}
	e.compareNICs(h)
	e.judgeHost(h)
}

// counted takes in a snapshot in which a switch has counted, and nothing else has happened: only who looks at it finds a difference.
func (e *Engine) counted(h *host, s *vswitch.Snapshot) {
	e.reporting.Lock()
	defer e.reporting.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	h.report.Snapshot = s
}

// look reads the host's latest snapshot again, and marks what differs.
func (e *Engine) look(h *host) {
	record := e.intent.Hosts.ByID[h.id]
	if record == nil {
		return
	}
	now := e.observer.Observe(record, h.report.Snapshot, e.places.Claimed)
	for _, port := range now.Host.TapPorts {
		for _, nic := range now.Host.NICs {
			if nic.Name == port.Name && !port.MAC.IsZero() {
				h.seenMAC[nic.Name] = port.MAC
			}
		}
	}
	before := h.observed
	h.observed = now
	if !reflect.DeepEqual(before.Host, now.Host) {
		e.dirty.hosts.Add(h.id)
		e.touched()
		h.altered = true
	}
	e.replug(before.Ports, now.Ports)
}

// replug takes the ports of a host from one observation to the next, and tells of the guests and services whose NICs moved.
func (e *Engine) replug(before, now []*inventory.Port) {
	guests, services := sets.Set{}, sets.Set{}
	e.places.ReplacePorts(before, now, func(p inventory.Port) {
		e.portChanged(p)
		e.places.Concerned(p, guests.Add, services.Add)
	})
	for _, id := range slices.Sorted(maps.Keys(guests)) {
		e.publishGuest(id, nil)
	}
	for _, id := range slices.Sorted(maps.Keys(services)) {
		e.publishRef(intent.ServiceRef(id))
	}
}

// portChanged marks whom a port concerns.
func (e *Engine) portChanged(p inventory.Port) {
	e.places.Concerned(p, e.dirty.guests.Add, e.dirty.attachments.Add)
	if h := e.hosts[p.Host]; h != nil && h.orders != nil && p.Guest != "" {
		h.orders.Look()
	}
	e.touched()
}

// topology is a host as the plugin gets it.
func (e *Engine) topology(h *host) tap.Host {
	out := h.observed.Host
	out.Connected = h.report.Connected
	out.NICs = slices.Clone(out.NICs)
	for i := range out.NICs {
		out.NICs[i].SeenMAC = h.seenMAC[out.NICs[i].Name]
	}
	return out
}

func (e *Engine) judgeHost(h *host) {
	now := withHypervisor(h, e.hostHealth(h))
	if now == h.health && !h.altered {
		return
	}
	h.health, h.altered = now, false
	if e.events.Unwatched() {
		h.told = nil
		e.events.Touch(h.id)
		return
	}
	if record := e.intent.Hosts.ByID[h.id]; record != nil {
		e.publishHost(record, "updated")
	}
}

// publishHost tells that a host was created or updated, unless its watchers have seen it so: most of what a snapshot shows is not
// in a view.
func (e *Engine) publishHost(record *store.Host, event string) view.Host {
	v := e.hostView(record)
	h := e.hosts[record.ID]
	if h != nil && h.told != nil && reflect.DeepEqual(*h.told, v) {
		return v
	}
	if h != nil {
		h.told = &v
	}
	e.events.Publish(events.Event{Type: event, Host: &v})
	return v
}

// relook reads the hosts again on which a NIC with this address or name is plugged, since it now counts, or no longer
// counts, as an uplink.
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
