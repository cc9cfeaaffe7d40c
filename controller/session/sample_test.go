package session

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/meter"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// readings collects what a session samples.
type readings struct {
	mu   sync.Mutex
	told []meter.Reading
}

func (r *readings) take(one meter.Reading) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.told = append(r.told, one)
}

func (r *readings) all() []meter.Reading {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.told
}

func TestSample(t *testing.T) {
	h := startHost(t)
	var got readings
	k := keep(t, "unix:"+h.OVSDBSocket(), func(c *Config) { c.Sampled = got.take })
	require.NoError(t, k.Sample(t.Context(), 0), "without a program there is nothing to ask")
	k.ready(k.use(program(withoutCapture)))
	require.NoError(t, k.Sample(t.Context(), 0))
	assert.Empty(t, got.all(), "a switch is asked where nothing is mirrored")

	// Two other flows of ours that count nothing of anybody's are not asked for.
	k.ready(k.use(program(func(p *tap.Program) {
		guard := p.Flows[0]
		guard.Owner, guard.Mod.Table, guard.Mod.Cookie = tap.OwnerBridge, 1, 0x7461<<48|1
		p.Flows = append(p.Flows, guard)
	})))

	before := len(got.all())
	require.NoError(t, k.Sample(t.Context(), 0))
	all := got.all()
	require.Greater(t, len(all), before)
	last := all[len(all)-1]
	require.Len(t, last.Flows, 2)
	enters, leaves := 0, 0
	for _, f := range last.Flows {
		assert.Equal(t, "cap1", f.Owner)
		assert.Positive(t, f.Age)
		if f.Enters {
			enters++
		}
		if f.Leaves {
			leaves++
		}
	}

	assert.Equal(t, []int{1, 1}, []int{enters, leaves})

	require.NoError(t, k.Sample(t.Context(), time.Hour))
	assert.Len(t, got.all(), len(all), "what is fresh is not asked for again")
	assert.True(t, k.OpenFlowConnected())
	flows, err := k.Flows(t.Context())
	require.NoError(t, err)
	assert.GreaterOrEqual(t, len(flows), 3, "all flows, the probe flow among them")
}

func TestSampleWithoutSwitch(t *testing.T) {
	k := keep(t, "unix:/nonexistent/db.sock",
		func(c *Config) { c.Sampled = func(meter.Reading) {} })
	k.use(program())
	assert.ErrorContains(t, k.Sample(t.Context(), 0), "OpenFlow connection")
	assert.False(t, k.OpenFlowConnected())
	_, err := k.Flows(t.Context())
	assert.Error(t, err)
}
