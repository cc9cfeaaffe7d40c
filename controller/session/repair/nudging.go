package repair

import (
	"math/rand/v2"
	"time"

	"github.com/cenkalti/backoff/v5"
)

const (
	// nudgeAfter is how long a switch has to make its OpenFlow connection by itself. One that was
	// connected before tries every second, takes half a second more to see our greeting, and may
	// miss that once or twice.
	nudgeAfter = 5 * time.Second
	// nudgeSoon applies to a switch that was never connected and, by its own account, waits: it may
	// wait for 8 s.
	nudgeSoon = time.Second
	// maxNudge bounds the pause between two nudges, which doubles. Each costs the switch a look at
	// its whole configuration.
	maxNudge = time.Minute
)

// Nudging decides when a switch without OpenFlow connection is made to try again. The zero value
// begins with the next look.
type Nudging struct {
	since  time.Time // when it was first seen to be without
	next   time.Time
	pause  time.Duration // that the next nudge ends
	nudged bool
	pauses *backoff.ExponentialBackOff
}

// newNudgePauses double from nudgeAfter to maxNudge. Up to half is added at random, so that hosts
// do not come together.
func newNudgePauses() *backoff.ExponentialBackOff {
	return &backoff.ExponentialBackOff{
		InitialInterval: nudgeAfter * 5 / 4, MaxInterval: maxNudge * 5 / 4, Multiplier: 2,
		RandomizationFactor: 0.2,
	}
}

// Due reports whether the switch is to be nudged now. It is given when the switch connected last,
// and whether it waits longer than it should.
func (n *Nudging) Due(now, lastArrival time.Time, waits bool) bool {
	if n.since.IsZero() {
		n.since, n.pauses = now, newNudgePauses()
		n.wait(now)
	}

	if waits && !n.nudged {
		if soon := n.since.Add(nudgeSoon); soon.Before(n.next) {
			n.next = soon.Add(rand.N(nudgeSoon / 2))
		}
	}
	if at := lastArrival.Add(n.pause); at.After(n.next) { // It does try.
		n.next = at
	}
	return !now.Before(n.next)
}

func (n *Nudging) wait(now time.Time) {
	n.pause = n.pauses.NextBackOff()
	n.next = now.Add(n.pause)
}

// Nudged notes that the switch was nudged.
func (n *Nudging) Nudged(now time.Time) {
	n.nudged = true
	n.wait(now)
}

// Postpone has the next nudge wait for a moment.
func (n *Nudging) Postpone(now time.Time) { n.next = now.Add(nudgeSoon + rand.N(nudgeSoon/2)) }

// Next is when to look again.
func (n *Nudging) Next() time.Time { return n.next }

// Since is when the switch was first seen to be without a connection.
func (n *Nudging) Since() time.Time { return n.since }
