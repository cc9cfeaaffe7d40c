package session

import (
	"fmt"
	"time"

	"github.com/tapline-sdn/tapline/controller/reconcile"
)

// Somebody else may want what we repair to be otherwise, such as another program that looks after the switch. Then the same
// comes back again and again. The first repairs are made at once; after them each rests twice as long as the one before. Once an
// owner has been left in peace for a while, all is forgotten.
const (
	freeRepairs  = 8 // of the same difference
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
	times   map[string]int // repairs, by reconcile.Change.Key
	last    time.Time      // repair
	until   time.Time      // no repair before
	subject string         // what is in dispute
}

// repaired notes a repair. It reports whether the next one has to wait.
func (q *quarrels) repaired(c reconcile.Change, now time.Time) bool {
	if *q == nil {
		*q = quarrels{}
	}
	for owner, old := range *q {
		if now.Sub(old.last) > peace {
			delete(*q, owner)
		}
	}
	mine := (*q)[c.Owner]
	if mine == nil {
		if len(*q) >= maxQuarrels {
			return false
		}
		mine = &quarrel{times: map[string]int{}}
		(*q)[c.Owner] = mine
	}
	key := c.Key()
	if mine.times[key] == 0 && len(mine.times) >= maxDisputed {
		key = otherDispute
	}
	mine.times[key]++
	mine.last = now
	extra := mine.times[key] - freeRepairs
	if extra <= 0 {
		return false
	}
	pause := maxPause
	if extra < 10 { // 2 to the power of 9 is more than enough.
		pause = min(firstPause<<(extra-1), maxPause)
	}
	if until := now.Add(pause); until.After(mine.until) {
		mine.until, mine.subject = until, key
	}
	return true
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
