package access_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/access"
)

func TestExpiry(t *testing.T) {
	start := time.Date(2026, 11, 30, 8, 0, 0, 500, time.UTC)
	const day, week = 24 * time.Hour, 7 * 24 * time.Hour
	for name, tc := range map[string]struct {
		limits    access.Limits
		asked     time.Duration // after the start; 0: nothing is asked for
		want      time.Duration // 0: none
		isRefused bool
	}{
		"no limits":           {access.Limits{}, 0, 0, false},
		"no limits, asked":    {access.Limits{}, 900 * day, 900 * day, false},
		"default":             {access.Limits{DefaultExpiry: day, MaxExpiry: week}, 0, day, false},
		"default alone":       {access.Limits{DefaultExpiry: day}, 0, day, false},
		"longer than default": {access.Limits{DefaultExpiry: day}, 9 * day, 9 * day, false},
		"maximum is default":  {access.Limits{MaxExpiry: day}, 0, day, false},
		"maximum":             {access.Limits{MaxExpiry: day}, day, day, false},
		"a clock ahead": {access.Limits{MaxExpiry: day}, day + time.Minute,
			day + time.Minute, false},
		"too long": {access.Limits{MaxExpiry: day}, day + time.Hour, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			var asked time.Time
			if tc.asked > 0 {
				asked = start.Add(tc.asked)
			}

			got, err := tc.limits.Expiry(start, asked)
			if tc.isRefused {
				require.ErrorContains(t, err,
					"want at most 24h0m0s after the start, which is 2026-12-01T08:00:00Z")
				return
			}
			require.NoError(t, err)
			if tc.want == 0 {
				require.Zero(t, got)
				return
			}
			require.WithinDuration(t, start.Add(tc.want), got, time.Second)
		})
	}
}
