package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tapline-sdn/tapline/plugin"
)

// A plugin is asked who it is every askEvery, which it can answer whatever it is at. It is said to be silent after doubtTime
// without an answer, and given up after silentTime. Otherwise a plugin that was stopped would count as well for as long as
// nothing changes, and, since changes are checked by it first, nothing could.
const (
	askEvery   = 2 * time.Second
	doubtTime  = 3 * time.Second
	silentTime = 15 * time.Second
)

// listen asks a plugin again and again whether it is there. It returns once the plugin was silent for too long, or ctx has ended.
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

// asks notes since when the plugin owes the answer to a question; zero if it owes none.
func (e *Engine) asks(since time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked = since
}

// silence is an error while the plugin takes suspiciously long to say who it is.
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

// Ready is nil if the controller can do its work, and otherwise says what it lacks.
func (e *Engine) Ready() error {
	return cmp.Or(e.pluginErr(), e.refusals())
}
