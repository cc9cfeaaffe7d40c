package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tapline-sdn/tapline/plugin"
)

// Every askEvery a plugin is asked to describe itself, which it can answer however busy it is.
// After doubtTime without an answer it counts as silent, and after silentTime it is given up.
// Without this, a stopped plugin would go unnoticed for as long as nothing changes; and since it
// checks every change first, nothing could change.
const (
	askEvery   = 2 * time.Second
	doubtTime  = 3 * time.Second
	silentTime = 15 * time.Second
)

// listen asks a plugin regularly whether it is alive. It returns when the plugin was silent for too
// long, or ctx has ended.
func (e *Engine) listen(ctx context.Context, mirror plugin.Mirror) error {
	every := time.NewTicker(askEvery)
	defer every.Stop()
	defer e.asks(time.Time{})
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-every.C:
		}

		e.asks(time.Now())
		asked, cancel := context.WithTimeout(ctx, silentTime)
		_, err := mirror.Describe(asked)
		silent := err != nil && errors.Is(asked.Err(), context.DeadlineExceeded)
		cancel()
		if silent {
			return fmt.Errorf("the plugin was silent for %v", silentTime)
		}

		e.asks(time.Time{}) // Any other error is one of its process, which ends Run too.
	}
}

// asks notes since when the plugin owes an answer; zero if it owes none. It takes mu.
func (e *Engine) asks(since time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked = since
}

// silence returns an error while the plugin takes suspiciously long to describe itself. It takes
// mu.
func (e *Engine) silence(now time.Time) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.silenceLocked(now)
}

// silenceLocked is silence for a caller who holds mu.
func (e *Engine) silenceLocked(now time.Time) error {
	if e.asked.IsZero() || now.Sub(e.asked) < doubtTime {
		return nil
	}
	return fmt.Errorf("the plugin has not answered since %s", e.asked.UTC().Format(time.RFC3339))
}

// pluginErr is nil if the plugin runs and answers.
func (e *Engine) pluginErr() error { return cmp.Or(e.config.Plugin.Err(), e.silence(time.Now())) }

// PluginUp reports whether the plugin runs and answers.
func (e *Engine) PluginUp() bool {
	return e.pluginErr() == nil
}

// Ready returns nil if the controller can do its work, and otherwise an error that says what is
// missing.
func (e *Engine) Ready() error {
	return cmp.Or(e.pluginErr(), e.refusedPrograms())
}
