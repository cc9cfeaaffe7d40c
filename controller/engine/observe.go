package engine

import (
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/tapline-sdn/tapline/controller/engine/fleet"
	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/engine/standing"
	"github.com/tapline-sdn/tapline/controller/hypervisor"
	"github.com/tapline-sdn/tapline/controller/inventory"
	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/controller/session"
	"github.com/tapline-sdn/tapline/controller/sets"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// probed hands the answer to a probe to the session that sent it.
func (e *Engine) probed(sender, nonce uint64) {
	e.mu.Lock()
	h := e.fleet.ByDatapath(sender)
	e.mu.Unlock()
	if h != nil {
		h.Session.ProbeArrived(nonce)
	}
}

// observe takes in what a session reports. It is called by the session's goroutine, one report at a
// time.
func (e *Engine) observe(h *fleet.Host, r session.Report) {
	e.reporting.Lock()
	defer e.reporting.Unlock()

	e.mu.Lock()
	defer e.mu.Unlock()

	if e.fleet.Running[h.ID] != h {
		e.observeRetiring(h, r)
		return
	}

	before := h.Report
	if !r.Connected {
		r.Paths, r.Cuts = before.Paths, before.Cuts // They are as they were last measured.
	}
	h.Report = r
	h.NoteSince(&before, time.Now())

	if r.Snapshot != before.Snapshot && e.fleet.Observer.MayDiffer(before.Snapshot, r.Snapshot) {
		e.look(h)
	}

	if e.fleet.LearnNoGRE(h) {
		e.planning.MarkHost(h.ID)
		h.Altered = true
	}

	if r.Connected != before.Connected {
		e.planning.MarkHost(h.ID)
		e.places.EachShared(h.Observed.Ports, e.portChanged) // A live place beats a dead one.
		h.Altered = true
		e.repinOn(h)
	}
	if r.Connected && (!maps.Equal(r.Paths, before.Paths) || !maps.Equal(r.Cuts, before.Cuts)) {
		e.planning.MarkHost(h.ID)
	}
	if r.Snapshot != before.Snapshot || r.Connected != before.Connected {
		e.probeTowards(h, before.Snapshot)
		e.fleet.CompareNICs(h)
	}

	affected := standing.Affected{}
	e.standing.AddAffectedByReport(h.ID, &before, &r, affected)
	e.judgeAll(affected)
	if r.Connected != before.Connected {
		e.publish.Refs(e.standing.JudgeLeaving(h.ID))
	}

	e.publish.HostHealth(h)
	e.wakeLeft()
}

// observeRetiring takes in what the session of a deleted host reports: whether the host can be
// reached. The caller holds mu.
func (e *Engine) observeRetiring(h *fleet.Host, r session.Report) {
	if e.fleet.Retiring(h.ID) != h {
		return // It was stripped, or is registered again.
	}

	before := h.Report
	h.Report.Connected, h.Report.Problem = r.Connected, r.Problem
	h.NoteSince(&before, time.Now())
	if r.Connected != before.Connected {
		e.publish.Refs(e.standing.JudgeLeaving(h.ID))
	}

	e.publish.HostHealth(h)
}

// observed takes in a snapshot that shows something new of ports, NICs or tunnels. What stands of
// the host's program is as it was reported last.
func (e *Engine) observed(h *fleet.Host, s *vswitch.Snapshot) {
	e.reporting.Lock()
	defer e.reporting.Unlock()

	e.mu.Lock()
	defer e.mu.Unlock()

	before := h.Report.Snapshot
	if e.fleet.Running[h.ID] != h || s == before {
		return // Deleted meanwhile, or nothing new.
	}

	h.Report.Snapshot = s

	if e.fleet.Observer.MayDiffer(before, s) {
		e.look(h)
	}
	e.probeTowards(h, before)

	e.fleet.CompareNICs(h)
	e.publish.HostHealth(h)
}

// probeTowards has the paths to a host probed and measured anew if its underlay is another than in
// an older snapshot, which may be nil. The caller holds mu.
func (e *Engine) probeTowards(h *fleet.Host, before *vswitch.Snapshot) {
	now, self := h.Report.Snapshot, reconcile.Self{Cluster: e.ClusterID()}
	if before == nil || now == nil || !reconcile.UnderlayChanged(before, now, self) {
		return
	}

	addr := h.Observed.Host.TunnelIP
	leadsTo := func(p tap.Peer) bool { return p.Addr == addr }
	for _, other := range e.fleet.Running {
		if other.Program != nil &&
			slices.ContainsFunc(other.Program.Program.Tunnel.Peers, leadsTo) {
			other.Session.ProbeAgain(addr)
		}
	}
}

// counted takes in a snapshot in which a switch has counted, and nothing else has happened: only
// who looks at it finds a difference.
func (e *Engine) counted(h *fleet.Host, s *vswitch.Snapshot) {
	e.reporting.Lock()
	defer e.reporting.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	h.Report.Snapshot = s
}

// look reads the host's latest snapshot again, and marks what differs. The caller holds mu.
func (e *Engine) look(h *fleet.Host) {
	seen, known := e.fleet.Look(h)
	if !known {
		return
	}

	for _, nic := range seen.Wrong {
		time.AfterFunc(nic.Pause, func() { e.retryNIC(h, nic) })
	}
	e.lookAgain(seen.Again)
	if seen.Differs {
		e.planning.MarkHost(h.ID)
		h.Altered = true
	}

	e.replug(seen.Before.Ports, h.Observed.Ports)
}

// lookAgain looks at hosts that were refused for the sake of another, and wakes their sessions. The
// caller holds mu.
func (e *Engine) lookAgain(all []*fleet.Host) {
	for _, h := range all {
		e.look(h)
		h.Session.Wake()
	}
}

// retryNIC has a NIC tried again whose name was another device's. It takes mu.
func (e *Engine) retryNIC(h *fleet.Host, nic fleet.NICWait) {
	e.mu.Lock()
	defer e.mu.Unlock()

	if e.fleet.Running[h.ID] == h && h.Retry(nic) {
		e.planning.MarkHost(h.ID)
	}
}

// revisit has the plugin told of a guest again after a time. It does not wait, and takes mu then.
func (e *Engine) revisit(guest string, after time.Duration) {
	time.AfterFunc(after, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.planning.MarkGuest(guest)
	})
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
		e.publish.Guest(id, nil)
	}

	for id := range guests {
		for service := range e.intent.ServicesOf[id] {
			services.Add(service)
		}
	}

	for _, id := range slices.Sorted(maps.Keys(services)) {
		e.repin(id)
		e.publish.Ref(intent.ServiceRef(id))
	}
}

// portChanged marks whom a port concerns.
func (e *Engine) portChanged(p inventory.Port) {
	e.places.Concerned(p, e.planning.MarkGuest, e.planning.MarkAttachment)
	if h := e.fleet.Running[p.Host]; h != nil && h.Orders != nil && p.Guest != "" {
		h.Orders.Look()
	}
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
		e.look(e.fleet.Running[id])
		e.publish.HostHealth(e.fleet.Running[id])
	}
}

// heard takes in what a host's hypervisor reports. It is called by the hypervisor's goroutine of
// the host.
func (e *Engine) heard(h *fleet.Host, r hypervisor.Report) {
	e.mu.Lock()
	defer e.mu.Unlock()

	if e.fleet.Running[h.ID] != h {
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

	e.fleet.CompareNICs(h)
	e.publish.HostHealth(h)
}

// replaceDomains takes over the guests of a host's hypervisor, and publishes those that have
// changed. The caller holds mu.
func (e *Engine) replaceDomains(host string, before, now []hypervisor.Guest) {
	guests := e.fleet.ReplaceDomains(host, before, now)
	for _, id := range slices.Sorted(maps.Keys(guests)) {
		e.planning.MarkGuest(id)
		e.publish.Guest(id, nil)
	}
}
