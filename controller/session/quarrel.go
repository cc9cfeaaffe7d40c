package session

import (
	"fmt"
	"math"
	"time"

	"github.com/tapline-sdn/tapline/controller/reconcile"
)

// Somebody else may want what we repair to be otherwise, such as another program that looks after the switch. Then the same
// comes back again and again. The first repairs are made at once; after them each rests twice as long as the one before. Once an
// owner has been left in peace for a while, all is forgotten. What comes back seldom is repaired at once without end: it would be
// wrong for longer if it had to wait.
const (
	freeRepairs  = 16               // of the same difference
	seldom       = 10 * time.Second // in which one of them is forgotten
	firstPause   = 100 * time.Millisecond
	maxPause     = 30 * time.Second
	peace        = time.Minute
	maxQuarrels  = 1024 // owners; rows that others mark may name any
	maxDisputed  = 256  // differences of one owner
	otherDispute = "something else"
)

// quarrels are the owners whose objects somebody else changes. The zero value is ready for use.
type quarrels map[string]*quarrel

type quarrel struct {
	times   map[string]tally // by reconcile.Change.Key
	last    time.Time        // repair
	until   time.Time        // no repair before
	subject string           // what is in dispute
}

// tally counts the repairs of one difference; it leaks until there are too many.
type tally struct {
	level float64
	last  time.Time
}

// another counts one more repair, and returns how many there are beyond the free ones.
func (t *tally) another(now time.Time) (extra int) {
	if t.level <= freeRepairs {
		t.level = max(0, t.level-now.Sub(t.last).Seconds()/seldom.Seconds())
	}
	t.level++
	t.last = now
	return int(math.Ceil(t.level - freeRepairs))
}

// repaired notes what was repaired by one write, in which the same counts once. It returns the keys of that which has to wait the next
// time.
func (q *quarrels) repaired(changes []reconcile.Change, now time.Time) (disputed []string) {
	if *q == nil {
		*q = quarrels{}
	}
	for owner, old := range *q {
		if now.Sub(old.last) > peace {
			delete(*q, owner)
		}
	}
	type counted struct{ owner, key string }
	done := map[counted]bool{}
	for _, c := range changes {
		mine := (*q)[c.Owner]
		if mine == nil {
			if len(*q) >= maxQuarrels {
				continue
			}
			mine = &quarrel{times: map[string]tally{}}
			(*q)[c.Owner] = mine
		}
		key := c.Key()
		if _, known := mine.times[key]; !known && len(mine.times) >= maxDisputed {
			key = otherDispute
		}
		if done[counted{c.Owner, key}] {
			continue
		}
		done[counted{c.Owner, key}] = true
		count := mine.times[key]
		extra := count.another(now)
		mine.times[key], mine.last = count, now
		if extra <= 0 {
			continue
		}
		disputed = append(disputed, key)
		pause := maxPause
		if extra < 10 { // 2 to the power of 9 is more than enough.
			pause = min(firstPause<<(extra-1), maxPause)
		}
		if until := now.Add(pause); until.After(mine.until) {
			mine.until, mine.subject = until, key
		}
	}
	return disputed
}

// lets reports whether what belongs to an owner may be repaired now.
func (q quarrels) lets(owner string, now time.Time) bool {
	mine := q[owner]
	return mine == nil || !now.Before(mine.until)
}

// waiting says why what belongs to owners is not repaired at once, and when the first of them may be again.
func (q quarrels) waiting(now time.Time) (why map[string]string, next time.Time) {
	why = map[string]string{}
	for owner, mine := range q {
		if left := mine.until.Sub(now); left > 0 {
			why[owner] = fmt.Sprintf("somebody else changes it again and again (%s); it is repaired only every %v until that ends",
				mine.subject, max(firstPause, mine.until.Sub(mine.last)).Round(firstPause))
			if next.IsZero() || mine.until.Before(next) {
				next = mine.until
			}
		}
	}
	return why, next
}
