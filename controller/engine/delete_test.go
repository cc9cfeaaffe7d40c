package engine

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/inventory/switchtest"
	"github.com/tapline-sdn/tapline/controller/session"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// TestManyHoldsAreReleased: what has left the switches is written down in batches that every store
// takes, until all of it is.
func TestManyHoldsAreReleased(t *testing.T) {
	r, _, _ := newWorld(t)
	r.e.mu.Lock()
	for i := range 3 * store.MaxOps {
		id := intent.Ref{Kind: tap.KindFlow, ID: fmt.Sprint(i)}
		r.e.intent.Holds[id.ID] = []string{"h1"}
		r.e.finishing.Add(id)
	}
	r.e.mu.Unlock()

	r.e.wakeFinish()
	require.Eventually(t, func() bool {
		r.e.mu.Lock()
		defer r.e.mu.Unlock()
		return len(r.e.finishing) == 0 && len(r.e.intent.Holds) == 0
	}, patience, time.Millisecond)
}

// TestOffWhileUnreachable: what was disabled or deleted while its switch cannot be reached is not
// said to be off, whatever happens to the controller, until the switch was read back.
func TestOffWhileUnreachable(t *testing.T) {
	memory := store.NewMemory()
	r, s, f := newWorldIn(t, memory)
	r.ready(s)
	g := must(r.e.CreateFlow(t.Context(), store.Flow{Flow: tap.Flow{Name: "f2",
		Type: tap.FlowVSwitch, TapID: "col", HostID: "h1", WireID: "net0", Enabled: true}}))(t)
	r.idle()
	r.report("h1", hostSnapshot(t, r.tapBridge(s)), nil)
	require.Equal(t, tap.StateReady, must(r.e.Flow("f2"))(t).State)

	r.lose("h1", "no route to host")
	must(r.e.UpdateFlow(t.Context(), "f1", 0,
		func(f *store.Flow) error { f.Enabled = false; return nil }))(t)
	require.NoError(t, r.e.DeleteFlow(t.Context(), "f2", 0))
	r.idle()
	says := func(r *ring) {
		t.Helper()
		assert.Equal(t, view.Pending(view.CodeMayStillCopy,
			"host h1 cannot be reached and may still copy"), must(r.e.Flow("f1"))(t).Health)
		deleted := must(r.e.Flow("f2"))(t)
		assert.Equal(t, tap.StateDeleting, deleted.State)
		assert.Equal(t, view.CodeMayStillCopy, deleted.Code)
		assert.Equal(t, "host h1 cannot be reached and may still copy", deleted.Reason)
		assert.Equal(t, 1, must(r.e.Service("col"))(t).FlowCount, "it feeds the service no more")
		assert.Equal(t, []string{"f1", "f2"}, must(r.e.Host("h1"))(t).MayStillCopy)
	}

	says(r)

	_, err := r.e.CreateFlow(t.Context(), store.Flow{Flow: tap.Flow{Name: "f2", Type: tap.FlowVNIC,
		TapID: "col", GuestID: "g1", Direction: tap.In, Enabled: true}})
	wantError(t, err, view.Conflict, "name", "is being deleted")
	_, err = r.e.UpdateFlow(t.Context(), "f2", 0,
		func(f *store.Flow) error { f.Name = "f3"; return nil })
	wantError(t, err, view.Conflict, "", "is being deleted")
	assert.NoError(t, r.e.DeleteFlow(t.Context(), g.ID, 0), "it is being deleted already")
	revision := must(r.e.Flow(f.ID))(t).Revision

	r.end()
	again := newRing(t, memory)
	require.Eventually(t,
		func() bool { return must(again.e.Host("h1"))(t).Code == tap.CodeHostUnseen }, patience,
		time.Millisecond)
	says(again)
	again.report("h1", hostSnapshot(t, again.tapBridge(s)), nil)
	assert.Equal(t, view.Disabled(), must(again.e.Flow("f1"))(t).Health)
	require.NoError(t, again.e.WaitGone(t.Context(), g.ID))
	_, err = again.e.Flow("f2")
	assert.Equal(t, view.NotFound, kindOf(err))
	assert.Equal(t, revision, must(again.e.Flow(f.ID))(t).Revision, "its user's revision stays")
	require.Eventually(t, func() bool {
		state, err := memory.Load(t.Context())
		require.NoError(t, err)
		for _, record := range state.Records {
			if record.Kind == store.KindHold || record.ID == g.ID {
				return false
			}
		}
		return true
	}, patience, time.Millisecond, "nothing is left in the store")
}

// TestOffBeforeAnythingIsKnown: a controller that has restarted does not know yet what a host has
// that it cannot reach. What is disabled or deleted then is not said to be off either.
func TestOffBeforeAnythingIsKnown(t *testing.T) {
	memory := store.NewMemory()
	r, s, f := newWorldIn(t, memory)
	r.ready(s)
	g := must(r.e.CreateFlow(t.Context(), store.Flow{Flow: tap.Flow{Name: "f2",
		Type: tap.FlowVSwitch, TapID: "col", HostID: "h1", WireID: "net0", Enabled: true}}))(t)

	r.idle()
	r.report("h1", hostSnapshot(t, r.tapBridge(s)), nil)
	r.end()

	again := newRing(t, memory)
	require.Eventually(t, func() bool {
		return must(again.e.Host("h1"))(t).Code == tap.CodeHostUnseen
	}, patience, time.Millisecond)

	must(again.e.UpdateFlow(t.Context(), f.ID, 0, func(f *store.Flow) error {
		f.Enabled = false
		return nil
	}))(t)
	require.NoError(t, again.e.DeleteFlow(t.Context(), g.ID, 0))
	again.idle()

	const reason = "host h1 cannot be reached and may still copy"
	assert.Equal(t, view.Pending(view.CodeMayStillCopy, reason),
		must(again.e.Flow(f.ID))(t).Health)

	deleted := must(again.e.Flow(g.ID))(t)
	assert.Equal(t, tap.StateDeleting, deleted.State)
	assert.Equal(t, reason, deleted.Reason)

	again.report("h1", hostSnapshot(t, again.tapBridge(s)), nil)
	assert.Equal(t, view.Disabled(), must(again.e.Flow(f.ID))(t).Health)
	require.NoError(t, again.e.WaitGone(t.Context(), g.ID))
}

// TestOffWhileSharing: a flow whose capture others use is off once the switch was read back as
// those need it.
func TestOffWhileSharing(t *testing.T) {
	r, s, _ := newWorld(t)
	must(r.e.CreateFlow(t.Context(), store.Flow{Flow: tap.Flow{Name: "f2", Type: tap.FlowVNIC,
		TapID: "col", GuestID: "g1", Direction: tap.In, Enabled: true}}))(t)
	r.ready(s)
	owners := map[string]session.OwnerState{}
	for owner := range r.prints("h1") {
		owners[owner] = session.OwnerState{State: session.Busy}
	}

	must(r.e.UpdateFlow(t.Context(), "f1", 0,
		func(f *store.Flow) error { f.Enabled = false; return nil }))(t)
	r.idle()
	r.report("h1", hostSnapshot(t, r.tapBridge(s)), owners)
	assert.Equal(t, tap.StatePending, must(r.e.Flow("f1"))(t).State, "the switch is at it")
	r.report("h1", hostSnapshot(t, r.tapBridge(s)), nil)
	assert.Equal(t, tap.StateDisabled, must(r.e.Flow("f1"))(t).State)
	assert.Equal(t, tap.StateReady, must(r.e.Flow("f2"))(t).State)
}

// TestEnabledAgainWhileUnreachable: what is enabled again holds nothing any more.
func TestEnabledAgainWhileUnreachable(t *testing.T) {
	r, s, _ := newWorld(t)
	r.ready(s)
	r.lose("h1", "away")
	must(r.e.UpdateFlow(t.Context(), "f1", 0,
		func(f *store.Flow) error { f.Enabled = false; return nil }))(t)
	must(r.e.UpdateFlow(t.Context(), "f1", 0,
		func(f *store.Flow) error { f.Enabled = true; return nil }))(t)
	r.idle()
	assert.Equal(t, view.CodeHostDisconnected, must(r.e.Flow("f1"))(t).Code)
	assert.Empty(t, must(r.e.Host("h1"))(t).MayStillCopy)
	r.holdsNothing()
}

// TestMovedWhileUnreachable: a service that a flow fed before is not said to be off while the
// flow's switch, which still copies to it, cannot be reached, also after a restart.
func TestMovedWhileUnreachable(t *testing.T) {
	memory := store.NewMemory()
	r, s, f := newWorldIn(t, memory)
	r.ready(s)
	must(r.e.CreateGuest(t.Context(), store.Guest{Name: "g9",
		NICs: []store.GuestNIC{{MAC: switchtest.MAC(9)}}}))(t)

	other := must(r.e.CreateService(t.Context(), store.Service{Service: tap.Service{
		Name: "other", Type: tap.ServiceGuest, TargetID: "g9", Enabled: true}}))(t)

	r.lose("h1", "no route to host")
	must(r.e.UpdateFlow(t.Context(), f.ID, 0,
		func(f *store.Flow) error { f.TapID = other.ID; return nil }))(t)

	r.idle()

	setEnabled := func(r *ring, enabled bool) view.Health {
		t.Helper()
		return must(r.e.UpdateService(t.Context(), s.ID, 0,
			func(s *store.Service) error { s.Enabled = enabled; return nil }))(t).Health
	}

	mayCopy := view.Pending(view.CodeMayStillCopy, "host h1 cannot be reached and may still copy")
	setEnabled(r, false)
	r.idle()
	assert.Equal(t, mayCopy, must(r.e.Service(s.ID))(t).Health)
	setEnabled(r, true)
	r.idle()
	assert.Contains(t, must(r.e.Host("h1"))(t).MayStillCopy, "col")
	r.end()

	again := newRing(t, memory)
	require.Eventually(t, func() bool {
		return must(again.e.Host("h1"))(t).Code == tap.CodeHostUnseen
	}, patience, time.Millisecond)

	setEnabled(again, false)
	again.idle()
	assert.Equal(t, mayCopy, must(again.e.Service(s.ID))(t).Health)
	require.NoError(t, again.e.DeleteService(t.Context(), s.ID, 0))
	again.idle()
	assert.Equal(t, tap.StateDeleting, must(again.e.Service(s.ID))(t).State)

	again.report("h1", hostSnapshot(t, again.tapBridge(s)), nil)
	require.NoError(t, again.e.WaitGone(t.Context(), s.ID))
	again.holdsNothing()
}

// holdsNothing waits until the store says of no host that it may hold something.
func (r *ring) holdsNothing() {
	r.t.Helper()
	require.Eventually(r.t, func() bool {
		state, err := r.store.Load(r.t.Context())
		require.NoError(r.t, err)
		return !slices.ContainsFunc(state.Records,
			func(record store.Record) bool { return record.Kind == store.KindHold })
	}, patience, time.Millisecond)
}

// TestDeleteUnreachableHost: a host that may have something of ours is deleted by force alone, and
// then stays until it was cleaned, also over a restart of the controller.
func TestDeleteUnreachableHost(t *testing.T) {
	memory := store.NewMemory()
	r, s, f := newWorldIn(t, memory)
	r.ready(s)
	id := must(r.e.Host("h1"))(t).ID
	r.lose("h1", "no route to host")
	require.NoError(t, r.e.DeleteFlow(t.Context(), f.ID, 0))
	require.NoError(t, r.e.DeleteService(t.Context(), s.ID, 0))

	err := r.e.DeleteHost(t.Context(), "h1", 0, false)
	wantError(t, err, view.Conflict, "", "--force")
	var refused *view.Error
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, view.CodeHostUnreachable, refused.Code)
	assert.Equal(t, tap.StatePending, must(r.e.Host("h1"))(t).State, "nothing was changed")

	require.NoError(t, r.e.DeleteHost(t.Context(), "h1", 0, true))
	says := func(r *ring) {
		t.Helper()
		h := must(r.e.Host("h1"))(t)
		assert.Equal(t, tap.StateDeleting, h.State)
		assert.Equal(t, view.CodeMayStillCopy, h.Code)
		assert.Equal(t, tap.StateDeleting, must(r.e.Flow(f.ID))(t).State)
		assert.Equal(t, tap.StateDeleting, must(r.e.Service(s.ID))(t).State)
	}

	says(r)
	assert.NoError(t, r.e.DeleteHost(t.Context(), "h1", 0, false), "it is being deleted already")
	r.end()

	again := newRing(t, memory)
	says(again)
	again.strip(id)
	for _, id := range []string{id, f.ID, s.ID} {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		assert.NoError(t, again.e.WaitGone(ctx, id))
		cancel()
	}

	assert.Empty(t, again.e.Hosts())
	assert.Empty(t, again.e.FlowRows())
	assert.Empty(t, again.e.Services())
}

// TestRegisterDeletedHostAgain: a host that is registered while its deletion is not over adopts
// what stands.
func TestRegisterDeletedHostAgain(t *testing.T) {
	r, s, f := newWorld(t)
	r.ready(s)
	before := must(r.e.Host("h1"))(t)
	r.lose("h1", "away")
	require.NoError(t, r.e.DeleteFlow(t.Context(), f.ID, 0))
	require.NoError(t, r.e.DeleteService(t.Context(), s.ID, 0))
	require.NoError(t, r.e.DeleteHost(t.Context(), "h1", 0, true))

	now := must(r.e.CreateHost(t.Context(), store.Host{Name: "h1", OVSDB: before.OVSDB,
		TunnelIP: before.TunnelIP}))(t)
	assert.Equal(t, before.ID, now.ID)
	assert.Equal(t, tap.StatePending, now.State)
	assert.Equal(t, tap.StateDeleting, must(r.e.Flow(f.ID))(t).State,
		"nobody has read the switch back")
	r.report("h1", hostSnapshot(t), nil)
	assert.NoError(t, r.e.WaitGone(t.Context(), f.ID))
	assert.NoError(t, r.e.WaitGone(t.Context(), s.ID))
}

// TestDeleteHostNeverReached: what was never reached has nothing of ours.
func TestDeleteHostNeverReached(t *testing.T) {
	r := newRing(t, store.NewMemory())
	h := r.host("h1")
	require.NoError(t, r.e.DeleteHost(t.Context(), "h1", 0, false))
	assert.NoError(t, r.e.WaitGone(t.Context(), h.ID))
	assert.Empty(t, r.e.Hosts())
}
