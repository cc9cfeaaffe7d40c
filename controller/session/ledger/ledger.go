package ledger

import (
	"maps"
	"slices"
	"time"

	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
)

// Open vSwitch is given a time, after it has applied a change, to go through the datapath flows
// that it has cached. Its revalidators begin at once, but no sooner than 5 ms after they last began
// (udpif_revalidator in ofproto-dpif-upcall.c), and nothing tells a controller when they are
// through. On 3.1.0 and a quiet machine that takes 2 to 5 ms; a frame that comes earlier may still
// be handled as before. They compete for the same processors as what applies the change, so on a
// machine that is slow at that they get more time: a multiple of what it took.
const (
	revalidateTime  = 10 * time.Millisecond
	revalidateShare = 3
	// maxRevalidate is enough for what a busy switch was seen to need.
	maxRevalidate = 250 * time.Millisecond
)

// Ledger follows the changes of one switch while its database is connected. Owners are those of
// programs. Use [New].
type Ledger struct {
	// changed holds the owners whose rows or flows were written, until the switch has applied that
	// and has revalidated its cache: the next_cfg of the transaction that wrote rows, or 0.
	changed map[string]int64
	applied int64     // cur_cfg
	last    time.Time // when the switch applied rows, or took flows, last

	written     time.Time     // when the latest transaction was, zero once it is applied
	writtenCfg  int64         // its next_cfg
	revalidates time.Duration // what the switch is given to go through its cache

	settled *reconcile.Desired // of which everything stood
	stood   map[string]uint64  // fingerprints of owners that stood
}

// New returns an empty ledger.
func New() *Ledger {
	return &Ledger{changed: map[string]int64{}, stood: map[string]uint64{}}
}

// WroteRows notes the owners whose rows were written by a transaction that set next_cfg.
func (l *Ledger) WroteRows(owners map[string]bool, nextCfg int64, now time.Time) {
	if nextCfg > l.applied {
		l.written, l.writtenCfg = now, nextCfg
	}
	l.await(owners, nextCfg)
}

func (l *Ledger) await(owners map[string]bool, nextCfg int64) {
	for owner := range owners {
		l.changed[owner] = max(nextCfg, l.changed[owner])
	}
}

// WroteFlows notes the owners whose flows the switch has taken.
func (l *Ledger) WroteFlows(owners map[string]bool, now time.Time) {
	l.last = now
	l.await(owners, 0)
}

// Follow takes cur_cfg, and forgets the changes that are complete by now. It returns when to look
// again; zero for no such time.
func (l *Ledger) Follow(curCfg int64, now time.Time) (again time.Time) {
	if curCfg != l.applied {
		l.applied, l.last = curCfg, now
		l.measure(now)
	}

	complete := l.last.Add(max(l.revalidates, revalidateTime))
	for owner, nextCfg := range l.changed {
		switch {
		case l.applied < nextCfg:
		case now.Before(complete):
			again = complete
		default:
			delete(l.changed, owner)
		}
	}

	return again
}

// measure works out what the switch is given to go through its cache, once it has applied the
// latest transaction.
func (l *Ledger) measure(now time.Time) {
	if l.written.IsZero() || l.applied < l.writtenCfg {
		return
	}
	l.revalidates = min(revalidateShare*now.Sub(l.written), maxRevalidate)
	l.written = time.Time{}
}

// Busy reports whether the switch is still applying changes.
func (l *Ledger) Busy() bool { return len(l.changed) > 0 }

// Applying reports whether the switch is still applying changes of an owner.
func (l *Ledger) Applying(owner string) bool {
	_, is := l.changed[owner]
	return is
}

// Leaving returns the owners whose objects are still being taken away: those that are being applied
// or are outstanding, and not in the program.
func (l *Ledger) Leaving(d *reconcile.Desired, outstanding ...map[string]bool) map[string]bool {
	leaving := map[string]bool{}
	add := func(owner string) {
		if _, wanted := d.Fingerprints[owner]; !wanted {
			leaving[owner] = true
		}
	}

	for owner := range l.changed {
		add(owner)
	}

	for _, owners := range outstanding {
		for owner := range owners {
			add(owner)
		}
	}

	return leaving
}

// Stands notes that an owner's objects were read back as they must be.
func (l *Ledger) Stands(owner string, fingerprint uint64) { l.stood[owner] = fingerprint }

// Forget forgets the owners that a program does not have.
func (l *Ledger) Forget(d *reconcile.Desired) {
	maps.DeleteFunc(l.stood, func(owner string, _ uint64) bool {
		_, wanted := d.Fingerprints[owner]
		return !wanted
	})
}

// Settle notes that everything of a program stands. It reports whether that is new.
func (l *Ledger) Settle(d *reconcile.Desired) (first bool) {
	first = l.settled != d
	l.settled = d
	return first
}

// Disturbed reports whether something that stood is being changed.
func (l *Ledger) Disturbed(d *reconcile.Desired) bool {
	for owner := range l.changed {
		if stood, known := l.stood[owner]; known && stood == d.Fingerprints[owner] {
			return true
		}
	}
	return false
}

// Drift returns the changes to objects that were correct before: somebody else has altered them. It
// is not drift if a guest has come back with another port, which the mirror then has to select;
// selected reports whether a mirror has selected a port before. Owners whose other objects were
// written have to stand again before a difference of theirs is drift.
func (l *Ledger) Drift(
	d *reconcile.Desired, changes []reconcile.Change, selected func(port vswitch.UUID) bool,
) []reconcile.Change {
	expected := func(c reconcile.Change) bool {
		fingerprint, wanted := d.Fingerprints[c.Owner]
		stood, known := l.stood[c.Owner]
		switch {
		case wanted && (!known || stood != fingerprint):
			return true
		case (!wanted || c.Surplus) && l.settled != d:
			return true
		}
		return slices.ContainsFunc(c.Gains, func(port vswitch.UUID) bool { return !selected(port) })
	}

	drift := slices.DeleteFunc(slices.Clone(changes), expected)

	for _, c := range changes {
		if l.stood[c.Owner] != d.Fingerprints[c.Owner] {
			delete(l.stood, c.Owner)
		}
	}

	return drift
}
