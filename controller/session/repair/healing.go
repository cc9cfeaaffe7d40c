package repair

import (
	"time"

	"github.com/cenkalti/backoff/v5"
)

const (
	firstHeal = time.Second
	maxHeal   = time.Minute
	// healPatience is the pause between two attempts from which on a port that does not heal counts
	// as an error.
	healPatience = 4 * time.Second
)

// Healing decides when ports are made anew that the switch has given up on: ever more seldom if it
// does not help. The zero value is ready for use.
type Healing struct {
	owners []string // whose ports are to be made anew
	next   time.Time
	pause  time.Duration // until next, from the last attempt
	pauses *backoff.ExponentialBackOff
}

// Found notes whose ports are to be made anew, and reports whether to do so now.
func (h *Healing) Found(owners []string, now time.Time) (due bool) {
	h.owners = owners
	if len(owners) == 0 {
		// A port that was just made anew has no error for a moment.
		if now.After(h.next.Add(h.pause)) {
			*h = Healing{}
		}
		return false
	}

	if now.Before(h.next) {
		return false
	}
	if h.pauses == nil {
		h.pauses = &backoff.ExponentialBackOff{InitialInterval: firstHeal, MaxInterval: maxHeal,
			Multiplier: 2}
	}

	h.pause = h.pauses.NextBackOff()
	h.next = now.Add(h.pause)
	return true
}

// Next is when to look again; zero for no such time.
func (h *Healing) Next() time.Time {
	if len(h.owners) == 0 {
		return time.Time{}
	}
	return h.next
}

// Owners returns those whose trouble is no error yet, since it is about to be gone.
func (h *Healing) Owners() []string {
	if h.pause >= healPatience {
		return nil
	}
	return h.owners
}
