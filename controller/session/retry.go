package session

import (
	"log/slog"
	"math/rand/v2"
	"time"

	"golang.org/x/time/rate"
)

// Reconnecting starts at once and then backs off up to a second, so that a switch that returns is whole again soon. Jitter keeps
// many hosts that return together apart.
const (
	firstBackoff = 50 * time.Millisecond
	maxBackoff   = time.Second
)

// retry says when a session connects again.
type retry struct {
	attempts  *rate.Limiter
	backoff   time.Duration
	connected time.Time // last
}

func newRetry() *retry {
	return &retry{attempts: rate.NewLimiter(attemptRate, attemptBurst), backoff: firstBackoff}
}

// ended notes that a connection has ended.
func (r *retry) ended(log *slog.Logger, err error) {
	log.Warn("OVSDB connection ended", "error", err)
	if time.Since(r.connected) > maxBackoff {
		r.backoff = firstBackoff
	}
}

// pause is the time until the next attempt.
func (r *retry) pause() time.Duration {
	pause := r.backoff/2 + rand.N(r.backoff)
	r.backoff = min(2*r.backoff, maxBackoff)
	return pause
}
