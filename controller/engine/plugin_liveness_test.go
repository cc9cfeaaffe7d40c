package engine

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/tapline-sdn/tapline/controller/engine/contract"
	"github.com/tapline-sdn/tapline/controller/engine/explain"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// mute is a plugin that can be stopped.
type mute struct {
	plugin.Mirror
	stopped atomic.Bool
}

func (m *mute) Describe(ctx context.Context) (plugin.Description, error) {
	if m.stopped.Load() {
		<-ctx.Done()
		return plugin.Description{}, ctx.Err()
	}
	return plugin.Description{}, nil
}

// TestListen: a plugin that is stopped is noticed though nothing is asked of it otherwise; first it
// is told, then it is given up.
func TestListen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var e Engine
		var m mute
		ended := make(chan error, 1)
		go func() { ended <- e.liveness.Listen(t.Context(), &m) }()
		time.Sleep(time.Minute)
		assert.NoError(t, e.liveness.Silence(time.Now()), "it answers")

		m.stopped.Store(true)
		time.Sleep(contract.AskEvery + contract.DoubtTime)
		assert.ErrorContains(t, e.liveness.Silence(time.Now()), "has not answered since")
		e.mirror, e.config.Plugin = &m, new(plugin.Supervisor)
		e.mu.Lock()
		problem := e.pluginProblem()
		e.mu.Unlock()
		assert.Contains(t, problem, "has not answered since")
		x := explain.Explain(&explain.Scene{Flow: &store.Flow{}, PluginProblem: problem})
		says := slices.ContainsFunc(x.Checks, func(c explain.Check) bool {
			return c.What == "the mirror plugin runs" && c.State == tap.StatePending &&
				c.Reason == problem
		})

		assert.True(t, says, "an explanation says so")
		assert.False(t, e.PluginUp())
		assert.Empty(t, ended, "it is given up at once")
		assert.ErrorContains(t, <-ended, "silent for 15s")
		assert.NoError(t, e.liveness.Silence(time.Now()), "the next one is blamed")

		m.stopped.Store(false)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { ended <- e.liveness.Listen(ctx, &m) }()
		time.Sleep(time.Minute)
		assert.Empty(t, ended)
		cancel()
		assert.ErrorIs(t, <-ended, context.Canceled)
	})
}
