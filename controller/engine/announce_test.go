package engine

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// slow is a store that writes when it is told how that ends.
type slow struct {
	store.Store
	outcome chan error // of each write
}

func (s *slow) Commit(ctx context.Context, ops ...store.Op) (uint64, error) {
	if err := <-s.outcome; err != nil {
		return 0, err
	}
	return s.Store.Commit(ctx, ops...)
}

// aheadTest is an engine that does not run, and a flow that is being stored.
type aheadTest struct {
	*Engine
	store *slow
	done  chan error // of the write
}

// newAheadTest begins to store a flow, and has the plugin say something of it meanwhile.
func newAheadTest(t *testing.T) *aheadTest {
	t.Helper()
	s := &slow{Store: store.NewMemory(), outcome: make(chan error, 1)}
	e, err := New(t.Context(), Config{Store: s, Logger: slog.New(slog.DiscardHandler),
		Observer: uncounted{}})
	require.NoError(t, err)
	a := &aheadTest{Engine: e, store: s, done: make(chan error, 1)}
	a.save(t, store.Flow{Flow: tap.Flow{ID: "f1", Name: "web", TapID: "s1", Enabled: true}}, nil)
	told := a.tell(t)
	require.Len(t, told.Flows, 1, "the plugin is told")
	a.answer(t, told, "planned")
	assert.Empty(t, e.FlowRows())
	return a
}

func (a *aheadTest) save(t *testing.T, f store.Flow, before *store.Flow) {
	go func() {
		err := save(t.Context(), a.Engine, a.intent.Flows, &f, before, a.commitAnnounced(&f))
		if err == nil {
			a.tookFlow(&f, before)
		}
		a.done <- err
	}()
	synctest.Wait()
}

// turn begins to store the flow in another direction. It returns the flow as it was.
func (a *aheadTest) turn(t *testing.T) *store.Flow {
	t.Helper()
	before, err := a.intent.Flows.Get("web")
	require.NoError(t, err)
	other := *before
	other.Direction = tap.In
	a.save(t, other, before)
	return before
}

func (a *aheadTest) finish(outcome error) error {
	a.store.outcome <- outcome
	return <-a.done
}

func (a *aheadTest) tell(t *testing.T) tap.Change {
	t.Helper()
	c, any := a.nextChange()
	require.True(t, any)
	return c
}

func (a *aheadTest) answer(t *testing.T, c tap.Change, reason string) {
	t.Helper()
	require.NoError(t, a.take(tap.Result{Revision: c.Revision, Statuses: []tap.Status{
		{Kind: tap.KindFlow, ID: "f1", State: tap.StateError, Reason: reason},
	}}))
}

func (a *aheadTest) reason(t *testing.T) string {
	t.Helper()
	v, err := a.Flow("web")
	require.NoError(t, err)
	return v.Health.Reason
}

// TestPlannedWhileStored: what the plugin says of a flow while it is stored holds when it is, and
// nothing is told twice.
func TestPlannedWhileStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAheadTest(t)
		require.NoError(t, a.finish(nil))
		assert.Equal(t, "planned", a.reason(t))
		_, more := a.nextChange()
		assert.False(t, more)

		before, err := a.intent.Flows.Get("web")
		require.NoError(t, err)
		off := *before
		off.Enabled = false
		a.save(t, off, before)
		a.answer(t, a.tell(t), "")
		assert.Equal(t, "planned", a.reason(t), "it is not off yet")
		require.NoError(t, a.finish(nil))
		v, err := a.Flow("web")
		require.NoError(t, err)
		assert.Equal(t, view.Health{State: tap.StateDisabled}, v.Health)
		assert.False(t, a.standing.Leaves(intent.FlowRef("f1")), "nothing of it is anywhere")
	})
}

// TestStoredBeforePlanned: a flow that is stored before the plugin has answered is pending until it
// does.
func TestStoredBeforePlanned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAheadTest(t)
		require.NoError(t, a.finish(nil))
		a.turn(t)
		require.NoError(t, a.finish(nil))
		assert.Equal(t, "it is being planned", a.reason(t))
		a.answer(t, a.tell(t), "planned again")
		assert.Equal(t, "planned again", a.reason(t))
	})
}

// TestStoringFails: what could not be stored is taken back.
func TestStoringFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAheadTest(t)
		require.ErrorContains(t, a.finish(errors.New("disk full")), "disk full")
		assert.Equal(t, []string{"f1"}, a.tell(t).Gone.Flows)
		assert.Empty(t, a.FlowRows())
		assert.Zero(t, a.standing.Sizes())

		a = newAheadTest(t)
		require.NoError(t, a.finish(nil))
		before := a.turn(t)
		a.answer(t, a.tell(t), "planned otherwise")
		require.ErrorContains(t, a.finish(errors.New("disk full")), "disk full")
		back := a.tell(t)
		assert.Equal(t, []tap.Flow{before.Flow}, back.Flows)
		a.answer(t, back, "planned")
		assert.Equal(t, "planned", a.reason(t))
	})
}

// TestPluginReturnsMeanwhile: a plugin that is started while a flow is being stored is told of it
// too.
func TestPluginReturnsMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAheadTest(t)
		a.mu.Lock()
		a.planning.MarkEverything()
		a.mu.Unlock()
		assert.Len(t, a.tell(t).Flows, 1)
		require.NoError(t, a.finish(nil))
	})
}
