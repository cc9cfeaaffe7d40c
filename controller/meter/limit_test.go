package meter_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/tapline-sdn/tapline/controller/meter"
	"github.com/tapline-sdn/tapline/controller/reconcile"
)

// filtered is a capture's flows with a filter: what entered, what the filter accepted and rejected,
// and what the last flow has counted.
func filtered(owner string, now time.Time, entered, accepted, rejected, left int,
	sampled bool) []meter.FlowCount {
	return []meter.FlowCount{
		flow(reconcile.Meter{Owner: owner, Enters: true}, 0, now, 0, entered),
		flow(reconcile.Meter{Owner: owner, Selects: true}, 2, now, 0, accepted),
		flow(reconcile.Meter{Owner: owner, Rejects: true}, 5, now, 0, rejected),
		flow(reconcile.Meter{Owner: owner, Leaves: true, Sampled: sampled}, 8, now, 0, left),
	}
}

func dropped(n int) []meter.LimitCount {
	return []meter.LimitCount{{Service: "svc", Count: packets(n)}}
}

// TestFiltered: what the filter rejects is neither guarded nor lost.
func TestFiltered(t *testing.T) {
	b := meter.NewBook()
	route := map[string]meter.Route{"cap": {Service: "svc", Flows: []string{"f"}}}
	b.Take("h", meter.Reading{At: at(1), Flows: filtered("cap", at(1), 100, 60, 30, 60, false)},
		route)

	c := b.Flow("f", at(1))
	assert.Equal(t, packets(100), c.Captured.Count)
	assert.Equal(t, packets(30), c.Filtered)
	assert.Equal(t, packets(10), c.Guarded)
	assert.Equal(t, packets(60), c.Delivered.Count)
	assert.Zero(t, c.Limited)
	assert.False(t, c.Shared)
}

// TestLimited: what the meter drops is counted by flows behind it, and yet is not delivered.
func TestLimited(t *testing.T) {
	b := meter.NewBook()
	route := map[string]meter.Route{"cap": {Service: "svc", Flows: []string{"f"}}}
	for i, n := range []int{25, 40} {
		now := at(float64(i + 1))
		b.Take("h", meter.Reading{At: now, Limits: dropped(n),
			Flows: filtered("cap", now, 50*(i+1), 50*(i+1), 0, 50*(i+1), false)}, route)
	}

	c := b.Flow("f", at(2))
	assert.Equal(t, packets(40), c.Limited)
	assert.Equal(t, packets(60), c.Delivered.Count)
	assert.Zero(t, c.Guarded)
	assert.Equal(t, packets(40), b.Service("svc", at(2)).Limited)
}

// TestLimitedAhead: a meter is read later than the flows, so what it has dropped may be more than
// they have counted. It is taken off what they count next.
func TestLimitedAhead(t *testing.T) {
	b := meter.NewBook()
	route := map[string]meter.Route{"cap": {Service: "svc", Flows: []string{"f"}}}
	for i, left := range []int{10, 50} {
		now := at(float64(i + 1))
		b.Take("h", meter.Reading{At: now, Limits: dropped(30),
			Flows: filtered("cap", now, left, left, 0, left, false)}, route)
	}
	assert.Equal(t, packets(20), b.Flow("f", at(2)).Delivered.Count)
	assert.Equal(t, packets(30), b.Flow("f", at(2)).Limited)
}

// TestLimitedSample: behind a group, the flow that delivers counts what the meter has let through.
func TestLimitedSample(t *testing.T) {
	b := meter.NewBook()
	b.Take("h", meter.Reading{At: at(1), Limits: dropped(70),
		Flows: filtered("cap", at(1), 100, 100, 0, 8, true)},
		map[string]meter.Route{"cap": {Service: "svc", Flows: []string{"f"}}})
	c := b.Flow("f", at(1))
	assert.Equal(t, packets(8), c.Delivered.Count)
	assert.Equal(t, packets(70), c.Limited)
	assert.Zero(t, c.Guarded)
}

// TestLimitedTogether: a meter does not tell which of two captures it has dropped from.
func TestLimitedTogether(t *testing.T) {
	b := meter.NewBook()
	flows := append(filtered("cap1", at(1), 60, 60, 0, 60, false),
		filtered("cap22", at(1), 40, 40, 0, 40, false)...)
	b.Take("h", meter.Reading{At: at(1), Limits: dropped(30), Flows: flows},
		map[string]meter.Route{
			"cap1":  {Service: "svc", Flows: []string{"f"}},
			"cap22": {Service: "svc", Flows: []string{"g"}},
		})
	assert.Equal(t, packets(70), b.Service("svc", at(1)).Delivered.Count)
	assert.Equal(t, packets(30), b.Service("svc", at(1)).Limited)
	for _, id := range []string{"f", "g"} {
		assert.True(t, b.Flow(id, at(1)).Shared, id)
		assert.Equal(t, packets(30), b.Flow(id, at(1)).Limited)
	}
}
