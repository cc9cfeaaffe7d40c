package engine

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/inventory/switchtest"
	"github.com/tapline-sdn/tapline/controller/session"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// TestHealth follows a flow and its service from disabled to ready and through every trouble of the
// switch.
func TestHealth(t *testing.T) {
	r, s, _ := newWorld(t)
	health := func() (view.Health, view.Health) {
		return must(r.e.Service("col"))(t).Health, must(r.e.Flow("f1"))(t).Health
	}

	service, flow := health()
	assert.Equal(t, view.Health{State: tap.StateDisabled}, service)
	assert.Equal(t, tap.StatePending, flow.State, "its service is disabled")

	must(r.e.UpdateService(t.Context(), "col", 0, enable))(t)
	r.idle()
	service, flow = health()
	assert.Equal(t, tap.StatePending, service.State)
	assert.Contains(t, service.Reason, s.MAC.String(), "the NIC is not plugged: %s", service.Reason)
	assert.Equal(t, tap.StatePending, flow.State)

	plugged := hostSnapshot(t, r.tapBridge(s))
	r.report("h1", plugged, nil)
	service, flow = health()
	assert.Equal(t, view.Health{State: tap.StateReady}, service)
	assert.Equal(t, view.Health{State: tap.StateReady}, flow)
	assert.Equal(t, view.Health{State: tap.StateReady}, must(r.e.Host("h1"))(t).Health)

	var capture string
	for owner := range r.prints("h1") {
		if owner != s.ID && owner != tap.OwnerBridge && owner != "tunnel" {
			capture = owner
		}
	}

	require.NotEmpty(t, capture)
	state := func(s session.State, reason string) session.OwnerState {
		return session.OwnerState{State: s, Reason: reason}
	}

	for _, tc := range []struct {
		name          string
		owner         string
		state         session.OwnerState
		service, flow view.Health
		host          tap.State
	}{
		{"busy with what stood", capture, state(session.Busy, ""),
			view.Health{State: tap.StateReady}, view.Health{State: tap.StateReady},
			tap.StatePending},
		{"capture waits", capture, state(session.Waiting, "no answer"),
			view.Health{State: tap.StateReady}, view.Pending(view.CodeSwitchWaiting,
				"host h1: no answer"), tap.StatePending},
		{"capture fails", capture, state(session.Failed, "no such device"),
			view.Health{State: tap.StateReady}, view.Failed(view.CodeSwitchFailed,
				"host h1: no such device"), tap.StateError},
		{"busy with what failed", capture, state(session.Busy, ""),
			view.Health{State: tap.StateReady}, view.Pending(view.CodeProgramming,
				"the switch is being programmed"), tap.StatePending},
		{"NIC fails", s.ID, state(session.Failed, "gone"),
			view.Failed(view.CodeSwitchFailed, "host h1: gone"),
			view.Failed(view.CodeSwitchFailed, "host h1: gone"), tap.StateError},
		{"tap bridge fails", tap.OwnerBridge, state(session.Failed, "refused"),
			view.Failed(view.CodeSwitchFailed, "host h1: refused"),
			view.Failed(view.CodeSwitchFailed, "host h1: refused"), tap.StateError},
		{"all stands again", "", session.OwnerState{}, view.Health{State: tap.StateReady},
			view.Health{State: tap.StateReady}, tap.StateReady},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r.report("h1", plugged, map[string]session.OwnerState{tc.owner: tc.state})
			service, flow := health()
			assert.Equal(t, tc.service, service)
			assert.Equal(t, tc.flow, flow)
			assert.Equal(t, tc.host, must(r.e.Host("h1"))(t).State)
		})
	}

	r.lose("h1", "connection refused")
	service, flow = health()
	lost := view.Pending(view.CodeHostDisconnected, "host h1 is not connected: connection refused")
	assert.Equal(t, lost, service)
	assert.Equal(t, lost, flow)
	assert.Equal(t, view.Pending(view.CodeHostDisconnected,
		"it is not connected: connection refused"), must(r.e.Host("h1"))(t).Health)
	r.report("h1", plugged, nil)
	_, flow = health()
	assert.Equal(t, view.Health{State: tap.StateReady}, flow)

	hosts, flows, services := r.e.Count()
	assert.Equal(t, []view.Counts{{tap.StateReady: 1}, {tap.StateReady: 1}, {tap.StateReady: 1}},
		[]view.Counts{hosts, flows, services})

	must(r.e.UpdateFlow(t.Context(), "f1", 0,
		func(f *store.Flow) error { f.Enabled = false; return nil }))(t)
	r.idle()
	_, flow = health()
	assert.Equal(t, view.Pending(view.CodeMayStillCopy,
		"the switch of host h1 is being changed, and may still copy"), flow)
	r.report("h1", plugged, nil)
	_, flow = health()
	assert.Equal(t, view.Health{State: tap.StateDisabled}, flow)

	r.report("h1", hostSnapshot(t, switchtest.Bridge{Name: "brtap"}), nil)
	assert.Equal(t, tap.StateError, must(r.e.Host("h1"))(t).State, "a tap bridge that is not ours")
}

// TestUninitializedDatabase: a database without its one row is a host that was not seen yet, and
// harms nobody.
func TestUninitializedDatabase(t *testing.T) {
	r := newRing(t, store.NewMemory())
	r.host("h1")
	r.report("h1", switchtest.Uninitialized(t), nil)
	v := must(r.e.Host("h1"))(t)
	assert.True(t, v.Connected)
	assert.Equal(t, tap.StatePending, v.State)
	assert.Empty(t, v.Bridges)
}

// TestPluginRestart: a plugin that starts anew plans the same; nobody notices, and meanwhile
// nothing is accepted.
func TestPluginRestart(t *testing.T) {
	r, s, _ := newWorld(t)
	r.ready(s)
	before := r.prints("h1")
	events, _ := r.e.Watch("")
	starts := r.plugin.starts()
	r.plugin.restart()
	require.Eventually(t, func() bool {
		return r.plugin.starts() > starts
	}, patience, time.Millisecond)
	r.idle()
	assert.Equal(t, before, r.prints("h1"))
	assert.Equal(t, tap.StateReady, must(r.e.Flow("f1"))(t).State)
	told, _, err := events.Poll()
	require.NoError(t, err)
	assert.Empty(t, told)
	must(r.e.CreateFlow(t.Context(), store.Flow{Flow: tap.Flow{Name: "f2", Type: tap.FlowVNIC,
		TapID: "col", GuestID: "g1", Direction: tap.In}}))(t)
}

// TestPluginAway: while the plugin is away nothing that it has to check is accepted, and what needs
// no check is.
func TestPluginAway(t *testing.T) {
	r, s, _ := newWorld(t)
	r.e.mu.Lock()
	r.e.mirror = nil
	r.e.mu.Unlock()
	_, err := r.e.CreateFlow(t.Context(), store.Flow{Flow: tap.Flow{Name: "f2", Type: tap.FlowVNIC,
		TapID: "col", GuestID: "g1", Direction: tap.In}})
	wantError(t, err, view.Unavailable, "", "being restarted")
	_, err = r.e.CreateService(t.Context(), store.Service{Service: tap.Service{Name: "x",
		Type: tap.ServiceGuest, TargetID: "g1"}})
	wantError(t, err, view.Unavailable, "", "being restarted")
	must(r.e.UpdateService(t.Context(), s.ID, 0, enable))(t)
	must(r.e.UpdateFlow(t.Context(), "f1", 0,
		func(f *store.Flow) error { f.Enabled = false; return nil }))(t)
}

// malicious adds a port to every program.
type malicious struct {
	plugin.Mirror
	port tap.Port
}

func (m malicious) Run(ctx context.Context, changes <-chan tap.Change,
	tell func(tap.Result) error) error {
	return m.Mirror.Run(ctx, changes, func(r tap.Result) error {
		for i := range r.Programs {
			r.Programs[i].Ports = append(r.Programs[i].Ports, m.port)
		}
		return tell(r)
	})
}

// TestPluginBreaksContract: a program that touches what is not ours is not applied; the host keeps
// what it has until there is a good one.
func TestPluginBreaksContract(t *testing.T) {
	r, _, _ := newWorld(t)
	before := r.prints("h1")
	r.plugin.mu.Lock()
	r.plugin.wrap = func(m plugin.Mirror) plugin.Mirror {
		return malicious{m, tap.Port{Owner: "x", Bridge: "br0", Name: "evil", Type: "internal"}}
	}

	r.plugin.mu.Unlock()
	r.plugin.restart()
	require.Eventually(t, func() bool { return r.e.Ready() != nil }, patience, time.Millisecond)
	assert.ErrorContains(t, r.e.Ready(), "programs what it must not: host h1")
	assert.Equal(t, before, r.prints("h1"))
	assert.Equal(t, tap.StateError, must(r.e.Host("h1"))(t).State)
	assert.Equal(t, tap.StateError, r.e.Plugins()[0].State)

	r.plugin.mu.Lock()
	r.plugin.wrap = nil
	r.plugin.mu.Unlock()
	r.plugin.restart()
	require.Eventually(t, func() bool { return r.e.Ready() == nil }, patience, time.Millisecond)
	assert.NotEqual(t, tap.StateError, must(r.e.Host("h1"))(t).State)
}

// TestPluginTakesNIC: a program takes no NIC onto the tap bridge but those of tap services.
func TestPluginTakesNIC(t *testing.T) {
	for name, port := range map[string]tap.Port{
		"an uplink":                {Owner: "x", Bridge: "brtap", Name: "eth0", Plugged: true},
		"an uplink for a service":  {Owner: "col", Bridge: "brtap", Name: "eth0", Plugged: true},
		"a guest's NIC":            {Owner: "col", Bridge: "brtap", Name: "vnet1", Plugged: true},
		"a NIC of the host":        {Owner: "col", Bridge: "brtap", Name: "eth5"},
		"a NIC of the host in use": {Owner: "nic", Bridge: "brtap", Name: "eth8"},
	} {
		t.Run(name, func(t *testing.T) {
			r, s, _ := newWorld(t)
			must(r.e.UpdateHost(t.Context(), "h1", 0, func(h *store.Host) error {
				h.NICs = []store.HostNIC{{Name: "eth8", MAC: switchtest.MAC(0x98)},
					{Name: "eth9", MAC: switchtest.MAC(0x99)}}
				return nil
			}))(t)

			nic := must(r.e.CreateService(t.Context(),
				store.Service{Service: tap.Service{Name: "nic", Type: tap.ServiceHost,
					TargetID: "h1", MAC: switchtest.MAC(0x99)}}))(t)
			r.ready(s)
			before := r.program("h1")
			if id := map[string]string{"col": s.ID, "nic": nic.ID}[port.Owner]; id != "" {
				port.Owner = id
			}

			r.plugin.mu.Lock()
			r.plugin.wrap = func(m plugin.Mirror) plugin.Mirror { return malicious{m, port} }
			r.plugin.mu.Unlock()
			r.plugin.restart()
			require.Eventually(t, func() bool { // Meanwhile the plugin is away.
				err := r.e.Ready()
				return err != nil && strings.Contains(err.Error(), "is no tap service's")
			}, patience, time.Millisecond)

			assert.Same(t, before, r.program("h1"))
		})
	}
}

// TestStaleProgram: a program from before a service was deleted is no crime; the plugin is asked
// again.
func TestStaleProgram(t *testing.T) {
	r, s, _ := newWorld(t)
	r.ready(s)
	before := r.program("h1")
	r.e.mu.Lock()
	program, revision := *before.Program, r.e.planning.Last()
	record := r.e.intent.Services.ByID[s.ID]
	r.e.intent.Services.Remove(s.ID)
	r.e.planning.MarkService(s.ID)
	r.e.mu.Unlock()
	assert.NoError(t, r.e.take(tap.Result{Revision: revision, Programs: []tap.Program{program}}))
	r.e.mu.Lock()
	r.e.intent.Services.Put(record)
	r.e.planning.MarkService(s.ID)
	r.e.planning.MarkAttachment(s.ID)
	r.e.mu.Unlock()
	r.idle()
	assert.Equal(t, before.Fingerprints, r.prints("h1"))
	assert.Equal(t, 1, r.plugin.starts())
}

func TestWait(t *testing.T) {
	r, s, _ := newWorld(t)
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	v, err := r.e.WaitFlow(short, "f1")
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	assert.Equal(t, tap.StatePending, v.State)
	_, err = r.e.WaitFlow(t.Context(), "nope")
	assert.Equal(t, view.NotFound, kindOf(err))
	disabled := must(r.e.WaitService(t.Context(), "col"))(t)
	assert.Equal(t, tap.StateDisabled, disabled.State)

	done := make(chan view.Flow, 1)
	go func() {
		v, err := r.e.WaitFlow(t.Context(), "f1")
		assert.NoError(t, err)
		done <- v
	}()

	r.ready(s)
	select {
	case v := <-done:
		assert.Equal(t, tap.StateReady, v.State)
	case <-time.After(patience):
		t.Fatal("WaitFlow does not return")
	}

	assert.Equal(t, tap.StateReady, must(r.e.WaitHost(t.Context(), "h1"))(t).State)
}

// TestWaitEndsWithEngine: nobody waits, least of all busily, for an engine that has stopped.
func TestWaitEndsWithEngine(t *testing.T) {
	r, _, _ := newWorld(t)
	done := make(chan error, 1)
	go func() {
		_, err := r.e.WaitFlow(t.Context(), "f1")
		done <- err
	}()

	r.end()
	select {
	case err := <-done:
		wantError(t, err, view.Unavailable, "", "stopping")
	case <-time.After(patience):
		t.Fatal("WaitFlow does not return")
	}
}

// TestWaitDisabled: waiting for something disabled ends when the switch has dropped what it had
// there.
func TestWaitDisabled(t *testing.T) {
	r, s, _ := newWorld(t)
	r.ready(s)
	must(r.e.UpdateFlow(t.Context(), "f1", 0,
		func(f *store.Flow) error { f.Enabled = false; return nil }))(t)
	r.idle()
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	v, err := r.e.WaitFlow(short, "f1")
	assert.ErrorIs(t, err, context.DeadlineExceeded, "the switch still has it")
	assert.Equal(t, tap.StatePending, v.State)
	r.report("h1", hostSnapshot(t, r.tapBridge(s)), nil)
	assert.Equal(t, tap.StateDisabled, must(r.e.WaitFlow(t.Context(), "f1"))(t).State)
	must(r.e.UpdateFlow(t.Context(), "f1", 0,
		func(f *store.Flow) error { f.Enabled = true; return nil }))(t)
	r.idle()
	r.report("h1", hostSnapshot(t, r.tapBridge(s)), nil)
	must(r.e.UpdateService(t.Context(), "col", 0, disable))(t)
	r.idle()
	r.lose("h1", "away")
	again, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	away, err := r.e.WaitService(again, "col")
	assert.ErrorIs(t, err, context.DeadlineExceeded, "nobody knows")
	assert.Equal(t, view.Pending(view.CodeMayStillCopy,
		"host h1 cannot be reached and may still copy"), away.Health)
	r.report("h1", hostSnapshot(t, r.tapBridge(s)), nil)
	assert.Equal(t, tap.StateDisabled, must(r.e.WaitService(t.Context(), "col"))(t).State)
}

// TestWaitGone: waiting for something deleted ends when the switch was read back without what it
// had there.
func TestWaitGone(t *testing.T) {
	r, s, f := newWorld(t)
	r.ready(s)
	gone := func(id string, patience time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		return r.e.WaitGone(ctx, id)
	}
	assert.NoError(t, gone("nobody", patience))
	require.NoError(t, r.e.DeleteFlow(t.Context(), "f1", 0))
	r.idle()
	assert.ErrorIs(t, gone(f.ID, 20*time.Millisecond), context.DeadlineExceeded,
		"the switch still has it")
	done := make(chan error, 1)
	go func() { done <- gone(f.ID, patience) }()
	r.report("h1", hostSnapshot(t, r.tapBridge(s)), nil)
	assert.NoError(t, <-done)

	must(r.e.UpdateService(t.Context(), s.ID, 0, disable))(t)
	require.NoError(t, r.e.DeleteService(t.Context(), s.ID, 0))
	r.idle()
	assert.ErrorIs(t, gone(s.ID, 20*time.Millisecond), context.DeadlineExceeded,
		"what it had when it was disabled still stands")
	r.lose("h1", "away")
	assert.ErrorIs(t, gone(s.ID, 20*time.Millisecond), context.DeadlineExceeded, "nobody knows")
	r.report("h1", hostSnapshot(t), nil)
	assert.NoError(t, gone(s.ID, patience))

	id := must(r.e.Host("h1"))(t).ID
	require.NoError(t, r.e.DeleteHost(t.Context(), "h1", 0, false))
	assert.ErrorIs(t, gone(id, 20*time.Millisecond), context.DeadlineExceeded,
		"it is being cleaned")
	r.strip(id)
	assert.NoError(t, gone(id, patience), "its session has ended")
	r.e.mu.Lock()
	defer r.e.mu.Unlock()

	left := r.e.standing.Sizes()
	assert.Zero(t, left.Leaving)
	assert.Zero(t, left.Unanswered)
	assert.Zero(t, r.e.fleet.Sizes().Retiring)
}

// TestWaitGoneAtOnce: what is deleted right after it was disabled is not taken for gone, however
// far the plugin has come with that.
func TestWaitGoneAtOnce(t *testing.T) {
	for n := range 20 {
		r, s, _ := newWorld(t)
		r.ready(s)
		require.NoError(t, r.e.DeleteFlow(t.Context(), "f1", 0))
		r.idle()
		r.report("h1", hostSnapshot(t, r.tapBridge(s)), nil)
		must(r.e.UpdateService(t.Context(), s.ID, 0, disable))(t)
		if n%2 == 0 {
			r.idle() // It has been planned that nothing of it has to go yet.
		}

		require.NoError(t, r.e.DeleteService(t.Context(), s.ID, 0))
		r.idle()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		require.ErrorIs(t, r.e.WaitGone(ctx, s.ID), context.DeadlineExceeded,
			"what it had when it was disabled still stands")
		cancel()
		r.end()
	}
}

var errAway = errors.New("away")

// TestReady tells what the plugin lacks.
func TestReady(t *testing.T) {
	r := newRing(t, store.NewMemory())
	assert.NoError(t, r.e.Ready())
	r.plugin.mu.Lock()
	r.plugin.away = errAway
	r.plugin.mu.Unlock()
	assert.ErrorIs(t, r.e.Ready(), errAway)
}
