package repair

import (
	"fmt"
	"math"
	"time"

	"github.com/tapline-sdn/tapline/controller/reconcile"
)

// Another program that looks after the switch may undo our repairs, and the same difference comes
// back again and again. The first repairs of a difference are made at once; after them each waits
// twice as long as the one before. An owner that is left in peace for a while starts over. A
// difference that comes back seldom is always repaired at once: it would be wrong for longer if it
// had to wait.
const (
	FreeRepairs = 16 // of the same difference

	seldom       = 10 * time.Second // in which one of them is forgotten
	firstPause   = 100 * time.Millisecond
	maxPause     = 30 * time.Second
	peace        = time.Minute
	maxQuarrels  = 1024 // owners; rows that others mark may name any
	maxDisputed  = 256  // differences of one owner
	otherDispute = "something else"
)

// Quarrels are the owners whose objects somebody else changes. The zero value is ready for use.
type Quarrels map[string]*quarrel

type quarrel struct {
	repairs map[string]tally // by reconcile.Change.Key
	last    time.Time        // repair
	until   time.Time        // no repair before
	subject string           // what is in dispute
}

// tally counts the repairs of one difference; it leaks until there are too many.
type tally struct {
	level float64
	last  time.Time
}

// add counts one more repair, and returns how many there are beyond the free ones.
func (t *tally) add(now time.Time) (extra int) {
	if t.level <= FreeRepairs {
		t.level = max(0, t.level-now.Sub(t.last).Seconds()/seldom.Seconds())
	}
	t.level++
	t.last = now
	return int(math.Ceil(t.level - FreeRepairs))
}

// Repaired notes the repairs of one write; the same difference counts once. It returns the keys of
// the differences whose next repair has to wait.
func (q *Quarrels) Repaired(changes []reconcile.Change, now time.Time) (disputed []string) {
	if *q == nil {
		*q = Quarrels{}
	}

	q.forgive(now)

	type difference struct{ owner, key string }
	counted := map[difference]bool{}
	for _, c := range changes {
		mine := q.of(c.Owner)
		if mine == nil {
			continue
		}

		key := mine.key(c)
		if counted[difference{c.Owner, key}] {
			continue
		}

		counted[difference{c.Owner, key}] = true
		if mine.repaired(key, now) {
			disputed = append(disputed, key)
		}
	}

	return disputed
}

// forgive forgets the owners that were left in peace.
func (q *Quarrels) forgive(now time.Time) {
	for owner, old := range *q {
		if now.Sub(old.last) > peace {
			delete(*q, owner)
		}
	}
}

// of returns the quarrel about an owner, or nil if there are too many.
func (q *Quarrels) of(owner string) *quarrel {
	mine := (*q)[owner]
	if mine == nil && len(*q) < maxQuarrels {
		mine = &quarrel{repairs: map[string]tally{}}
		(*q)[owner] = mine
	}
	return mine
}

// key is what a difference is counted under. Beyond maxDisputed all count as one.
func (q *quarrel) key(c reconcile.Change) string {
	key := c.Key()
	if _, known := q.repairs[key]; !known && len(q.repairs) >= maxDisputed {
		return otherDispute
	}
	return key
}

// repaired counts one repair, and reports whether the next one has to wait.
func (q *quarrel) repaired(key string, now time.Time) (waits bool) {
	count := q.repairs[key]
	extra := count.add(now)
	q.repairs[key], q.last = count, now
	if extra <= 0 {
		return false
	}

	pause := maxPause
	if extra < 10 { // 2 to the power of 9 is more than enough.
		pause = min(firstPause<<(extra-1), maxPause)
	}
	if until := now.Add(pause); until.After(q.until) {
		q.until, q.subject = until, key
	}

	return true
}

// Allows reports whether the objects of an owner may be repaired now.
func (q Quarrels) Allows(owner string, now time.Time) bool {
	mine := q[owner]
	return mine == nil || !now.Before(mine.until)
}

// Waiting says, by owner, why objects are not repaired at once, and when the first of them may be.
func (q Quarrels) Waiting(now time.Time) (why map[string]string, next time.Time) {
	why = map[string]string{}
	for owner, mine := range q {
		if !now.Before(mine.until) {
			continue
		}
		pause := max(firstPause, mine.until.Sub(mine.last)).Round(firstPause)
		why[owner] = fmt.Sprintf("somebody else changes it again and again (%s); "+
			"it is repaired only every %v until that ends", mine.subject, pause)
		if next.IsZero() || mine.until.Before(next) {
			next = mine.until
		}
	}

	return why, next
}
