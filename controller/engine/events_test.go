package engine

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/engine/events"
	"github.com/tapline-sdn/tapline/controller/inventory/switchtest"
	"github.com/tapline-sdn/tapline/controller/session"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

func TestEvents(t *testing.T) {
	r, s, f := newWorld(t)
	r.ready(s)
	var w *events.Watch
	expect := func(text string, want ...string) {
		t.Helper()
		var got []string
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		for _, one := range want {
			for {
				if len(got) > 0 && got[0] == one {
					got = got[1:]
					break
				}

				if len(got) > 0 {
					got = got[1:]
					continue
				}

				events, err := w.Next(ctx)
				require.NoError(t, err, "%s: waiting for %q", text, one)
				for _, e := range events {
					got = append(got, told(e))
				}
			}
		}
	}

	w, _ = r.e.Watch("")
	must(r.e.CreateGuest(t.Context(), store.Guest{ID: "g", Name: "vm",
		NICs: []store.GuestNIC{{MAC: switchtest.MAC(9)}}}))(t)
	expect("declared", "created guest vm 0 ports")
	must(r.e.UpdateGuest(t.Context(), "vm", 0,
		func(g *store.Guest) error { g.Name = "vm2"; return nil }))(t)
	expect("renamed", "updated guest vm2 0 ports")
	require.NoError(t, r.e.DeleteGuest(t.Context(), "vm2", 0))
	expect("deleted, as it was", "deleted guest vm2 0 ports")

	moved := switchtest.Snapshot(t, map[string]string{"ovn-bridge-mappings": "net0:br0"},
		switchtest.Bridge{Name: "br0", Datapath: "netdev", Ports: []switchtest.Port{
			switchtest.NICPort("eth0", "ixgbe"),
			switchtest.GuestPort("vnet7", 17, map[string]string{"attached-mac": "52:54:00:00:00:01",
				"vm-id": "g1"}),
			switchtest.GuestPort("vnet3", 13, map[string]string{"attached-mac": "52:54:00:00:00:03",
				"vm-id": "g3"}),
		}}, r.tapBridge(s))

	r.report("h1", moved, nil)
	expect("what the switch shows", "updated guest g1 1 ports vnet7", "deleted guest g2 0 ports",
		"created guest g3 1 ports vnet3")
	w, _ = r.e.Watch("")
	r.report("h1", hostSnapshot(t, r.tapBridge(s)), nil)

	must(r.e.UpdateFlow(t.Context(), "f1", 0,
		func(f *store.Flow) error { f.Name = "f1b"; return nil }))(t)
	expect("renamed", "updated flow f1b ready") // It may have been planned while it was stored.
	r.lose("h1", "away")
	w, _ = r.e.Watch("")
	r.report("h1", hostSnapshot(t, r.tapBridge(s)), nil)
	expect("the host returns", "updated host h1 ready")
	require.NoError(t, r.e.DeleteFlow(t.Context(), f.ID, 0))
	expect("deleted", "updated flow f1b deleting", "updated service col 0 flows")
	r.report("h1", hostSnapshot(t, r.tapBridge(s)), nil)
	expect("it has left the switch", "deleted flow f1b deleting", "updated service col 0 flows")
	require.NoError(t, r.e.DeleteService(t.Context(), s.ID, 0))
	expect("deleted", "updated service col 0 flows")
	r.report("h1", hostSnapshot(t, r.tapBridge(s)), nil)
	expect("it has left the switch", "deleted service col 0 flows")
	id := must(r.e.Host("h1"))(t).ID
	require.NoError(t, r.e.DeleteHost(t.Context(), "h1", 0, false))
	expect("deleted", "deleted guest g1 0 ports", "updated host h1 deleting")
	r.strip(id)
	expect("it was cleaned", "deleted host h1 deleting")
	r.end()
	_, err := w.Next(t.Context())
	for err == nil {
		_, err = w.Next(t.Context())
	}

	assert.ErrorIs(t, err, events.ErrStopped)
}

// TestNothingIsToldTwice: watchers hear of an object's creation first, and of each of its views
// once.
func TestNothingIsToldTwice(t *testing.T) {
	r := newRing(t, store.NewMemory())
	w, _ := r.e.Watch("")
	r.host("h1")
	r.report("h1", hostSnapshot(t), nil)
	s := must(r.e.CreateService(t.Context(),
		store.Service{Service: tap.Service{Name: "col", Type: tap.ServiceGuest,
			TargetID: "g2"}}))(t)
	must(r.e.CreateFlow(t.Context(), store.Flow{Flow: tap.Flow{Name: "f1", Type: tap.FlowVNIC,
		TapID: "col", GuestID: "g1", Enabled: true}}))(t)
	r.idle()
	r.ready(s)
	must(r.e.UpdateFlow(t.Context(), "f1", 0,
		func(f *store.Flow) error { f.Direction = tap.In; return nil }))(t)
	r.report("h1", hostSnapshot(t, r.tapBridge(s)), nil)
	for _, edit := range []func(*store.Service) error{disable, enable} {
		must(r.e.UpdateService(t.Context(), "col", 0, edit))(t)
		r.idle()
		r.report("h1", hostSnapshot(t, r.tapBridge(s)),
			map[string]session.OwnerState{"tunnel": {State: session.Busy}})
		r.report("h1", hostSnapshot(t, r.tapBridge(s)), nil)
	}

	r.lose("h1", "away")
	r.report("h1", hostSnapshot(t, r.tapBridge(s)), nil)

	last := map[string]any{}
	for {
		events, _, err := w.Poll()
		require.NoError(t, err)
		if len(events) == 0 {
			break
		}

		for _, e := range events {
			var view any
			switch {
			case e.Host != nil:
				view = *e.Host
			case e.Guest != nil:
				view = *e.Guest
			case e.Service != nil:
				view = *e.Service
			case e.Flow != nil:
				view = *e.Flow
			}

			before, known := last[e.Object()]
			assert.Equal(t, !known, e.Type == "created", "%s: it is created first, and once",
				told(e))
			assert.NotEqual(t, before, view, "told twice: %s", told(e))
			last[e.Object()] = view
		}
	}

	assert.Len(t, last, 5, "host, two guests, service, flow")
}

// told says an event in words.
func told(e events.Event) string {
	switch {
	case e.Host != nil:
		return fmt.Sprintf("%s host %s %s", e.Type, e.Host.Name, e.Host.State)
	case e.Guest != nil:
		var ports []string
		for _, n := range e.Guest.NICs {
			if n.Port != "" {
				ports = append(ports, n.Port)
			}
		}
		return strings.TrimSpace(fmt.Sprintf("%s guest %s %d ports %s", e.Type, e.Guest.Name,
			len(ports), strings.Join(ports, " ")))
	case e.Service != nil:
		return fmt.Sprintf("%s service %s %d flows", e.Type, e.Service.Name, e.Service.FlowCount)
	}
	return fmt.Sprintf("%s flow %s %s", e.Type, e.Flow.Name, e.Flow.State)
}
