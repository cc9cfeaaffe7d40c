package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
)

// mayRepair reports whether the objects of an owner may be repaired now.
func (x *step) mayRepair(owner string) bool { return x.s.quarrels.Allows(owner, time.Now()) }

// claim puts our marks back on rows that have lost them. desired may be nil.
func (x *step) claim(ctx context.Context, desired *reconcile.Desired) error {
	for range maxRounds {
		snap := x.watcher.Snapshot()
		rows := x.s.memory.Claim(snap, desired, x.self, x.s.config.TapBridge, x.mayRepair)
		if rows.Txn.Empty() {
			return nil
		}

		_, err := x.commit(ctx, rows.Txn)
		switch {
		case err == nil:
			x.wrote(len(rows.Changes), 0, rows.Changes)
		case !errors.Is(err, vswitch.ErrConflict):
			return fmt.Errorf("transaction: %w", err)
		}
	}
	return nil // Rows that keep losing their marks are reported like rows that are not ours.
}

// gate lets new captures through. A copy without a working path makes the switch look for its
// neighbour by ARP. Where the underlay is mirrored, that is mirrored too, and so on: so what
// delivers must stand, and the tunnel path must work, before the first copy.
//
// A tap bridge that is yet to be made is made together with what feeds it: until it has flows it
// drops everything, and it gets no flows for captures whose path is not known to work.
func (x *step) gate() reconcile.Gate {
	if _, stands := x.snap.Bridge(x.s.config.TapBridge); !stands {
		unproven := map[string]bool{}
		for _, peer := range x.desired.Program.Tunnel.Peers {
			for _, owner := range peer.Owners {
				unproven[owner] = true
			}
		}
		x.silence.Unproven(unproven)
		return reconcile.Open
	}

	if x.of == nil {
		return reconcile.Shut
	}

	x.silence.Proven(func(owner string) bool { return x.unprobed[owner] != "" })
	if len(x.refused) > 0 && len(x.unresourced) == 0 {
		return reconcile.Shut
	}

	return func(owner string) bool {
		return x.unprobed[owner] == "" && x.refused[owner] == "" && x.desired.Delivers(owner)
	}
}

// commitRows writes rows by one transaction, and reports whether they are written. A conflict is no
// error: the next round sees the new snapshot.
func (x *step) commitRows(ctx context.Context, rows *reconcile.Rows) (written bool, err error) {
	result, err := x.commit(ctx, rows.Txn)
	switch {
	case errors.Is(err, vswitch.ErrConflict):
		x.s.log.Debug("the switch's database has changed meanwhile", "error", err)
		return false, nil
	case err != nil && (x.conn.Err() != nil || errors.Is(err, vswitch.ErrOutcomeUnknown) ||
		errors.Is(err, vswitch.ErrLockLost)):
		return false, fmt.Errorf("transaction: %w", err)
	case err != nil:
		x.s.log.Error("the switch refuses a transaction", "error", err)
		for owner := range rows.Outstanding {
			x.refused[owner] = err.Error()
		}
		return false, nil
	}

	x.ledger.WroteRows(rows.Outstanding, result.NextCfg, time.Now())
	x.wrote(len(rows.Changes), 0, x.ledger.Drift(x.desired, rows.Changes, x.s.memory.WasSelected))
	return true, nil
}

// dispute finds the captures whose rows are not as they must be and may not be repaired yet. It
// reports whether other flows are wanted for that.
func (x *step) dispute() (changed bool) {
	disputed := map[string]bool{}
	for _, m := range x.desired.Program.Mirrors {
		if x.rows.Outstanding[m.Owner] && !x.mayRepair(m.Owner) {
			disputed[m.Owner] = true
		}
	}

	for _, c := range x.rows.Changes { // Just repaired; the next repair has to wait.
		delete(disputed, c.Owner)
	}

	return x.silence.Dispute(disputed)
}

// maxLogged is how many changes one line of the log tells.
const maxLogged = 20

// wrote tells of a write, and of what it repaired.
func (x *step) wrote(rows, flows int, drift []reconcile.Change) {
	if len(drift) > 0 {
		x.logDrift(rows, flows, drift)
		if disputed := x.s.quarrels.Repaired(drift, time.Now()); disputed != nil {
			x.s.log.Error("somebody else changes what we repair again and again: the next repair "+
				"waits",
				"found", disputed[:min(len(disputed), maxLogged)])
		}
	}
	x.s.config.Applied(rows, flows, len(drift) > 0)
}

func (x *step) logDrift(rows, flows int, drift []reconcile.Change) {
	var found []string
	for _, c := range drift[:min(len(drift), maxLogged)] {
		found = append(found, c.String())
	}
	if len(drift) > maxLogged {
		found = append(found, fmt.Sprintf("%d more", len(drift)-maxLogged))
	}
	x.s.log.Warn("repaired what somebody else has changed", "rows", rows, "flows", flows, "found",
		found)
}

// curCfg is the number of the transaction that the switch has applied last. A database that is not
// initialized has none.
func curCfg(snap *vswitch.Snapshot) int64 {
	if system := snap.System(); system != nil {
		return system.CurCfg
	}
	return -1
}

// strip takes everything of ours off the switch.
func (l *loop) strip(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	if reconcile.Strip(l.watcher.Snapshot(), l.self, l.s.config.TapBridge).Empty() {
		return nil
	}
	if err := l.take(ctx); err != nil {
		return err
	}
	if err := (&step{loop: l}).claim(ctx, nil); err != nil {
		return err
	}

	for {
		txn := reconcile.Strip(l.watcher.Snapshot(), l.self, l.s.config.TapBridge)
		if txn.Empty() {
			return nil
		}

		_, err := l.commit(ctx, txn)
		if err == nil {
			l.s.log.Info("host removed: its switch is as it was before")
			return nil
		}

		if !errors.Is(err, vswitch.ErrConflict) {
			l.s.log.Warn("host is removed, and what stands on its switch could not be", "error",
				err)
			return err
		}
	}
}
