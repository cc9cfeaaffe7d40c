package planning

import "time"

// Pulse notices a plugin that no longer answers. Its zero value has seen nothing.
type Pulse struct {
	Sent     uint64    // revision of the last change that was sent
	answered uint64    // as it was when last looked
	since    time.Time // since when an answer is due without one having come
}

// Hangs reports whether an answer is due and none has come for longer than limit.
func (p *Pulse) Hangs(answered uint64, now time.Time, limit time.Duration) bool {
	if answered >= p.Sent || answered != p.answered || p.since.IsZero() {
		p.answered, p.since = answered, now
	}
	return answered < p.Sent && now.Sub(p.since) > limit
}
