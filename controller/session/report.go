package session

import (
	"net/netip"
	"time"

	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Report is what a session knows of its host.
type Report struct {
	Connected bool
	Problem   string            // why not, if not Connected
	Snapshot  *vswitch.Snapshot // the last one; nil before the first

	// The rest is what stands of Program. It is empty until that was compared on this connection.
	Program *reconcile.Desired
	Owners  map[string]OwnerState
	// Leaving are owners that are no longer in the program and whose objects the switch has not
	// dropped yet.
	Leaving map[string]bool
	// Paths are the largest inner frames in octets that pass through the tunnel, by peer, where it
	// is known that not all pass that copies may need.
	Paths map[netip.Addr]uint32
	// Cuts are the addresses of peers and remote collectors that nothing reaches at present.
	Cuts map[netip.Addr]bool
}

// State is how far an owner's objects have come.
type State int

// The states.
const (
	Busy    State = iota // the switch is at it
	Waiting              // for what Reason says
	Ready                // stands, read back
	Failed               // for what Reason says
)

// OwnerState is what stands of an owner's objects.
type OwnerState struct {
	Fingerprint uint64 // of these objects, see reconcile.Desired
	State       State
	Reason      string
	Code        tap.Code // stable name of Reason; "" for the general one of State
}

// reportTime bounds how long a report is put off.
const reportTime = time.Second

// sight is what has been seen of the host's database, and told.
type sight struct {
	before *vswitch.Snapshot // the last one of the connection before; nil if there was none
	told   *vswitch.Snapshot // reported or observed last; nil before the first
	looked *vswitch.Snapshot // of the last step
}

// observe tells at once what the database shows of ports, NICs and tunnels, since what is desired
// depends on that. It waits for nothing that the switch is at: a report on what stands may be put
// off.
func (l *loop) observe() {
	now := l.watcher.Snapshot()
	switch told := l.sight.told; {
	case unfilled(now):
	case told != nil && reconcile.Observable(told, now, l.self):
		l.sight.told = now
		l.s.config.Observed(now)
	case told == nil && (l.sight.before == nil ||
		reconcile.Observable(l.sight.before, now, l.self)):
		l.reportConnected(now)
	}
}

// unfilled reports whether a database has restarted and the switch has not filled it in since: of
// ports it then has what is configured, and their numbers, but neither addresses nor states, which
// are not kept over a restart.
func unfilled(snap *vswitch.Snapshot) bool {
	for _, b := range snap.Bridges() {
		port, stands := snap.PortOnBridge(b.Name, b.Name)
		if !stands {
			continue
		}
		for device := range snap.EachInterface(port) {
			if device.OFPort > 0 && device.MACInUse == "" {
				return true
			}
		}
	}
	return false
}

// shown is the snapshot that is reported: the last one that the switch had filled in, if there is
// one.
func (s *sight) shown(now *vswitch.Snapshot) *vswitch.Snapshot {
	switch {
	case !unfilled(now):
		return now
	case s.told != nil:
		return s.told
	case s.before != nil:
		return s.before
	}
	return now
}

// reportConnected reports that the database can be read, and nothing yet of what stands.
func (l *loop) reportConnected(now *vswitch.Snapshot) {
	l.sight.told = l.sight.shown(now)
	l.s.config.Report(Report{Connected: true, Snapshot: l.sight.told})
}

// nothingNew reports whether the database shows no more than the last step has seen, or what a
// switch counts, which it tells.
func (l *loop) nothingNew() bool {
	now := l.watcher.Snapshot()
	if l.watcher.Err() != nil {
		return false
	}

	if now == l.sight.looked {
		return true
	}
	if l.sight.told == nil || !now.OnlyCountersDiffer(l.sight.told) {
		return false
	}

	if now != l.sight.told && l.s.config.Counted != nil {
		l.s.config.Counted(now)
	}

	l.sight.told = now
	return true
}

// putOff reports whether the report on what stands can wait for a later step: the switch is still
// applying what was written, or has not connected yet. It would say no more than that, and take
// processor time while the first copy is due, or a thousand hosts are being brought up. Drift and
// refusals do not wait.
func (x *step) putOff() bool {
	now := time.Now()
	if x.owed.IsZero() {
		x.owed = now
	}

	due := x.owed.Add(reportTime)
	neverConnected := !x.connected
	waits := x.ledger.Busy() || neverConnected
	if !waits || x.ledger.Disturbed(x.desired) || len(x.refused) > 0 || !now.Before(due) {
		x.owed = time.Time{}
		return false
	}

	x.lookAgain(due)
	x.busy = x.ledger.Busy()
	return true
}

// report works out what stands, owner by owner, and reports it.
func (x *step) report() {
	r := Report{
		Connected: true, Snapshot: x.sight.shown(x.snap), Program: x.desired,
		Owners:  make(map[string]OwnerState, len(x.desired.Owners)),
		Paths:   x.s.paths.frames(x.desired.Program.Tunnel.Peers),
		Cuts:    x.s.cuts(x.desired.Program.Tunnel.Peers),
		Leaving: x.ledger.Leaving(x.desired, x.rows.Outstanding, x.missing.Outstanding),
	}

	all := true
	x.busy = x.ledger.Busy()
	judge := x.newJudge()
	for _, owner := range x.desired.Owners {
		state := judge.state(owner)
		switch state.State {
		case Ready:
			x.ledger.Stands(owner, state.Fingerprint)
		case Busy:
			x.busy = true
		}
		all = all && state.State == Ready
		r.Owners[owner] = state
	}

	x.ledger.Forget(x.desired)

	if all && x.ledger.Settle(x.desired) && x.s.converged != x.desired {
		x.s.converged = x.desired // It may settle again on a new connection.
		x.s.config.Converged(time.Since(x.since))
	}

	x.sight.told = r.Snapshot
	x.s.config.Report(r)
}

// judge works out the state of owners. Each map has a reason by owner.
type judge struct {
	*step
	noSwitch string              // why there is no OpenFlow connection; "" if there is one
	failures []map[string]string // first to last
	opening  map[string]string   // the switch has yet to open a port
}

func (x *step) newJudge() *judge {
	failed, opening := reconcile.PortTrouble(x.snap, x.desired)
	for _, owner := range x.healing.Owners() {
		if why, is := failed[owner]; is {
			opening[owner] = why
			delete(failed, owner)
		}
	}

	now := time.Now()
	disputed, repairAt := x.s.quarrels.Waiting(now)
	x.lookAgain(repairAt)
	for owner := range x.silence.Owners() {
		if disputed[owner] != "" {
			disputed[owner] += "; nothing of it is delivered meanwhile"
		}
	}

	uninstalled, installedBy := x.mirrors.Check(x.snap, x.desired, now)
	x.lookAgain(installedBy)

	j := &judge{
		step: x, opening: opening,
		failures: []map[string]string{disputed, x.rows.Blocked, x.refused, failed, uninstalled},
	}

	switch {
	case x.of != nil:
	case x.restoreWaits():
		j.noSwitch = "Open_vSwitch other_config:flow-restore-wait is true, so the switch makes " +
			"no OpenFlow connection: remove it"
	default:
		j.noSwitch = x.s.link.WhyNoSwitch()
	}

	return j
}

// restoreWaits reports whether the switch is told to wait until somebody has restored its flows. It
// makes no OpenFlow connection meanwhile (ovs-vswitchd.conf.db(5), Open_vSwitch).
func (x *step) restoreWaits() bool {
	system := x.watcher.Snapshot().System()
	return system != nil && system.OtherConfig.Get("flow-restore-wait") == "true"
}

func (j *judge) state(owner string) OwnerState {
	state := OwnerState{Fingerprint: j.desired.Fingerprints[owner], State: Ready}
	set := func(s State, reason string) OwnerState {
		state.State, state.Reason = s, reason
		return state
	}

	if reason := j.silence.Intruder(owner); reason != "" {
		return set(Failed, reason)
	}

	if j.silence.FedBack(owner) {
		state.Code = tap.CodeCaptureLoops
		return set(Failed, j.loopReason(owner))
	}

	for _, failures := range j.failures {
		if reason := failures[owner]; reason != "" {
			return set(Failed, reason)
		}
	}

	switch {
	case j.rival != "":
		return set(Failed, j.rival)
	case j.of == nil:
		return set(Waiting, j.noSwitch)
	case j.unprobed[owner] != "":
		if j.gone[owner] {
			state.Code = tap.CodeNoNeighbour
		}
		return set(Waiting, j.unprobed[owner])
	case j.rows.Outstanding[owner], j.missing.Outstanding[owner], j.ledger.Applying(owner):
		return set(Busy, "")
	case j.opening[owner] != "":
		return set(Waiting, j.opening[owner])
	}

	return state
}
