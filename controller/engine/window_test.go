package engine

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/engine/standing"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// clockTest is an engine that does nothing but keep the windows of its tap flows.
type clockTest struct {
	*Engine
	store store.Store
	end   func()
}

func newClockTest(t *testing.T, s store.Store) *clockTest {
	t.Helper()
	e, err := New(t.Context(), Config{Store: s, Logger: slog.New(slog.DiscardHandler),
		Observer: uncounted{}})
	require.NoError(t, err)

	c := &clockTest{Engine: e, store: s}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { e.keepWindows(ctx) })
	c.end = sync.OnceFunc(func() {
		cancel()
		running.Wait()
	})
	t.Cleanup(c.end)
	return c
}

// put stores an enabled tap flow with a window.
func (c *clockTest) put(t *testing.T, window store.Window) {
	t.Helper()
	f := store.Flow{Window: window,
		Flow: tap.Flow{ID: "f1", Name: "web", TapID: "s1", Enabled: true}}
	require.NoError(t, save(t.Context(), c.Engine, c.intent.Flows, &f, nil, c.commitAnnounced(&f)))
	c.tookFlow(&f, nil)
}

// told is what the plugin is told of the flow.
func (c *clockTest) told(t *testing.T) bool {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()

	snapshot := c.planning.Snapshot()
	require.Len(t, snapshot.Flows, 1)
	return snapshot.Flows[0].Enabled
}

// answer plays a plugin that answers everything, and has nothing on any switch.
func (c *clockTest) answer() {
	c.mu.Lock()
	defer c.mu.Unlock()

	affected := standing.Affected{}
	c.planning.Answer(c.planning.Last())
	c.standing.AnsweredUpTo(c.planning.Last(), affected)
	c.judgeAll(affected)
	c.wakeLeft()
}

// record is the stored flow.
func (c *clockTest) record(t *testing.T) (f store.Flow) {
	t.Helper()
	state, err := c.store.Load(t.Context())
	require.NoError(t, err)
	for _, r := range state.Records {
		if r.Kind == store.KindFlow {
			require.NoError(t, json.Unmarshal(r.Value, &f))
		}
	}
	return f
}

// TestWindow: a tap flow runs from its start until its expiry, to the moment.
func TestWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClockTest(t, store.NewMemory())
		start := time.Now().Add(time.Hour)
		end := start.Add(2 * time.Hour)
		c.put(t, store.Window{StartsAt: start, ExpiresAt: end})
		c.answer()
		assert.False(t, c.told(t), "its time has not come")
		assert.Equal(t, view.Scheduled(start), must(c.Flow("web"))(t).Health)
		assert.True(t, must(c.Flow("web"))(t).Enabled)

		time.Sleep(time.Until(start) - time.Nanosecond)
		synctest.Wait()
		assert.False(t, c.told(t))
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		assert.True(t, c.told(t), "it starts at the moment")

		time.Sleep(time.Until(end) - time.Nanosecond)
		synctest.Wait()
		assert.True(t, c.told(t))
		assert.True(t, c.record(t).Enabled)
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		assert.False(t, c.told(t), "it ends at the moment")
		assert.False(t, c.record(t).Enabled, "which is stored")
		c.answer()
		assert.Equal(t, view.Expired(end), must(c.Flow("web"))(t).Health)
	})
}

// TestExpiryMoves: an expiry that is moved or taken back while the flow runs counts from then on.
func TestExpiryMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClockTest(t, store.NewMemory())
		first := time.Now().Add(time.Hour)
		c.put(t, store.Window{ExpiresAt: first})
		move := func(to time.Time) {
			t.Helper()
			_, err := c.UpdateFlow(t.Context(), "web", 0,
				func(f *store.Flow) error { f.ExpiresAt = to; return nil })
			require.NoError(t, err)
		}

		second := first.Add(time.Hour)
		move(second)
		time.Sleep(time.Until(second) - time.Second)
		synctest.Wait()
		assert.True(t, c.told(t), "it was extended")

		move(time.Time{})
		time.Sleep(time.Hour)
		synctest.Wait()
		assert.True(t, c.told(t), "it has no end any more")

		soon := time.Now().Add(time.Minute)
		move(soon)
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.False(t, c.told(t), "it was shortened")
		assert.False(t, c.record(t).Enabled)
	})
}

// TestExpiredWhileStoreFails: a flow goes off at its time though nothing can be stored, and is
// stored as disabled as soon as that is possible.
func TestExpiredWhileStoreFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := &brokenStore{Store: store.NewMemory()}
		c := newClockTest(t, broken)
		c.put(t, store.Window{ExpiresAt: time.Now().Add(time.Hour)})

		broken.fail(errors.New("disk is full"))
		time.Sleep(time.Hour)
		synctest.Wait()
		assert.False(t, c.told(t))
		assert.True(t, c.record(t).Enabled)

		broken.fail(nil)
		time.Sleep(2 * finishRetry)
		synctest.Wait()
		assert.False(t, c.record(t).Enabled)
	})
}

// brokenStore is a store whose writes fail while it is told so.
type brokenStore struct {
	store.Store
	mu  sync.Mutex
	err error
}

func (f *brokenStore) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func (f *brokenStore) Commit(ctx context.Context, ops ...store.Op) (uint64, error) {
	f.mu.Lock()
	err := f.err
	f.mu.Unlock()
	if err != nil {
		return 0, err
	}
	return f.Store.Commit(ctx, ops...)
}

// TestClockJumps: a clock that is set forward ends a flow, and one that is set back afterwards does
// not revive it, nor stop a flow that has started.
func TestClockJumps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClockTest(t, store.NewMemory())
		c.end() // The test is the clock.
		now := time.Now()
		c.put(t, store.Window{StartsAt: now.Add(time.Hour), ExpiresAt: now.Add(2 * time.Hour)})

		c.passWindows(now.Add(90 * time.Minute))
		assert.True(t, c.told(t))
		passed, next := c.passWindows(now)
		assert.False(t, passed)
		assert.True(t, c.told(t), "what has started goes on")
		assert.Equal(t, now.Add(2*time.Hour), next)

		passed, next = c.passWindows(now.Add(24 * time.Hour))
		assert.True(t, passed)
		assert.Zero(t, next)
		assert.False(t, c.told(t))
		c.passWindows(now)
		assert.False(t, c.told(t), "what has expired stays off")
		assert.True(t, c.storeExpired(t.Context()))
		assert.False(t, c.record(t).Enabled)

		_, err := c.UpdateFlow(t.Context(), "web", 0,
			func(f *store.Flow) error { f.Enabled = true; return nil })
		wantError(t, err, view.Conflict, "expires_at", "enable it with a later expires_at")
	})
}

// TestRefusedWindows: a window without an inside, or that has passed, is refused where it would
// count.
func TestRefusedWindows(t *testing.T) {
	r, _, _ := newWorld(t)
	now := time.Now()
	create := func(enabled bool, window store.Window) error {
		_, err := r.e.CreateFlow(t.Context(), store.Flow{Window: window, Flow: tap.Flow{Name: "f2",
			Type: tap.FlowVNIC, TapID: "col", GuestID: "g1", Direction: tap.In, Enabled: enabled}})
		return err
	}

	past, future := now.Add(-time.Hour), now.Add(time.Hour)
	wantError(t, create(true, store.Window{ExpiresAt: past}), view.Invalid, "expires_at",
		"has passed: want a later time")
	wantError(t, create(false, store.Window{StartsAt: future, ExpiresAt: future}), view.Invalid,
		"expires_at", "is not after starts_at")
	require.NoError(t, create(false, store.Window{ExpiresAt: past}), "it does not run anyhow")
	r.idle()
	assert.Equal(t, view.Expired(past), must(r.e.Flow("f2"))(t).Health)

	enable := func(to time.Time) error {
		_, err := r.e.UpdateFlow(t.Context(), "f2", 0,
			func(f *store.Flow) error { f.Enabled, f.ExpiresAt = true, to; return nil })
		return err
	}
	wantError(t, enable(past), view.Conflict, "expires_at", "tap flow f2 expired at")
	wantError(t, enable(past.Add(time.Minute)), view.Invalid, "expires_at", "has passed")
	require.NoError(t, enable(future))
}

// TestExpiredMeanwhile: a tap flow that expired while no controller ran is off before anything else
// is planned, is not said to be off before its switch was read back, and is stored and audited as
// disabled by the system.
func TestExpiredMeanwhile(t *testing.T) {
	memory := store.NewMemory()
	r, s, f := newWorldIn(t, memory)
	r.ready(s)
	require.Equal(t, tap.StateReady, must(r.e.Flow("f1"))(t).State)
	require.NotEmpty(t, r.program("h1").Program.Mirrors)
	r.end()

	expiry := time.Now().Add(-time.Hour).UTC()
	state := must(memory.Load(t.Context()))(t)
	for _, record := range state.Records {
		if record.ID == f.ID {
			var stored store.Flow
			require.NoError(t, json.Unmarshal(record.Value, &stored))
			stored.ExpiresAt = expiry
			value := must(json.Marshal(stored))(t)
			must(memory.Commit(t.Context(), store.Op{Kind: record.Kind, ID: f.ID, Value: value}))(t)
		}
	}

	again := newRing(t, memory)
	told := again.e.planning.Snapshot
	again.e.mu.Lock()
	assert.False(t, told().Flows[0].Enabled)
	again.e.mu.Unlock()
	require.Eventually(t, func() bool {
		return !must(again.e.Flow("f1"))(t).Enabled
	}, patience, time.Millisecond, "it is stored")
	again.idle()
	assert.Equal(t, view.CodeMayStillCopy, must(again.e.Flow("f1"))(t).Code)

	again.report("h1", hostSnapshot(t, again.tapBridge(s)), nil)
	assert.Equal(t, view.Expired(expiry), must(again.e.Flow("f1"))(t).Health)
	assert.Empty(t, again.program("h1").Program.Mirrors, "nothing of it is planned")
}

// TestNotesPlanNothing: notes are stored and shown, and no plan is made of them.
func TestNotesPlanNothing(t *testing.T) {
	r, s, _ := newWorld(t)
	r.ready(s)
	r.e.mu.Lock()
	last := r.e.planning.Last()
	r.e.mu.Unlock()

	notes := store.Notes{Labels: map[string]string{"app": "db"}, Description: "of the audit"}
	f := must(r.e.UpdateFlow(t.Context(), "f1", 0,
		func(f *store.Flow) error { f.Notes = notes; return nil }))(t)
	assert.Equal(t, notes, f.Notes)
	assert.Equal(t, tap.StateReady, f.State)
	service := must(r.e.UpdateService(t.Context(), "col", 0,
		func(s *store.Service) error { s.Notes = notes; return nil }))(t)
	assert.Equal(t, notes, service.Notes)
	host := must(r.e.UpdateHost(t.Context(), "h1", 0,
		func(h *store.Host) error { h.Notes = notes; return nil }))(t)
	assert.Equal(t, notes, host.Notes)

	r.e.mu.Lock()
	assert.Equal(t, last, r.e.planning.Last())
	r.e.mu.Unlock()
	again, err := intent.Load(must(r.store.Load(t.Context()))(t))
	require.NoError(t, err)
	assert.Equal(t, notes, again.Flows.Find("f1").Notes)
	assert.Equal(t, notes, again.Services.Find("col").Notes)
	assert.Equal(t, notes, again.Hosts.Find("h1").Notes)

	_, err = r.e.UpdateHost(t.Context(), "h1", 0, func(h *store.Host) error {
		h.Labels = map[string]string{"a b": "c"}
		return nil
	})
	wantError(t, err, view.Invalid, "labels", `"a b" is not the key of a label`)
}
