package store

import (
	"maps"
	"time"
)

// Notes are what users write down about a record. They change nothing on any switch.
type Notes struct {
	Labels      map[string]string `json:"labels,omitempty"` // lists select by them
	Description string            `json:"description,omitempty"`
}

// EqualNotes reports whether two notes say the same.
func (n Notes) EqualNotes(o Notes) bool {
	return n.Description == o.Description && maps.Equal(n.Labels, o.Labels)
}

// Window is the time in which a tap flow may run. A zero time is no bound.
type Window struct {
	StartsAt  time.Time `json:"starts_at,omitzero"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
}

// Phase is where a moment lies beside a window. Phases follow each other in the order of their
// values.
type Phase int

// The phases.
const (
	Waiting Phase = iota - 1 // before StartsAt
	Inside
	Expired // at ExpiresAt or later
)

// Phase returns where a moment lies beside the window. An expiry counts before a start.
func (w Window) Phase(now time.Time) Phase {
	switch {
	case !w.ExpiresAt.IsZero() && !now.Before(w.ExpiresAt):
		return Expired
	case now.Before(w.StartsAt):
		return Waiting
	}
	return Inside
}

// Next returns the bound of the window that follows a phase; zero if none does.
func (w Window) Next(after Phase) time.Time {
	switch after {
	case Waiting:
		return w.StartsAt
	case Inside:
		return w.ExpiresAt
	}
	return time.Time{}
}

// Unbounded reports whether the window has no bounds.
func (w Window) Unbounded() bool { return w.StartsAt.IsZero() && w.ExpiresAt.IsZero() }

// EqualWindow reports whether two windows have the same bounds.
func (w Window) EqualWindow(o Window) bool {
	return w.StartsAt.Equal(o.StartsAt) && w.ExpiresAt.Equal(o.ExpiresAt)
}
