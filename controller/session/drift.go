package session

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
)

// What somebody else does to what is ours: marks that are taken off, drift, and disputes about it.

// repair lets those owners through of which nobody else wants that they are otherwise.
func (l *loop) repair(owner string) bool { return l.s.quarrels.lets(owner, time.Now()) }

// silence finds the captures whose rows are not as they must be and may not be repaired yet, since somebody else changes them again
// and again. Who knows what is mirrored there: nothing of it is to reach a collector until it is repaired. It reports whether
// the flows have to change for that.
func (l *loop) silence(desired *reconcile.Desired, rows reconcile.Rows) bool {
	now := map[string]bool{}
	for _, m := range desired.Program.Mirrors {
		if rows.Outstanding[m.Owner] && !l.repair(m.Owner) {
			now[m.Owner] = true
		}
	}
	for _, c := range rows.Changes { // Just repaired; the next one has to wait.
		delete(now, c.Owner)
	}
	l.disputed = now
	return l.mute()
}

// mute works out which captures deliver nothing: those in dispute, those that somebody else feeds, and those whose way is not known to
// work yet. It reports whether the flows have to change for that.
func (l *loop) mute() bool {
	now := maps.Clone(l.disputed)
	if now == nil {
		now = map[string]bool{}
	}
	for owner := range l.intruders {
		now[owner] = true
	}
	maps.Copy(now, l.unproven)
	if maps.Equal(now, l.silenced) {
		return false
	}
	l.restored = l.silenced
	l.silenced = now
	return true
}

// claim puts our marks back where somebody has taken them off. desired may be nil.
func (l *loop) claim(ctx context.Context, desired *reconcile.Desired) error {
	for range maxRounds {
		rows := l.s.memory.Claim(l.watcher.Snapshot(), desired, l.self, l.s.config.TapBridge, l.repair)
		if rows.Txn.Empty() {
			return nil
		}
		_, err := rows.Txn.Commit(ctx, l.conn)
		switch {
		case err == nil:
			l.wrote(len(rows.Changes), 0, rows.Changes)
		case !errors.Is(err, vswitch.ErrConflict):
			return fmt.Errorf("transaction: %w", err)
		}
	}
	return nil // What keeps changing is told like what is not ours.
}

// drift picks of what is not as it must be that which has been before: somebody else has changed it. That a guest has come back with
// another port, which the mirror then has to select, is no drift.
func (l *loop) drift(desired *reconcile.Desired, changes []reconcile.Change) []reconcile.Change {
	defer func() { // What has been written of another print is all that has been from now on.
		for _, c := range changes {
			if l.stood[c.Owner] != desired.Fingerprints[c.Owner] {
				delete(l.stood, c.Owner)
			}
		}
	}()
	return slices.DeleteFunc(slices.Clone(changes), func(c reconcile.Change) bool {
		print, wanted := desired.Fingerprints[c.Owner]
		stood, known := l.stood[c.Owner]
		fresh := func(port vswitch.UUID) bool { return !l.s.memory.WasSelected(port) }
		return wanted && (!known || stood != print) || (!wanted || c.Surplus) && l.settled != desired || slices.ContainsFunc(c.Gains, fresh)
	})
}

// maxTold is how many changes one line of the log tells.
const maxTold = 20

// wrote tells of a write, and of what it repaired.
func (l *loop) wrote(rows, flows int, drift []reconcile.Change) {
	if len(drift) > 0 {
		var told []string
		for _, c := range drift[:min(len(drift), maxTold)] {
			told = append(told, c.String())
		}
		if len(drift) > maxTold {
			told = append(told, fmt.Sprintf("%d more", len(drift)-maxTold))
		}
		l.s.log.Warn("repaired what somebody else has changed", "rows", rows, "flows", flows, "found", told)
		if disputed := l.s.quarrels.repaired(drift, time.Now()); disputed != nil {
			disputed = disputed[:min(len(disputed), maxTold)]
			l.s.log.Error("somebody else changes what we repair again and again: the next repair waits", "found", disputed)
		}
	}
	l.s.config.Applied(rows, flows, len(drift) > 0)
}
