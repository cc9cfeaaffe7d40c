package repair

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// watched follows captures with times of its own.
type watched struct {
	t *testing.T
	Feedback
	now  time.Time
	sent uint64
}

func newWatched(t *testing.T) *watched {
	w := &watched{t: t, now: time.Now()}
	w.Follow(map[string]uint64{}, w.now)
	w.Follow(map[string]uint64{"cap": 1}, w.now)
	return w
}

// second passes with so many copies.
func (w *watched) second(copies uint64) {
	w.sent += copies
	w.now = w.now.Add(time.Second)
	w.Take(map[string]Sent{"cap": {Copies: w.sent, Age: time.Second}}, time.Second, w.now)
}

func (w *watched) looks(want bool) {
	w.t.Helper()
	assert.Equal(w.t, want, len(w.Looking(w.now)) == 1)
}

func (w *watched) stopped() bool {
	owners, _ := w.Stopped(w.now)
	return owners["cap"]
}

// TestBusyGuest: a guest that is merely busy is looked at once, and again only when it is much
// busier.
func TestBusyGuest(t *testing.T) {
	w := newWatched(t)
	w.second(manyASecond - 1)
	w.looks(false)
	w.second(1000)
	w.looks(true)
	assert.False(t, w.Looked("cap", enoughSeen-1, 0, w.now))
	w.looks(true)
	assert.False(t, w.Looked("cap", enoughSeen, provenBy-1, w.now))
	w.looks(false)
	for range 60 {
		w.second(1900)
		w.looks(false)
	}
	w.second(2100)
	w.looks(true)

	w.now = w.now.Add(lookTime)
	assert.False(t, w.Looked("cap", 0, 0, w.now), "no copy came to look at")
	w.looks(false)
	for range int(lookAgain / time.Second) {
		w.second(2100)
	}
	w.looks(false)
	w.second(2100)
	w.looks(true)
	assert.False(t, w.stopped())
}

// TestLoopIsStopped: a capture with copies of its own copies is stopped, and tried again after
// pauses that grow.
func TestLoopIsStopped(t *testing.T) {
	w := newWatched(t)
	for _, pause := range []time.Duration{30, 60, 120, 240, 480, 600, 600} {
		w.second(1000)
		w.looks(true)
		assert.True(t, w.Looked("cap", provenBy, provenBy, w.now))
		assert.False(t, w.Looked("cap", provenBy, provenBy, w.now), "it is known")
		assert.True(t, w.stopped())

		w.second(1000)
		w.looks(false)
		_, next := w.Stopped(w.now)
		assert.Equal(t, pause*time.Second-time.Second, next.Sub(w.now))
		w.now = next
		assert.False(t, w.stopped())
		assert.Equal(t, w.now.Add(closeReadings), w.Next(w.now), "it is watched closely again")
		w.sent = 0 // Its flows are written anew.
	}
}

// TestChangedCapture: what changes, or was away, is tried at once.
func TestChangedCapture(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change []map[string]uint64
		stays  bool
	}{
		{"nothing", []map[string]uint64{{"cap": 1}}, true},
		{"another capture", []map[string]uint64{{"cap": 1, "cap2": 5}}, true},
		{"changed", []map[string]uint64{{"cap": 2}}, false},
		{"disabled and enabled", []map[string]uint64{{}, {"cap": 1}}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWatched(t)
			w.second(1000)
			assert.True(t, w.Looked("cap", provenBy, provenBy, w.now))
			for _, captures := range tc.change {
				w.Follow(captures, w.now)
			}
			assert.Equal(t, tc.stays, w.stopped())
		})
	}
}

// TestReadings: new captures are read often, and hosts that are at their first program are not.
func TestReadings(t *testing.T) {
	now := time.Now()
	var f Feedback
	f.Follow(map[string]uint64{"cap": 1}, now)
	assert.Equal(t, now.Add(seldomReadings), f.Next(now))
	f.Follow(map[string]uint64{"cap": 1, "cap2": 1}, now)
	assert.Equal(t, now.Add(closeReadings), f.Next(now))
	now = now.Add(trialPeriod)
	assert.Equal(t, now.Add(seldomReadings), f.Next(now))
	old := map[string]Sent{"cap": {Copies: 1000, Age: time.Minute}, "gone": {Copies: 1000}}
	f.Take(old, time.Minute, now)
	assert.Empty(t, f.Looking(now), "it has sent them slowly")
	old["cap"] = Sent{Copies: 2000, Age: time.Minute}
	f.Take(old, time.Second, now)
	assert.Equal(t, []string{"cap"}, f.Looking(now))
	assert.Equal(t, now.Add(closeReadings), f.Next(now))
	assert.False(t, f.Looked("gone", provenBy, provenBy, now))

	f.Looked("cap", enoughSeen, 0, now)
	assert.False(t, f.Closely(now))
	f.Doubt(now)
	assert.True(t, f.Closely(now))
}
