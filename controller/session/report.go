package session

import (
	"maps"
	"time"

	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
)

// reportTime bounds how long a report is put off while the switch applies what was written, or connects.
const reportTime = time.Second

// observe tells at once what the database shows of ports, NICs and tunnels, since what is desired
// depends on that. It waits for nothing that the switch is at: a report on what stands may be put off.
func (l *loop) observe() {
	now := l.watcher.Snapshot()
	switch {
	case l.seen != nil && reconcile.Observable(l.seen, now, l.self):
		l.seen = now
		l.s.config.Observed(now)
	case l.seen == nil && (l.before == nil || reconcile.Observable(l.before, now, l.self)):
		l.connected(now)
	}
}

// connected reports that the database can be read, and nothing yet of what stands.
func (l *loop) connected(now *vswitch.Snapshot) {
	l.seen = now
	l.s.config.Report(Report{Connected: true, Snapshot: now})
}

// applied forgets of what was changed that which the switch has applied by now.
func (l *loop) applied(snap *vswitch.Snapshot, again *time.Time) {
	now := time.Now()
	if cfg := curCfg(snap); cfg != l.cfg {
		l.cfg, l.taken = cfg, now
	}
	through := l.taken.Add(revalidateTime)
	for owner, nextCfg := range l.changed {
		switch {
		case l.cfg < nextCfg:
		case now.Before(through):
			sooner(again, through)
		default:
			delete(l.changed, owner)
		}
	}
}

// putOff reports whether the report can wait for a later step, since the switch is still at what was written, or has not connected yet: it
// would say no more than that, and take processor time while the first copy is due, or a thousand hosts are. Drift does not wait. What
// was observed meanwhile has been told, see [loop.observe].
func (l *loop) putOff(desired *reconcile.Desired, of *switchConn, again *time.Time) bool {
	now := time.Now()
	if l.owed.IsZero() {
		l.owed = now
	}
	due := l.owed.Add(reportTime)
	awaited := of == nil && l.of == nil
	drifted := false
	for owner := range l.changed {
		print, stood := l.stood[owner]
		drifted = drifted || stood && print == desired.Fingerprints[owner]
	}
	if len(l.changed) == 0 && !awaited || drifted || len(l.refused) > 0 || !now.Before(due) {
		l.owed = time.Time{}
		return false
	}
	sooner(again, due)
	l.busy = len(l.changed) > 0
	return true
}

// report works out what stands, owner by owner, and tells it.
func (l *loop) report(snap *vswitch.Snapshot, desired *reconcile.Desired, since time.Time, of *switchConn, rows reconcile.Rows, flows reconcile.Flows, unprobed map[string]string, again *time.Time) {
	failed, opening := reconcile.PortTrouble(snap, desired)
	if l.healPause < healPatience { // It is no error yet, since it is about to be gone.
		for _, owner := range l.healing {
			if why, is := failed[owner]; is {
				opening[owner] = why
				delete(failed, owner)
			}
		}
	}
	now := time.Now()
	disputed, repairAt := l.s.quarrels.waiting(now)
	sooner(again, repairAt)
	uninstalled, look := l.mirrors.Check(snap, desired, now)
	sooner(again, look)
	report := Report{Connected: true, Snapshot: snap, Owners: make(map[string]OwnerState, len(desired.Owners)), Program: desired, Leaving: map[string]bool{}}
	for owner := range l.changed {
		report.Leaving[owner] = true
	}
	for _, outstanding := range []map[string]bool{rows.Outstanding, flows.Outstanding} {
		maps.Copy(report.Leaving, outstanding)
	}
	maps.DeleteFunc(report.Leaving, func(owner string, _ bool) bool { _, stays := desired.Fingerprints[owner]; return stays })
	all := true
	l.busy = len(l.changed) > 0
	for _, owner := range desired.Owners {
		state := OwnerState{Fingerprint: desired.Fingerprints[owner], State: Ready}
		_, applying := l.changed[owner]
		if l.silenced[owner] && disputed[owner] != "" {
			disputed[owner] += "; nothing of it is delivered meanwhile"
		}
		if reason := l.intruders[owner]; reason != "" {
			state.State, state.Reason = Failed, reason
		}
		for _, wrong := range []map[string]string{disputed, rows.Blocked, l.refused, failed, uninstalled} {
			if reason := wrong[owner]; reason != "" && state.State != Failed {
				state.State, state.Reason = Failed, reason
			}
		}
		switch {
		case state.State == Failed:
		case of == nil:
			state.State, state.Reason = Waiting, l.s.missing()
		case unprobed[owner] != "":
			state.State, state.Reason = Waiting, unprobed[owner]
		case rows.Outstanding[owner], flows.Outstanding[owner], applying:
			state.State = Busy
		case opening[owner] != "":
			state.State, state.Reason = Waiting, opening[owner]
		}
		all = all && state.State == Ready
		l.busy = l.busy || state.State == Busy
		if state.State == Ready {
			l.stood[owner] = state.Fingerprint
		}
		report.Owners[owner] = state
	}
	maps.DeleteFunc(l.stood, func(owner string, _ uint64) bool { _, wanted := desired.Fingerprints[owner]; return !wanted })
	if all && l.settled != desired {
		l.settled = desired
		if l.s.converged != desired { // Else it only stands again, on a new connection.
			l.s.converged = desired
			l.s.config.Converged(time.Since(since))
		}
	}
	l.seen = snap
	l.s.config.Report(report)
}
