package session

import "time"

const (
	frameTries = 3 // probes of one size before it counts as too large
	// frameInterval is how long an answer is waited for at least, and at most.
	frameInterval    = 30 * time.Millisecond
	maxFrameInterval = 500 * time.Millisecond
	// frameAgain is how often the size is measured again.
	frameAgain = time.Minute
)

// frameSearch measures the largest frame that passes a path that works: the size that copies may
// have is tried first; if it does not pass, a binary search finds the exact one.
type frameSearch struct {
	passes int  // largest frame that passes; 0: all that copies may have, or unknown
	known  bool // it was measured since the path was made
	// roundTrip is how long small probes take. Where the controller is far away, an answer is
	// waited for longer.
	roundTrip time.Duration

	wanted int // size that copies may have
	low    int // passes, or is so small that it must
	high   int // does not pass; above wanted while wanted was not tried
	size   int // under test; 0: none
	tries  int
	// confirms says that the size under test is the smallest that did not pass, tried again at the
	// end: an answer may have been late.
	confirms bool
	nonce    uint64
	arrived  bool
	began    time.Time
	next     time.Time // when to go on
}

// restart has the size measured again as soon as the path works. What is known stays until then.
func (s *frameSearch) restart() {
	*s = frameSearch{passes: s.passes, known: s.known, roundTrip: s.roundTrip}
}

// tookTrip notes how long after the first unanswered small probe an answer came. What took very
// long is no round trip: the path was cut meanwhile.
func (s *frameSearch) tookTrip(d time.Duration) {
	if d < maxFrameInterval {
		s.roundTrip = d
	}
}

// isRunning reports whether the size is being measured.
func (s *frameSearch) isRunning() bool { return !s.known || s.size != 0 }

// due returns the next probe to send, or no size. works says that small probes pass, answered when
// the last of them did; wanted is the size of a frame that copies may have, 0 for the usual one.
func (s *frameSearch) due(
	works bool, answered time.Time, wanted int, now time.Time,
) (nonce uint64, size int) {
	if wanted == 0 {
		wanted = fullFrame
	}

	switch {
	case !works:
		s.next = time.Time{}
		return 0, 0
	case wanted != s.wanted:
		s.begin(wanted, now)
	case now.Before(s.next):
		return 0, 0
	case s.size == 0:
		s.begin(wanted, now)
	case s.arrived:
		s.low = s.size
		s.choose(answered, now)
	case s.tries == frameTries:
		s.high = s.size
		s.choose(answered, now)
	}

	if s.size == 0 {
		return 0, 0
	}

	s.next = now.Add(s.pause())
	s.tries++
	return s.nonce, s.size
}

// pause is how long the next probe is waited for: longer with each try of a size whose loss
// decides.
func (s *frameSearch) pause() time.Duration {
	interval := max(frameInterval, min(2*s.roundTrip, maxFrameInterval))
	if s.confirms || s.size == s.wanted {
		return interval << s.tries
	}
	return interval
}

// begin tests the wanted size first.
func (s *frameSearch) begin(wanted int, now time.Time) {
	s.began, s.wanted, s.low, s.high = now, wanted, minFrame, wanted+1
	s.confirms = false
	s.test(wanted)
}

func (s *frameSearch) test(size int) {
	s.size, s.tries, s.arrived, s.nonce = size, 0, false, randomNonce()
}

// doubtful reports whether frames do not pass, and no small one has passed since: perhaps the path
// is cut.
func (s *frameSearch) doubtful(answered time.Time) bool {
	return s.size != 0 && s.high <= s.wanted && answered.Before(s.began)
}

// choose takes the next size to test, or ends the search.
func (s *frameSearch) choose(answered, now time.Time) {
	switch {
	case s.high-s.low > 1:
		s.test((s.low + s.high) / 2)
		return
	case s.doubtful(answered), s.low == s.high && s.low < s.wanted:
		s.begin(s.wanted, now)
		return
	case s.low < s.wanted && !s.confirms:
		s.confirms = true
		s.test(s.high)
		return
	}

	s.size, s.next, s.known = 0, now.Add(frameAgain), true
	if s.passes = s.low; s.low == s.wanted {
		s.passes = 0
	}
}

// answer takes the answer to a probe. It reports whether it was to the one under test.
func (s *frameSearch) answer(nonce uint64) bool {
	if s.size == 0 || nonce != s.nonce {
		return false
	}
	s.arrived = true
	s.next = time.Time{} // Go on at once.
	return true
}
