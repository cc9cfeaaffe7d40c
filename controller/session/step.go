package session

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/flowtable"
	"github.com/tapline-sdn/tapline/ovsdb/client"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
)

// loop is the state of a session that lives as long as one OVSDB connection.
type loop struct {
	s       *Session
	conn    *client.Conn
	watcher *vswitch.Watcher
	self    reconcile.Self
	before  *vswitch.Snapshot // the last one of the connection before; nil if there was none
	seen    *vswitch.Snapshot // that was reported or observed last; nil before the first
	looked  *vswitch.Snapshot // of the last step

	// changed holds the owners whose rows or flows were written, until the switch has applied that and handles what it had cached
	// accordingly; with the next_cfg of the transaction that wrote rows, or 0.
	changed   map[string]int64
	cfg       int64     // cur_cfg, as far as it has been followed
	taken     time.Time // when the switch had applied the last rows or flows that were written
	owed      time.Time // since when a report is put off; zero if none is
	mirrors   reconcile.MirrorWatch
	settled   *reconcile.Desired // of which everything stood
	stood     map[string]uint64  // prints of owners that stood; what differs of them later is somebody else's doing
	of        *switchConn        // whose flows were compared last
	disputed  map[string]bool    // captures whose rows are in dispute and not as they must be
	intruders map[string]string  // captures and others whose ports get what mirrors of somebody else copy, and which
	silenced  map[string]bool    // both: they deliver nothing
	restored  map[string]bool    // those of before that get their flows back
	healAt    time.Time          // not to heal before
	healPause time.Duration
	healing   []string        // owners that are being healed
	unproven  map[string]bool // captures that were made together with the tap bridge, and whose way is not known to work yet
	nudges    nudges
	refused   map[string]string // why the switch refused a transaction or a bundle, by owner
	busy      bool              // the last step left something that the switch, or the planner, is at
}

// revalidateTime is how long Open vSwitch is given, after it has applied something, to go through the packets' flows that it has cached.
// Its revalidators begin at once, but no sooner than 5 ms after they last began (udpif_revalidator in ofproto-dpif-upcall.c), and
// nothing tells a controller when they are through. On 3.1.0 and a quiet machine that takes 2 to 5 ms; a frame that comes earlier
// may still be handled as before.
const revalidateTime = 10 * time.Millisecond

// retryTime is how long a refused change rests before it is tried again.
const retryTime = time.Second

// maxRounds bounds how often one step plans again; more is a sign of a quarrel, which then rests as what was refused does.
const maxRounds = 8

// step compares, changes what differs, and reports. It returns when to look again at the latest, zero for no such time.
// An error ends the OVSDB connection.
func (l *loop) step(ctx context.Context) (again time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	tunnel := ""
	if desired, _, _ := l.s.current(); desired != nil {
		tunnel = desired.Program.Tunnel.Port
	}
	l.s.learn(traitOf(l.watcher.Snapshot(), l.s.config.TapBridge, tunnel))
	desired, since, of := l.s.current()
	if desired == nil {
		if err := l.claim(ctx, nil); err != nil {
			return time.Time{}, err
		}
		l.busy, l.looked = true, l.watcher.Snapshot()
		l.connected(l.looked)
		return time.Time{}, nil
	}
	l.observe()
	l.refused = map[string]string{}
	var snap *vswitch.Snapshot
	var rows reconcile.Rows
	var flows reconcile.Flows
	var unprobed map[string]string
	var probeAt time.Time
	settled := false
	for range maxRounds {
		if err := l.claim(ctx, desired); err != nil {
			return time.Time{}, err
		}
		snap = l.watcher.Snapshot()
		l.intruders = reconcile.Intruders(snap, desired, l.self)
		l.mute()
		if of != nil {
			if err = l.unbar(ctx, of, desired); err == nil {
				flows, err = l.missing(ctx, of, desired)
			}
			if err == nil && len(flows.Mods) > 0 && !flows.Fresh { // What delivers must stand before what feeds it.
				flows, err = l.send(ctx, of, desired, flows)
			}
			unprobed, probeAt = l.s.probe(ctx, of.conn, desired.Program.Tunnel.Peers, tunnelNumber(snap, desired), time.Now())
			if err != nil {
				_ = of.conn.Close() // Outcome unknown, or it has ended: a new connection reads everything again.
				of = nil
			}
		}
		rows = l.s.memory.Diff(snap, desired, l.self, l.gate(snap, desired, of, unprobed), l.repair)
		written := false // and is compared when the switch has applied it
		if !rows.Txn.Empty() {
			if written, err = l.commit(ctx, desired, &rows); err != nil {
				return time.Time{}, err
			}
			snap = l.watcher.Snapshot()
			written = written && curCfg(snap) < snap.System().NextCfg
		}
		// The switch takes a transaction and flows that come right after it in one turn, and goes through its cache once for both. Had it
		// the flows first, the rows would wait for the next time, 5 ms later.
		if of != nil && flows.Fresh && len(flows.Mods) > 0 {
			if flows, err = l.send(ctx, of, desired, flows); err != nil {
				_ = of.conn.Close()
				of = nil
			}
		}
		if l.silence(desired, rows) && of != nil {
			continue // The flows have to follow.
		}
		if settled = written || rows.Txn.Empty(); settled || len(l.refused) > 0 {
			break
		}
	}
	if !settled || len(l.refused) > 0 {
		again = time.Now().Add(retryTime)
	}
	if err := l.heal(ctx, desired, &again); err != nil {
		return time.Time{}, err
	}
	if err := l.nudge(ctx, of, &again); err != nil {
		return time.Time{}, err
	}
	sooner(&again, probeAt)
	l.looked = snap
	l.applied(snap, &again)
	if l.putOff(desired, of, &again) {
		return again, nil
	}
	l.report(snap, desired, since, of, rows, flows, unprobed, &again)
	return again, nil
}

// heal makes ports anew that the switch has given up on for no reason that still holds; ever more seldom if that does not help.
func (l *loop) heal(ctx context.Context, desired *reconcile.Desired, again *time.Time) error {
	rows, owners := reconcile.Heal(l.watcher.Snapshot(), desired, l.self, reconcile.Shut, l.repair)
	if l.healing = owners; len(owners) == 0 {
		l.healAt, l.healPause = time.Time{}, 0
		return nil
	}
	if now := time.Now(); !now.Before(l.healAt) {
		l.healPause = min(max(2*l.healPause, retryTime), time.Minute)
		l.healAt = now.Add(l.healPause)
		l.s.log.Warn("ports are made anew, since the switch has given up on them")
		if _, err := l.commit(ctx, desired, &rows); err != nil {
			return err
		}
	}
	sooner(again, l.healAt)
	return nil
}

// healPatience is the pause between two attempts to heal from which on what is to be healed counts as an error.
const healPatience = 4 * retryTime

// sooner moves a time to look again forward to t; the zero time stands for never.
func sooner(again *time.Time, t time.Time) {
	if !t.IsZero() && (again.IsZero() || t.Before(*again)) {
		*again = t
	}
}

// missing compares the flows of the switch with what is desired.
func (l *loop) missing(ctx context.Context, of *switchConn, desired *reconcile.Desired) (reconcile.Flows, error) {
	if err := l.s.refresh(ctx, of); err != nil {
		return reconcile.Flows{}, err
	}
	return l.compare(of, desired), nil
}

// wantedFlows is what the flows of a switch are compared with, as far as that may change while the switch's do not.
type wantedFlows struct {
	known      bool
	print      uint64 // of the program's
	tunnelPort string
	tunnel     openflow.PortNo
}

// compare holds the flows that the switch has against what is desired. It does so once.
func (l *loop) compare(of *switchConn, desired *reconcile.Desired) reconcile.Flows {
	want := wantedFlows{true, desired.FlowsFingerprint, desired.Program.Tunnel.Port, tunnelNumber(l.watcher.Snapshot(), desired)}
	if len(l.silenced) == 0 && of.matches == want {
		return reconcile.Flows{Whole: true}
	}
	may := func(owner string) bool { return l.silenced[owner] || l.repair(owner) }
	flows := reconcile.DiffFlows(of.have, desired.Silenced(l.silenced), want.tunnel, may)
	of.matches, of.compared = wantedFlows{}, want
	if len(l.silenced) == 0 && len(flows.Mods) == 0 && flows.Whole {
		of.matches = want
	}
	return flows
}

// send sends what is missing: by one bundle, or, where the order does not matter, without, which saves a round trip. It returns what is
// missing still: all of it, if the switch has refused a part.
func (l *loop) send(ctx context.Context, of *switchConn, desired *reconcile.Desired, flows reconcile.Flows) (reconcile.Flows, error) {
	apply := flowtable.Apply
	if flows.Fresh {
		apply = flowtable.Add
	}
	err := apply(ctx, of.conn, flows.Mods)
	var refused *flowtable.ModError
	switch {
	case errors.As(err, &refused):
		l.s.mu.Lock()
		of.stale = of.stale || flows.Fresh // Some of them may stand.
		l.s.mu.Unlock()
		l.s.log.Error("the switch refuses a flow", "error", err)
		for owner := range flows.Outstanding {
			l.refused[owner] = err.Error()
		}
		return flows, nil
	case err != nil:
		return flows, err
	}
	var drift []reconcile.Change
	if l.of == of { // Else the switch has perhaps restarted.
		drift = slices.DeleteFunc(l.drift(desired, flows.Changes), func(c reconcile.Change) bool {
			return l.silenced[c.Owner] || l.restored[c.Owner]
		})
	}
	l.of, l.restored = of, nil
	of.have, of.matches = reconcile.Applied(of.have, flows.Mods), wantedFlows{}
	l.taken = time.Now()
	for owner := range flows.Outstanding {
		l.note(owner, 0)
	}
	l.wrote(0, len(flows.Mods), drift)
	if len(l.silenced) == 0 && flows.Whole {
		of.matches = of.compared
		return reconcile.Flows{Whole: true}, nil
	}
	return l.compare(of, desired), nil
}

// curCfg is what the switch has applied; a database that is not initialized has no number.
func curCfg(snap *vswitch.Snapshot) int64 {
	if system := snap.System(); system != nil {
		return system.CurCfg
	}
	return -1
}

// tunnelNumber is the OpenFlow number of the tunnel port, or 0 while it has none.
func tunnelNumber(snap *vswitch.Snapshot, desired *reconcile.Desired) openflow.PortNo {
	if port, stands := snap.PortOnBridge(desired.Program.Bridge.Name, desired.Program.Tunnel.Port); stands {
		for device := range snap.EachInterface(port) {
			return openflow.PortNo(max(0, device.OFPort))
		}
	}
	return 0
}

// gate lets new captures through. A copy that finds no way makes the switch look for its neighbour by ARP. Where the underlay is
// mirrored, that is mirrored too, and so on: so what delivers must stand, and the way must work, before the first copy. A tap bridge that
// is yet to be made is made together with what feeds it: until it has flows it drops everything, and it gets none of those whose
// way is not known to work.
func (l *loop) gate(snap *vswitch.Snapshot, desired *reconcile.Desired, of *switchConn, unprobed map[string]string) reconcile.Gate {
	if _, stands := snap.Bridge(l.s.config.TapBridge); !stands {
		l.unproven = map[string]bool{}
		for _, peer := range desired.Program.Tunnel.Peers {
			for _, owner := range peer.Owners {
				l.unproven[owner] = true
			}
		}
		return reconcile.Open
	}
	if of == nil {
		return reconcile.Shut
	}
	maps.DeleteFunc(l.unproven, func(owner string, _ bool) bool { return unprobed[owner] == "" })
	if len(l.refused) > 0 {
		return reconcile.Shut
	}
	return func(owner string) bool { return unprobed[owner] == "" && desired.Delivers(owner) }
}

// commit writes rows by one transaction, and reports whether they are. A conflict is no error: the next round sees the new snapshot.
func (l *loop) commit(ctx context.Context, desired *reconcile.Desired, rows *reconcile.Rows) (written bool, err error) {
	result, err := rows.Txn.Commit(ctx, l.conn)
	switch {
	case errors.Is(err, vswitch.ErrConflict):
		l.s.log.Debug("the switch's database has changed meanwhile", "error", err)
		return false, nil
	case err != nil && (l.conn.Err() != nil || errors.Is(err, vswitch.ErrOutcomeUnknown)):
		return false, fmt.Errorf("transaction: %w", err)
	case err != nil:
		l.s.log.Error("the switch refuses a transaction", "error", err)
		for owner := range rows.Outstanding {
			l.refused[owner] = err.Error()
		}
		return false, nil
	}
	for owner := range rows.Outstanding {
		l.note(owner, result.NextCfg)
	}
	l.wrote(len(rows.Changes), 0, l.drift(desired, rows.Changes))
	return true, nil
}

// note remembers that an owner was changed.
func (l *loop) note(owner string, nextCfg int64) {
	if l.changed == nil {
		l.changed = map[string]int64{}
	}
	l.changed[owner] = max(nextCfg, l.changed[owner])
}
