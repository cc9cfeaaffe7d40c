package ledger

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
)

var (
	start   = time.Unix(1000, 0)
	capture = map[string]bool{"cap1": true}
)

func never(vswitch.UUID) bool { return false }

// TestApplied: a change is complete once the switch has applied its transaction and has had the
// time to revalidate its cache.
func TestApplied(t *testing.T) {
	l := New()
	l.Follow(4, start)
	l.WroteRows(capture, 5, start.Add(2*time.Second))
	assert.Zero(t, l.Follow(4, start.Add(time.Second)), "it is the switch that has to move")
	assert.True(t, l.Applying("cap1"))

	applied := start.Add(2 * time.Second)
	assert.Equal(t, applied.Add(revalidateTime), l.Follow(5, applied))
	assert.True(t, l.Busy())
	assert.Zero(t, l.Follow(5, applied.Add(revalidateTime)))
	assert.False(t, l.Busy())

	l.WroteFlows(capture, applied)
	assert.Equal(t, applied.Add(revalidateTime), l.Follow(5, applied.Add(time.Millisecond)))
}

// TestSlowSwitch: a switch that takes long to apply a change is given longer to look through its
// cache, within a limit.
func TestSlowSwitch(t *testing.T) {
	for applies, want := range map[time.Duration]time.Duration{
		time.Millisecond:       revalidateTime,
		30 * time.Millisecond:  90 * time.Millisecond,
		900 * time.Millisecond: maxRevalidate,
	} {
		l := New()
		l.Follow(4, start)
		l.WroteRows(capture, 5, start)
		applied := start.Add(applies)
		assert.Equal(t, applied.Add(want), l.Follow(5, applied), "applied within %v", applies)

		// Another change, later, is applied fast.
		l.WroteRows(capture, 6, applied.Add(time.Second))
		applied = applied.Add(time.Second + time.Millisecond)
		assert.Equal(t, applied.Add(revalidateTime), l.Follow(6, applied))
	}
}

// TestLeaving: what the program no longer has is leaving until it is gone from the switch.
func TestLeaving(t *testing.T) {
	l := New()
	d := &reconcile.Desired{Fingerprints: map[string]uint64{"cap1": 1}}
	l.WroteRows(map[string]bool{"cap1": true, "cap2": true}, 5, start)
	outstanding := map[string]bool{"cap1": true, "cap3": true}
	assert.Equal(t, map[string]bool{"cap2": true, "cap3": true}, l.Leaving(d, nil, outstanding))
}

// TestDrift: only a change to what stood before, in the same form, is somebody else's doing.
func TestDrift(t *testing.T) {
	missing := reconcile.Change{Owner: "cap1", Object: "mirror tl-1 on br0", What: "missing"}
	gained := reconcile.Change{Owner: "cap1", Object: "mirror tl-1 on br0", What: "select_src_port",
		Gains: []vswitch.UUID{{1}}}

	surplus := reconcile.Change{Owner: "cap1", Object: "flow", What: "unwanted", Surplus: true}
	unwanted := reconcile.Change{Owner: "other", Object: "port", What: "unwanted"}
	always := func(vswitch.UUID) bool { return true }
	for _, tc := range []struct {
		name     string
		stood    uint64
		settled  bool
		change   reconcile.Change
		selected func(vswitch.UUID) bool
		drift    bool
	}{
		{"never stood", 0, false, missing, never, false},
		{"stood in another form", 2, true, missing, never, false},
		{"stood", 1, false, missing, never, true},
		{"a guest has come with a new port", 1, true, gained, never, false},
		{"a port was taken out of the selection", 1, true, gained, always, true},
		{"a flow of the program before", 1, false, surplus, never, false},
		{"a flow that nobody wanted", 1, true, surplus, never, true},
		{"a port of the program before", 0, false, unwanted, never, false},
		{"a port that nobody wanted", 0, true, unwanted, never, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := New()
			d := &reconcile.Desired{Fingerprints: map[string]uint64{"cap1": 1}}
			if tc.stood != 0 {
				l.Stands("cap1", tc.stood)
			}

			if tc.settled {
				assert.True(t, l.Settle(d))
				assert.False(t, l.Settle(d))
			}

			drift := l.Drift(d, []reconcile.Change{tc.change}, tc.selected)
			assert.Equal(t, tc.drift, len(drift) == 1)

			l.WroteRows(map[string]bool{tc.change.Owner: true}, 5, start)
			assert.Equal(t, tc.stood == 1, l.Disturbed(d), "what stood is being changed")
		})
	}
}

// TestStandsAgain: an owner that was written in another form has to stand again before a difference
// is drift.
func TestStandsAgain(t *testing.T) {
	l := New()
	d := &reconcile.Desired{Fingerprints: map[string]uint64{"cap1": 2}}
	change := []reconcile.Change{{Owner: "cap1", Object: "mirror tl-1 on br0", What: "missing"}}
	l.Stands("cap1", 1)
	assert.Empty(t, l.Drift(d, change, never))
	assert.Empty(t, l.Drift(&reconcile.Desired{Fingerprints: map[string]uint64{"cap1": 1}}, change,
		never))

	l.Stands("cap1", 2)
	assert.Len(t, l.Drift(d, change, never), 1)
	l.Forget(&reconcile.Desired{})
	assert.Empty(t, l.Drift(d, change, never))
}
