package ofconn

import (
	"context"
	"time"
)

// unaskedBurst is how many messages a switch may send unasked at once, before
// it is held to its rate: more than a switch has ports.
const unaskedBurst = 8192

// pace is a bucket of messages that may come unasked. The zero value is full.
type pace struct {
	rate float64   // Messages a second; not positive: no limit.
	used float64   // Of unaskedBurst.
	at   time.Time // When used was right.
}

// take counts a message and returns how long to wait before the next is read.
func (p *pace) take(now time.Time) time.Duration {
	if p.rate <= 0 {
		return 0
	}
	p.used = max(0, p.used-now.Sub(p.at).Seconds()*p.rate) + 1
	p.at = now
	return time.Duration(max(0, p.used-unaskedBurst) / p.rate * float64(time.Second))
}

// pause waits, but not longer than the connection lives.
func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
