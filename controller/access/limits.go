package access

import (
	"fmt"
	"time"
)

// Limits are how long tap flows of a role may run, from their start on. The zero value limits
// nothing.
type Limits struct {
	DefaultExpiry time.Duration // of tap flows without an expiry; 0: that of MaxExpiry
	MaxExpiry     time.Duration // 0: any
}

// clockSkew is how far the clock of who asks may be ahead.
const clockSkew = time.Minute

// Expiry returns when a tap flow is to expire that starts at a time, and for which its user asks
// for an expiry; zero: none. An error says what is allowed.
func (l Limits) Expiry(starts, asked time.Time) (time.Time, error) {
	lasts := l.DefaultExpiry
	if lasts == 0 {
		lasts = l.MaxExpiry
	}

	switch latest := starts.Add(l.MaxExpiry); {
	case asked.IsZero() && lasts == 0:
		return time.Time{}, nil
	case asked.IsZero():
		return starts.Add(lasts).UTC().Truncate(time.Second), nil
	case l.MaxExpiry > 0 && asked.After(latest.Add(clockSkew)):
		return time.Time{}, fmt.Errorf("%s is too late: want at most %v after the start, which is "+
			"%s", asked.UTC().Format(time.RFC3339), l.MaxExpiry,
			latest.UTC().Format(time.RFC3339))
	}
	return asked, nil
}
