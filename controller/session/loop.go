package session

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/controller/session/ledger"
	"github.com/tapline-sdn/tapline/controller/session/link"
	"github.com/tapline-sdn/tapline/controller/session/repair"
	"github.com/tapline-sdn/tapline/ovsdb/client"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// loop keeps a host over one OVSDB connection. Its fields are used by Run's goroutine alone.
type loop struct {
	s       *Session
	conn    *client.Conn
	lock    *client.Lock // nil if the server has none, or none was claimed yet
	claimed bool         // the lock, if the server has locks
	held    bool         // the switch has shown our epoch since
	watcher *vswitch.Watcher
	self    reconcile.Self
	sight   sight

	connected  bool         // an OpenFlow connection was in use meanwhile
	sentOn     *link.Switch // where flows were changed last; nil: nowhere yet
	ledger     *ledger.Ledger
	silence    repair.Silence
	healing    repair.Healing
	nudging    repair.Nudging
	mirrors    reconcile.MirrorWatch
	probes     *reconcile.Probes // of the last program; nil before the first
	keepAlives keepAlives
	renewals   renewals
	handover   handover
	tending    tending
	feedback   alarm              // for the next reading of what captures send
	proven     map[string]pathKey // owners -> the path that worked last

	owed time.Time // since when a report is put off; zero if none is
	busy bool      // the last step left something that the switch, or the planner, is at
}

func newLoop(s *Session, conn *client.Conn, watcher *vswitch.Watcher,
	before *vswitch.Snapshot) *loop {
	l := &loop{
		s: s, conn: conn, watcher: watcher, ledger: ledger.New(), sight: sight{before: before},
		self: reconcile.Self{
			Cluster: s.config.Cluster, DatapathID: s.dpid, Target: s.target(conn.LocalAddr()),
			Nonce: s.nonce,
		},
	}
	l.tending.alarm.to, l.feedback.to = s.tending, s.reading
	if system := watcher.Snapshot().System(); system != nil && system.CurCfg < system.NextCfg {
		// What was written last, perhaps by a controller before us, is not applied yet.
		l.ledger.WroteRows(map[string]bool{tap.OwnerBridge: true}, system.NextCfg,
			time.Now())
	}
	return l
}

const (
	// retryTime is how long a refused change rests before it is tried again.
	retryTime = time.Second
	// maxRounds bounds how often one step compares and writes. If more is needed, somebody else
	// keeps changing what we write; the rest then waits as refused changes do.
	maxRounds = 8
)

// step is one look at the switch: what is desired, what stands, and what was done about it.
type step struct {
	*loop
	desired *reconcile.Desired
	since   time.Time    // when it became desired
	of      *switchFlows // nil while there is no OpenFlow connection

	snap     *vswitch.Snapshot
	rows     reconcile.Rows
	missing  reconcile.Flows
	gone     map[string]bool   // owners for whose remote collector nobody answers
	rival    string            // who else is master of the tap bridge; "" if nobody is
	unprobed map[string]string // owners whose tunnel path does not work, and why
	refused  map[string]string // owners whose change the switch refused, and why
	// unresourced are owners whose flows need a meter that the switch refused.
	unresourced map[string]bool

	again   time.Time // when to look again at the latest; zero for no such time
	probeAt time.Time
}

// step compares, changes what differs, and reports. It returns when to look again at the latest,
// zero for no such time. An error ends the OVSDB connection.
func (l *loop) step(ctx context.Context) (again time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	if !l.held {
		l.observe() // By that the engine knows whose switch it is.
	}
	if l.s.refuses(l.watcher.Snapshot()) {
		l.reportConnected(l.watcher.Snapshot())
		return time.Time{}, nil
	}
	if err := l.take(ctx); refusal(err) {
		return l.leaveUntaken(err), nil
	} else if err != nil {
		return time.Time{}, err
	}

	x := l.begin()
	if err := x.meetRival(ctx); err != nil {
		return time.Time{}, err
	}
	if x.desired == nil {
		return time.Time{}, x.awaitProgram(ctx)
	}

	l.observe()

	settled, err := x.converge(ctx)
	if err != nil {
		return time.Time{}, err
	}

	if !settled || len(x.refused) > 0 {
		x.lookAgain(time.Now().Add(retryTime))
	}

	x.keepAlive(ctx)
	x.renew(ctx)
	if err := x.heal(ctx); err != nil {
		return time.Time{}, err
	}
	if err := x.nudge(ctx); err != nil {
		return time.Time{}, err
	}

	l.sight.looked = x.snap
	if x.of != nil {
		l.tendAgain(x.probeAt)
	}
	x.lookAgain(l.ledger.Follow(curCfg(x.snap), time.Now()))
	// What a handover applies on its way is nobody's program, so nothing is reported of it.
	if x.handover.underWay() {
		x.advanceHandover()
	} else if !x.putOff() {
		x.report()
	}

	return x.again, nil
}

// begin finds out what is desired, and which OpenFlow connection is the host's.
func (l *loop) begin() *step {
	x := &step{loop: l, refused: map[string]string{}}
	tunnel := ""
	x.desired, x.since = l.s.current()
	x.desired = l.handover.stage(x.desired, l.s.config.TapBridge, time.Now())
	if x.desired != nil && len(x.desired.Program.Tunnel.Ports) > 0 {
		tunnel = x.desired.Program.Tunnel.Ports[0]
	}

	snap := l.watcher.Snapshot()
	l.s.link.Learn(snap, tunnel, reconcile.NonceIn(snap, l.self, l.s.config.TapBridge))

	if sw := l.s.link.Switch(); sw != nil {
		if l.s.flows == nil || l.s.flows.sw != sw {
			l.s.flows = &switchFlows{sw: sw, have: sw.Flows, resources: sw.Resources}
		}
		x.of, l.connected = l.s.flows, true
	}

	return x
}

// awaitProgram does what can be done before there is a program.
func (x *step) awaitProgram(ctx context.Context) error {
	if err := x.claim(ctx, nil); err != nil {
		return err
	}
	x.busy, x.sight.looked = true, x.watcher.Snapshot()
	if told := x.sight.told; told == nil ||
		reconcile.Observable(told, x.sight.looked, x.self) {
		x.reportConnected(x.sight.looked)
	}
	return nil
}

// lookAgain moves the time of the next step forward to t; the zero time stands for never.
func (x *step) lookAgain(t time.Time) {
	if !t.IsZero() && (x.again.IsZero() || t.Before(x.again)) {
		x.again = t
	}
}

// converge compares and writes until nothing differs, or until what was written has to be applied
// by the switch first. It returns false if something is left to do.
func (x *step) converge(ctx context.Context) (settled bool, err error) {
	for range maxRounds {
		written, err := x.round(ctx)
		if err != nil {
			return false, err
		}

		if x.dispute() && x.of != nil {
			continue // The flows have to follow.
		}
		if written || x.rows.Txn.Empty() {
			return true, nil
		}
		if len(x.refused) > 0 {
			break
		}
	}
	return false, nil
}

// round compares everything once, and writes what differs. It reports whether rows were written
// that the switch has yet to apply.
func (x *step) round(ctx context.Context) (written bool, err error) {
	if err := x.claim(ctx, x.desired); err != nil {
		return false, err
	}

	x.snap = x.watcher.Snapshot()
	x.silence.Intruders(reconcile.Intruders(x.snap, x.desired, x.self))
	x.followFeedback(ctx)

	x.probe(ctx)
	x.updateFlows(ctx)

	x.rows = x.s.memory.Diff(x.snap, x.desired, x.self, x.gate(), x.mayRepair)
	if !x.rows.Txn.Empty() {
		if written, err = x.commitRows(ctx, &x.rows); err != nil {
			return false, err
		}
		x.snap = x.watcher.Snapshot()
		written = written && curCfg(x.snap) < x.snap.System().NextCfg
	}

	x.addFreshFlows(ctx)
	return written, nil
}

// probe sends the probes that are due.
func (x *step) probe(ctx context.Context) {
	x.unprobed, x.gone, x.probeAt = nil, nil, time.Time{}
	if x.of == nil {
		return
	}

	if x.sight.looked != nil && reconcile.UnderlayChanged(x.sight.looked, x.snap, x.self) {
		x.s.paths.doubt(func(netip.Addr) bool { return true })
		x.s.feedback.watch.Doubt(time.Now())
	}

	peers := x.desired.Program.Tunnel.Peers
	number := portNumbers(x.snap, x.desired.Program.Bridge.Name)
	var err error
	x.unprobed, x.probeAt, err = x.s.paths.probe(ctx, x.of.sw.Conn, peers, number, time.Now())
	if err != nil {
		x.s.log.Debug("probes could not be sent", "error", err) // The connection has ended.
	}

	var unreached map[string]string
	unreached, x.gone = x.s.followCollectors(x.of.sw.Conn, x.snap,
		x.desired.Program.Tunnel.Collectors, number)
	maps.Copy(x.unprobed, unreached)

	x.tending.program, x.tending.waiting = x.desired, x.unprobed
	x.tending.frames, x.tending.cuts = x.s.paths.frames(peers), x.s.cuts(peers)
	x.noteProven(peers)
}

// noteProven remembers by which path the copies of each owner arrive.
func (x *step) noteProven(peers []tap.Peer) {
	proven := make(map[string]pathKey, len(x.proven))
	for i := range peers {
		for _, owner := range peers[i].Owners {
			if x.unprobed[owner] == "" {
				proven[owner] = pathKey{peers[i].Addr, peers[i].Port}
			} else if before, worked := x.proven[owner]; worked {
				proven[owner] = before
			}
		}
	}

	x.proven = proven
}

// awaitsPath reports whether an owner's copies are to go to another address than the one that they
// reached last, and no probe has reached that address yet. The flows stay until then.
//
// Copies that are to go to the same address in another encapsulation do not wait: what they had may
// end at a tunnel of somebody else by now.
func (x *step) awaitsPath(owner string) bool {
	before, worked := x.proven[owner]
	if !worked || x.unprobed[owner] == "" {
		return false
	}
	return !slices.ContainsFunc(x.desired.Program.Tunnel.Peers, func(p tap.Peer) bool {
		return before.addr == p.Addr && slices.Contains(p.Owners, owner)
	})
}

// heal makes ports anew that the switch has given up on for no reason that still holds.
func (x *step) heal(ctx context.Context) error {
	snap := x.watcher.Snapshot()
	rows, owners := reconcile.Heal(snap, x.desired, x.self, reconcile.Shut, x.mayRepair)
	if x.healing.Found(owners, time.Now()) {
		x.s.log.Warn("ports are made anew, since the switch has given up on them")
		if _, err := x.commitRows(ctx, &rows); err != nil {
			return err
		}
	}

	x.lookAgain(x.healing.Next())
	return nil
}

// nudge makes a switch connect whose OpenFlow connection has been missing for too long though its
// database is connected. While many hosts are being brought up it is left alone: then it is we who
// are slow.
func (x *step) nudge(ctx context.Context) error {
	lastArrival := x.s.link.LastArrival()
	if x.of != nil || x.restoreWaits() {
		x.nudging = repair.Nudging{}
		return nil
	}

	defer func() { x.lookAgain(x.nudging.Next()) }()
	now, snap := time.Now(), x.watcher.Snapshot()
	waits := reconcile.NeverConnected(snap, x.self, x.s.config.TapBridge)
	if !x.nudging.Due(now, lastArrival, waits) {
		return nil
	}

	if x.s.link.Crowded() {
		x.nudging.Postpone(now)
		return nil
	}

	x.nudging.Nudged(now)
	txn := reconcile.Nudge(snap, x.self, x.s.config.TapBridge)
	if txn.Empty() {
		return nil
	}

	x.s.log.Info("the switch has made no OpenFlow connection: "+
		"its controller's target is written otherwise, so that it tries at once",
		"missing", now.Sub(x.nudging.Since()).Round(time.Second/10))

	if _, err := x.commit(ctx, txn); err != nil && !errors.Is(err, vswitch.ErrConflict) {
		return fmt.Errorf("transaction: %w", err)
	}

	return nil
}
