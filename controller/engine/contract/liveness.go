package contract

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/tapline-sdn/tapline/plugin"
)

// Every AskEvery a plugin is asked to describe itself, which it can answer however busy it is.
// After DoubtTime without an answer it counts as silent, and after silentTime it is given up.
// Without this, a stopped plugin would go unnoticed for as long as nothing changes; and since it
// checks every change first, nothing could change.
const (
	AskEvery   = 2 * time.Second
	DoubtTime  = 3 * time.Second
	silentTime = 15 * time.Second
)

// Liveness knows whether a plugin answers. Its zero value has asked nothing. Its methods may be
// called concurrently.
type Liveness struct {
	asked atomic.Pointer[time.Time] // since when an answer is due; nil if none is
}

// Listen asks a plugin regularly whether it is alive. It returns when the plugin was silent for too
// long, or ctx has ended.
func (l *Liveness) Listen(ctx context.Context, mirror plugin.Mirror) error {
	every := time.NewTicker(AskEvery)
	defer every.Stop()
	defer l.asked.Store(nil)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-every.C:
		}

		now := time.Now()
		l.asked.Store(&now)
		asked, cancel := context.WithTimeout(ctx, silentTime)
		_, err := mirror.Describe(asked)
		silent := err != nil && errors.Is(asked.Err(), context.DeadlineExceeded)
		cancel()
		if silent {
			return fmt.Errorf("the plugin was silent for %v", silentTime)
		}

		l.asked.Store(nil) // Any other error is one of its process, which ends Run too.
	}
}

// Silence returns an error while the plugin takes suspiciously long to describe itself.
func (l *Liveness) Silence(now time.Time) error {
	since := l.asked.Load()
	if since == nil || now.Sub(*since) < DoubtTime {
		return nil
	}
	return fmt.Errorf("the plugin has not answered since %s", since.UTC().Format(time.RFC3339))
}
