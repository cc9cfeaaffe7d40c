package repair

import "time"

const (
	// firstRivalPause is how long a switch that somebody else is master of is left alone, and
	// maxRivalPause the longest, where that happens again and again. A switch takes up to 5 s to
	// show in its database who is master.
	firstRivalPause = 6 * time.Second
	maxRivalPause   = 30 * time.Second
	// rivalPeace is after how long such a thing counts as the first again.
	rivalPeace = 2 * time.Minute
)

// Rivalry decides when to become master of a switch again after a controller of somebody else has.
// The zero value is ready for use.
type Rivalry struct {
	pause  time.Duration
	next   time.Time // zero while there is no rival
	peace  time.Time // since when we are master again
	Noted  bool      // the rival was reported
	Master uint64    // generation of the rival
}

// Meet notes that there is a rival, and when to become master again at the earliest.
func (r *Rivalry) Meet(generation uint64, now time.Time) {
	if r.Noted && r.Master == generation {
		return
	}
	if now.Sub(r.peace) > rivalPeace {
		r.pause = 0
	}
	r.pause = min(max(2*r.pause, firstRivalPause), maxRivalPause)
	r.next, r.Noted, r.Master = now.Add(r.pause), true, generation
}

// Due reports whether it is time to become master again.
func (r *Rivalry) Due(now time.Time) bool { return !now.Before(r.next) }

// Next is when it is time.
func (r *Rivalry) Next() time.Time { return r.next }

// End notes that we are master again.
func (r *Rivalry) End(now time.Time) { r.next, r.Noted, r.peace = time.Time{}, false, now }
