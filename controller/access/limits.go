package access

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// Limits are how long tap flows of a role may run, from their start on. The zero value limits
// nothing.
type Limits struct {
	DefaultExpiry time.Duration // of tap flows without an expiry; 0: that of MaxExpiry
	MaxExpiry     time.Duration // 0: any
}

// RoleLimits are the limits of all roles, which may change while they are read. Nil limits nobody.
type RoleLimits struct {
	mu     sync.Mutex
	limits map[Role]Limits
}

// NewRoleLimits returns the limits of roles; a role that is absent has none.
func NewRoleLimits(limits map[Role]Limits) *RoleLimits {
	return &RoleLimits{limits: maps.Clone(limits)}
}

// Of returns the limits of a role.
func (r *RoleLimits) Of(role Role) Limits {
	if r == nil {
		return Limits{}
	}

	r.mu.Lock()
	defer r.mu.Unlock()
	return r.limits[role]
}

// LimitChange is a role whose limits have changed.
type LimitChange struct {
	Role     Role
	Was, Now Limits
}

// Set replaces the limits of all roles, and returns what has changed, sorted by role. Tap flows
// that exist keep their expiry until they are changed.
func (r *RoleLimits) Set(limits map[Role]Limits) (changes []LimitChange) {
	r.mu.Lock()
	defer r.mu.Unlock()

	roles := slices.AppendSeq(slices.Collect(maps.Keys(r.limits)), maps.Keys(limits))
	slices.Sort(roles)
	for _, role := range slices.Compact(roles) {
		if was, now := r.limits[role], limits[role]; was != now {
			changes = append(changes, LimitChange{Role: role, Was: was, Now: now})
		}
	}
	r.limits = maps.Clone(limits)
	return changes
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
