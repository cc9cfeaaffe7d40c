package session

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// searcher lets frames of up to a size pass.
type searcher struct {
	frameSearch
	limit    int
	lost     int // so many probes are lost first, whatever their size
	now      time.Time
	answered time.Time // last small probe
	sent     int
}

// run goes on until nothing is due for long.
func (s *searcher) run(t *testing.T, wanted int) {
	t.Helper()
	for range 3000 {
		nonce, size := s.due(true, s.answered, wanted, s.now)
		if size > 0 {
			s.sent++
			if s.sent > s.lost && size <= s.limit {
				assert.True(t, s.answer(nonce))
				continue
			}
		}

		if s.frameSearch.size == 0 {
			return
		}

		s.now = s.now.Add(time.Millisecond)
	}

	t.Fatal("the search does not end")
}

// TestFrameSearch: the largest frame that passes is found exactly, with few probes.
func TestFrameSearch(t *testing.T) {
	for _, tc := range []struct {
		name          string
		wanted, limit int
		passes, most  int
	}{
		{"all pass", 0, 9000, 0, 1},
		{"exactly the usual one passes", 0, fullFrame, 0, 1},
		{"a tunnel in an underlay of 1500", 0, 1476, 1476, 45},
		{"one less", 0, fullFrame - 1, fullFrame - 1, 45},
		{"jumbo frames pass", 9018, 9018, 0, 1},
		{"jumbo frames do not pass", 9018, 1476, 1476, 57},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := searcher{limit: tc.limit, now: time.Unix(1000, 0), answered: time.Unix(1001, 0)}
			s.run(t, tc.wanted)
			assert.Equal(t, tc.passes, s.passes)
			assert.LessOrEqual(t, s.sent, tc.most)

			// It is measured again later, and when copies may be larger.
			s.limit, s.answered = 9000, s.now.Add(time.Hour)
			_, size := s.due(true, s.answered, tc.wanted, s.now.Add(frameAgain-time.Millisecond))
			assert.Zero(t, size)
			s.now = s.now.Add(frameAgain)
			s.run(t, tc.wanted)
			assert.Equal(t, max(tc.wanted, fullFrame) > 9000, s.passes != 0)
		})
	}
}

// TestFrameSearchWithLateAnswers: probes that are lost or late for a while, as when a switch has
// just restarted, make no path smaller than it is.
func TestFrameSearchWithLateAnswers(t *testing.T) {
	for lost := range 6 {
		s := searcher{limit: 9000, lost: lost, now: time.Unix(1000, 0),
			answered: time.Unix(1001, 0)}
		s.run(t, 0)
		assert.Zero(t, s.passes, "%d lost", lost)
		assert.True(t, s.known)
	}
}

// TestFrameSearchFromAfar: answers that take long to reach the controller make no path smaller.
func TestFrameSearchFromAfar(t *testing.T) {
	const limit, roundTrip = 1472, 150 * time.Millisecond
	now := time.Unix(1000, 0)
	path := &tunnelPath{nonce: 1, asked: now}
	paths := newTunnelPaths(senderDPID, func() {})
	paths.byPeer[pathKey{}] = path
	paths.answer(path.nonce, now.Add(roundTrip))

	s, answered, answers := &path.size, now.Add(time.Hour), map[time.Time]uint64{}

	for range 60_000 {
		if nonce, arrives := answers[now]; arrives {
			s.answer(nonce)
		}
		nonce, size := s.due(true, answered, 0, now)
		if size > 0 && size <= limit {
			answers[now.Add(roundTrip)] = nonce
		}
		if s.known {
			break
		}
		now = now.Add(time.Millisecond)
	}

	assert.True(t, s.known, "the search does not end")
	assert.Equal(t, limit, s.passes)
}

// TestFrameSearchOnCutPath: a path that is cut while it is measured says nothing about sizes.
func TestFrameSearchOnCutPath(t *testing.T) {
	s := searcher{limit: 9000, now: time.Unix(1000, 0), answered: time.Unix(999, 0)}
	s.run(t, 0)
	s.limit = 0
	s.now = s.now.Add(frameAgain)
	for range 10_000 {
		s.due(true, s.answered, 0, s.now)
		s.now = s.now.Add(time.Millisecond)
		assert.Zero(t, s.passes)
	}

	for range 1000 { // It begins again and again.
		if s.doubtful(s.answered) {
			break
		}
		s.due(true, s.answered, 0, s.now)
		s.now = s.now.Add(time.Millisecond)
	}

	assert.True(t, s.doubtful(s.answered), "a small probe has to show that the path works")
	_, size := s.due(false, s.answered, 0, s.now)
	assert.Zero(t, size)

	s.limit, s.answered = 1476, s.now.Add(time.Hour)
	s.restart()
	s.run(t, 0)
	assert.Equal(t, 1476, s.passes)
}
