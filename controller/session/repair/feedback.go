package repair

import (
	"slices"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/tapline-sdn/tapline/controller/reconcile"
)

// A capture whose copies come back into it grows out of nothing, up to what the switch can carry.
// Feedback watches how many copies each capture sends. Where that number jumps, a few copies are
// looked at, and delivered all the same. If they contain copies of the same capture, the capture is
// stopped.
//
// A stopped capture is tried again after a pause, which doubles each time, since the underlay may
// have taken another way. It is tried at once when anything of it changes, and when its tap flows
// are disabled and enabled.
const (
	ManyCopies  = 50 // in one reading; fewer are never looked at
	manyASecond = 100
	lookTime    = reconcile.SampleTime * time.Second
	lookAgain   = 5 * time.Minute // at a capture that is as busy as it was
	enoughSeen  = 16              // copies that are looked at
	provenBy    = 2               // copies of own copies among them
	firstStop   = 30 * time.Second
	maxStop     = 10 * time.Minute
	trialPeriod = 10 * time.Second // of readings close together; a probe starts a loop by then

	closeReadings  = 250 * time.Millisecond
	seldomReadings = time.Second
)

// Feedback knows the captures that send into tunnels. The zero value is ready for use.
type Feedback struct {
	captures map[string]*watchedCapture
	young    time.Time // until when readings are close together
}

// watchedCapture is what is known of one capture.
type watchedCapture struct {
	fingerprint uint64 // of its objects

	read  bool // it was read before
	sent  uint64
	at    time.Time // of the last reading
	calm  float64   // copies a second at which its copies were found to be no loop
	found time.Time // when they were

	looking time.Time // since when its copies are looked at; zero if they are not
	stopped time.Time // until when it is stopped; zero if it never was
	pauses  *backoff.ExponentialBackOff
}

// Sent is how many copies a capture has sent since its flows were written, Age ago.
type Sent struct {
	Copies uint64
	Age    time.Duration
}

// Follow says which captures there are, by owner, with the fingerprints of their objects.
func (f *Feedback) Follow(captures map[string]uint64, now time.Time) {
	first := f.captures == nil // Many hosts may be at their first program together.
	if first {
		f.captures = map[string]*watchedCapture{}
	}

	for owner, c := range f.captures {
		if fingerprint, still := captures[owner]; !still || fingerprint != c.fingerprint {
			delete(f.captures, owner)
		}
	}
	for owner, fingerprint := range captures {
		if f.captures[owner] == nil {
			f.captures[owner] = &watchedCapture{fingerprint: fingerprint}
			if !first {
				f.young = now.Add(trialPeriod)
			}
		}
	}
}

// Take takes a reading of what captures have sent, by owner. What they have sent more than in the
// reading before counts as sent within a time, since which they are known to have sent little.
func (f *Feedback) Take(sent map[string]Sent, within time.Duration, now time.Time) {
	for owner, s := range sent {
		if c := f.captures[owner]; c != nil && !c.isStopped(now) {
			c.take(s, within, now)
		}
	}
}

func (c *watchedCapture) take(s Sent, within time.Duration, now time.Time) {
	more, since := s.Copies, s.Age
	if c.read && s.Copies >= c.sent {
		more, since = s.Copies-c.sent, now.Sub(c.at)
	}
	c.read, c.sent, c.at = true, s.Copies, now

	rate := float64(more) / max(min(since, within), closeReadings).Seconds()
	isNew := c.found.IsZero() || rate > 2*c.calm || now.Sub(c.found) > lookAgain
	if c.looking.IsZero() && more >= ManyCopies && rate >= manyASecond && isNew {
		c.looking = now
		c.calm = max(c.calm, rate)
	}
}

// Looking returns the owners whose copies are to be looked at, sorted.
func (f *Feedback) Looking(now time.Time) []string {
	var all []string
	for owner, c := range f.captures {
		if !c.looking.IsZero() && !c.isStopped(now) {
			all = append(all, owner)
		}
	}
	slices.Sort(all)
	return all
}

// Enough reports whether copies tell enough: so many were seen, and so many of them are copies of
// own copies.
func Enough(seen, own int) bool { return seen >= enoughSeen || own >= provenBy }

// Looked says what was found among the copies of a capture so far: how many were seen, and how many
// of them are copies of its own. It reports whether the capture is to be stopped now.
func (f *Feedback) Looked(owner string, seen, own int, now time.Time) (stop bool) {
	c := f.captures[owner]
	switch {
	case c == nil || c.looking.IsZero():
		return false
	case own >= provenBy:
		c.stop(now)
		return true
	case seen >= enoughSeen || now.Sub(c.looking) >= lookTime:
		c.looking, c.found = time.Time{}, now
	}
	return false
}

func (c *watchedCapture) stop(now time.Time) {
	if c.pauses == nil {
		c.pauses = &backoff.ExponentialBackOff{
			InitialInterval: firstStop, MaxInterval: maxStop, Multiplier: 2,
		}
	}
	c.stopped = now.Add(c.pauses.NextBackOff())
	c.looking, c.found, c.calm, c.read = time.Time{}, time.Time{}, 0, false
}

func (c *watchedCapture) isStopped(now time.Time) bool { return now.Before(c.stopped) }

// Stopped returns the owners that are stopped, and when the first of them is tried again; zero if
// there is none.
func (f *Feedback) Stopped(now time.Time) (owners map[string]bool, next time.Time) {
	owners = map[string]bool{}
	for owner, c := range f.captures {
		switch {
		case c.isStopped(now):
			owners[owner] = true
			if next.IsZero() || c.stopped.Before(next) {
				next = c.stopped
			}
		case !c.stopped.IsZero() && now.Sub(c.stopped) < trialPeriod:
			f.young = c.stopped.Add(trialPeriod)
		}
	}
	return owners, next
}

// Doubt has readings close together for a while: the underlay may have taken another way.
func (f *Feedback) Doubt(now time.Time) { f.young = now.Add(trialPeriod) }

// Closely reports whether readings are to be close together now.
func (f *Feedback) Closely(now time.Time) bool {
	return now.Before(f.young) || len(f.Looking(now)) > 0
}

// Next is when the next reading is due after one that was taken now.
func (f *Feedback) Next(now time.Time) time.Time {
	if f.Closely(now) {
		return now.Add(closeReadings)
	}
	return now.Add(seldomReadings)
}
