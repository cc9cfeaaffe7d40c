package engine

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/tapline-sdn/tapline/controller/engine/explain"
	"github.com/tapline-sdn/tapline/controller/engine/intent"
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

// TestListen: a plugin that is stopped is noticed though nothing is asked of it otherwise; first it is told, then it is given up.
func TestListen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var e Engine
		var m mute
		ended := make(chan error, 1)
		go func() { ended <- e.listen(t.Context(), &m) }()
		time.Sleep(time.Minute)
		assert.NoError(t, e.silence(time.Now()), "it answers")

		m.stopped.Store(true)
		time.Sleep(askEvery + doubtTime)
		assert.ErrorContains(t, e.silence(time.Now()), "has not answered since")
		x := explainer{Engine: &e, out: &explain.Explanation{}}
		e.mirror, e.config.Plugin = &m, new(plugin.Supervisor)
		x.planned(intent.Ref{}, verdict{})
		assert.Equal(t, tap.StatePending, x.out.Checks[0].State, "an explanation says so")
		assert.False(t, e.PluginUp())
		assert.Empty(t, ended, "it is given up at once")
		assert.ErrorContains(t, <-ended, "silent for 15s")
		assert.NoError(t, e.silence(time.Now()), "the next one is blamed")

		m.stopped.Store(false)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { ended <- e.listen(ctx, &m) }()
		time.Sleep(time.Minute)
		assert.Empty(t, ended)
		cancel()
		assert.ErrorIs(t, <-ended, context.Canceled)
	})
}

func TestPulse(t *testing.T) {
	var p pulse
	now := time.Unix(1000, 0)
	tick := func(planned uint64) bool {
		now = now.Add(answerTime / 4)
		return p.hangs(planned, now, answerTime)
	}
	for range 20 {
		assert.False(t, tick(0), "nothing was asked")
	}
	for sent := uint64(1); sent < 20; sent++ {
		p.sent = sent
		assert.False(t, tick(sent-1), "it is behind, but goes on")
	}
	hung := 0
	for hung = 1; !tick(18) && hung < 20; hung++ {
	}
	assert.Equal(t, 5, hung, "looks until it counts as hung")
	assert.False(t, tick(19), "it has answered")
}
