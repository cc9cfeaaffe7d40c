package session

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/controller/reconcile/epoch"
	"github.com/tapline-sdn/tapline/ovsdb"
	"github.com/tapline-sdn/tapline/ovsdb/client"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
)

// A controller may be stopped, be taken for dead, and wake up, and what it has sent may lie in a
// socket for as long as a link is down. So the switch itself refuses what comes from an earlier
// controller. A session raises the epoch of its switch once, under the lock, in one transaction
// with where the switch connects. From then on each transaction asserts the lock and waits for the
// epoch: the lock alone does not do, since who had it by lock and was robbed stands in line, and
// gets it back when the thief's connection ends. OpenFlow has the epoch as generation id of the
// master's role, see link.Lead.

// errFenced says that a newer leader has taken the switch.
type errFenced struct{ why string }

func (e errFenced) Error() string {
	return "a newer leader keeps this switch: " + e.why
}

// take makes the switch this session's, if it is not yet: its lock, and its epoch. An epoch that
// somebody has removed is put back.
func (l *loop) take(ctx context.Context) error {
	for range maxRounds {
		if err := l.checkLock(); err != nil {
			return err // Even if it came back: it is for a new connection to begin again.
		}

		snap := l.watcher.Snapshot()
		shown := epoch.In(snap, l.s.config.Cluster)
		claim := epoch.Claim{Term: l.s.config.Term, Own: l.s.epoch, Held: l.held, Above: l.s.above}
		next, ours := claim.Next(shown)
		switch {
		case snap.System() == nil:
			return nil // The database is not initialized: nothing can be written.
		case reconcile.Foreign(snap, l.self, l.s.config.TapBridge):
			return nil // Nothing will be.
		case !ours:
			return errFenced{fmt.Sprintf("its epoch is %d, and was %d", shown, l.s.epoch)}
		case l.held && next == shown:
			return nil
		}

		if err := l.mayTake(ctx, claim, next); err != nil {
			return err
		}
		if next == shown && next == l.s.epoch {
			l.hold(next)
			return nil
		}
		taken, err := l.setEpoch(ctx, snap, next)
		if taken || err != nil {
			return err
		}
	}
	return errors.New("take the switch: somebody else keeps changing its external_ids")
}

// mayTake asks who leads, where that is doubtful, and steals the lock of a leader.
func (l *loop) mayTake(ctx context.Context, claim epoch.Claim, next uint64) error {
	if claim.Doubtful(next) && l.s.config.Leads != nil {
		if err := l.s.config.Leads(ctx); err != nil {
			return fmt.Errorf("this switch is left alone: its epoch %d is not of a term before "+
				"%d: %w", next-1, claim.Term, err)
		}
	}
	if l.claimed {
		return nil
	}

	lock, err := l.conn.Steal(ctx, lockName(l.s.config.Cluster))
	var refused *client.RPCError
	switch {
	case errors.As(err, &refused):
		l.s.log.Warn("the switch's database has no locks: its epoch alone keeps others away",
			"error", err)
	case err != nil:
		return fmt.Errorf("steal the lock: %w", err)
	}
	l.lock, l.claimed = lock, true
	return nil
}

// setEpoch writes the epoch, and where the switch connects. It is false if the switch has changed
// meanwhile.
func (l *loop) setEpoch(ctx context.Context, snap *vswitch.Snapshot, n uint64) (bool, error) {
	// A leader may have the address of the one before, to which the switch is still connected.
	anew := l.s.config.Term > 0 && l.s.epoch == 0 && !l.s.link.Connected()
	txn := reconcile.Take(snap, l.self, l.s.config.TapBridge, n, anew)
	l.assertLock(txn)
	_, err := txn.Commit(ctx, l.conn)
	switch {
	case errors.Is(err, vswitch.ErrConflict):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("take the switch: %w", err)
	}

	l.s.log.Info("switch taken", "epoch", n, "before", epoch.In(snap, l.s.config.Cluster))
	l.s.epoch = n
	l.hold(n)
	return true, nil
}

// refusal reports whether the switch's database has refused to be changed, for another reason than
// who holds its lock. It can still be read.
func refusal(err error) bool {
	var refused *ovsdb.OperationError
	return errors.As(err, &refused) && !errors.Is(err, vswitch.ErrLockLost)
}

// leaveUntaken reports a switch that can be read and not be taken, and returns when to try again.
func (l *loop) leaveUntaken(err error) time.Time {
	snap := l.watcher.Snapshot()
	desired, _ := l.s.current()
	if desired == nil {
		l.reportConnected(snap)
		return time.Now().Add(retryTime)
	}

	l.busy, l.sight.looked, l.sight.told = false, snap, l.sight.shown(snap)
	r := Report{Connected: true, Snapshot: l.sight.told, Program: desired,
		Owners: make(map[string]OwnerState, len(desired.Owners))}
	for _, owner := range desired.Owners {
		r.Owners[owner] = OwnerState{Fingerprint: desired.Fingerprints[owner], State: Failed,
			Reason: err.Error()}
	}
	if l.s.untaken != err.Error() {
		l.s.untaken = err.Error()
		l.s.log.Error("the switch's database refuses to be changed", "error", err)
	}
	l.s.config.Report(r)
	return time.Now().Add(retryTime)
}

// hold has OpenFlow connections used, since the switch has our epoch.
func (l *loop) hold(n uint64) {
	l.held = true
	l.s.link.Lead(n)
}

func (l *loop) assertLock(txn *vswitch.Txn) {
	if l.lock != nil {
		txn.AssertLock(lockName(l.s.config.Cluster))
	}
}

// commit writes a transaction, if the lock is held and the switch has our epoch. Where somebody has
// removed the epoch it is put back, and the transaction is a conflict.
func (l *loop) commit(ctx context.Context, txn *vswitch.Txn) (vswitch.Result, error) {
	l.assertLock(txn)
	if l.s.epoch > 0 {
		txn.RequireID(epoch.Key(l.s.config.Cluster), epoch.Text(l.s.epoch))
	}

	result, err := txn.Commit(ctx, l.conn)
	if !errors.Is(err, vswitch.ErrFenced) {
		return result, err
	}
	if err := l.take(ctx); err != nil {
		return vswitch.Result{}, err
	}
	return vswitch.Result{}, fmt.Errorf("%w: %w", vswitch.ErrConflict, err)
}

// lockChanged receives when the lock may have been lost.
func (l *loop) lockChanged() <-chan struct{} {
	if l.lock == nil {
		return nil
	}
	return l.lock.Changed()
}

// checkLock returns an error if the lock is lost, or was meanwhile: others may have written.
func (l *loop) checkLock() error {
	if l.lock == nil || l.lock.Held() && !l.lock.Lost() {
		return nil
	}
	return errRival{lockName(l.s.config.Cluster)}
}

// judgeEnd says why the loop has ended. Who was robbed of the lock writes nothing more by OpenFlow
// either. A leader was robbed by a newer one, unless the thief is another host of this process, as
// when one switch is registered twice: then the switch is refused by now.
func (l *loop) judgeEnd(err error) error {
	lost := l.lock != nil && l.lock.Lost() || errors.Is(err, vswitch.ErrLockLost)
	if !lost {
		return err
	}

	l.s.link.StandBack()
	if l.s.config.Term == 0 || l.s.refuses(l.watcher.Snapshot()) {
		return err
	}
	lock := lockName(l.s.config.Cluster)
	return errFenced{fmt.Sprintf("it has stolen the lock %s (%v)", lock, err)}
}

// standDown leaves the host to the newer leader, until ctx ends. A switch is not believed about
// that: where the election says that this process leads, the host is to be tried again, and it is
// true.
func (s *Session) standDown(
	ctx context.Context, why errFenced, snapshot *vswitch.Snapshot,
) (again bool) {
	s.log.Error("this switch is left alone", "error", why)
	s.link.StandBack()
	s.config.Report(Report{Problem: why.Error(), Snapshot: snapshot})
	if s.config.Leads != nil && s.config.Leads(ctx) == nil {
		s.epoch = 0 // It is taken as a switch that was never seen.
		return true
	}

	s.link.Close()
	if s.config.Fenced != nil {
		s.config.Fenced(why)
	}
	<-ctx.Done()
	return false
}

// meetRival finds out why the switch has another master, if it has: a newer leader of ours has
// taken its lock and epoch, which is an error. Otherwise the other controller is somebody else's.
// It is left alone while the switch says that it is there, and then outranked, with growing
// pauses.
func (x *step) meetRival(ctx context.Context) error {
	generation, is := x.s.link.Outranked()
	if !is {
		return nil
	}

	rivalry, now := &x.s.rivalry, time.Now()
	known := rivalry.Noted && rivalry.Master == generation
	if !known {
		check := vswitch.NewTxn(x.watcher.Snapshot(), vswitch.Owner{})
		if _, err := x.commit(ctx, check); err != nil {
			return fmt.Errorf("the switch has a newer master: %w", err)
		}
	}

	rivalry.Meet(generation, now)
	masters := reconcile.Masters(x.watcher.Snapshot(), x.self, x.s.config.TapBridge)
	if len(masters) == 0 && rivalry.Due(now) {
		rivalry.End(now)
		x.s.above = generation
		return x.take(ctx)
	}

	x.rival = fmt.Sprintf("another OpenFlow controller%s has made itself master of bridge %s "+
		"(generation id %d), so its flows cannot be kept: take it off that bridge",
		at(masters), x.s.config.TapBridge, generation)
	x.lookAgain(later(rivalry.Next(), now.Add(retryTime)))
	if !known {
		x.s.log.Error("the tap bridge has a foreign master", "error", x.rival)
	}
	return nil
}

// at names the places of controllers, if they are known.
func at(targets []string) string {
	if len(targets) == 0 {
		return ""
	}
	return " at " + strings.Join(targets, ", ")
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
