package repair

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestWhenToNudge looks every 10 ms, as a session does that is always awake, and tells when a
// switch is nudged: after so much, and after at most half as much again.
func TestWhenToNudge(t *testing.T) {
	for _, tc := range []struct {
		name  string
		waits bool
		came  time.Duration // last sign of the switch; 0: none
		want  []time.Duration
	}{
		{"one that was connected before", false, 0,
			[]time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second, 40 * time.Second,
				time.Minute, time.Minute}},
		{"one that never was, and waits", true, 0,
			[]time.Duration{time.Second, 10 * time.Second, 20 * time.Second}},
		{"one that tries", false, 10 * time.Second,
			[]time.Duration{15 * time.Second, 10 * time.Second}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			begin := time.Unix(1_000_000, 0)
			var n Nudging
			var came time.Time
			last := begin
			var got []time.Duration
			for now := begin; len(got) < len(tc.want); now = now.Add(10 * time.Millisecond) {
				if now.Sub(begin) > time.Hour {
					t.Fatalf("nudged after %v, and no more", got)
				}
				if tc.came > 0 && now.Sub(begin) <= tc.came {
					came = now
				}

				if n.Due(now, came, tc.waits) {
					n.Nudged(now)
					got = append(got, now.Sub(last))
					last = now
				}
			}

			for i, want := range tc.want {
				assert.GreaterOrEqual(t, got[i], want)
				assert.LessOrEqual(t, got[i], want*3/2+10*time.Millisecond)
			}
		})
	}
}
