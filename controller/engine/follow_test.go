package engine

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/engine/forecast"
	"github.com/tapline-sdn/tapline/controller/engine/standing"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/inventory/switchtest"
	"github.com/tapline-sdn/tapline/controller/meter"
	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/controller/session"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// webs is a switch with the tap NIC of a service and with guests web1 to webN on br0, beside g1 and
// g2.
func (r *ring) webs(s view.Service, numbers ...byte) *vswitch.Snapshot {
	ports := []switchtest.Port{
		switchtest.NICPort("eth0", "ixgbe"),
		switchtest.GuestPort("vnet1", 11, map[string]string{"attached-mac": "52:54:00:00:00:01",
			"vm-id": "g1"}),
		switchtest.GuestPort("vnet2", 12, map[string]string{"attached-mac": "52:54:00:00:00:02",
			"vm-id": "g2"}),
	}
	for _, n := range numbers {
		ports = append(ports, switchtest.GuestPort(fmt.Sprintf("web%d", n), 100+int(n),
			map[string]string{"attached-mac": switchtest.MAC(n).String(),
				"vm-id": fmt.Sprintf("web%d", n)}))
	}
	return switchtest.Snapshot(r.t, map[string]string{"ovn-bridge-mappings": "net0:br0"},
		switchtest.Bridge{Name: "br0", Datapath: "netdev", Ports: ports}, r.tapBridge(s))
}

// selecting creates a tap flow with a selector.
func (r *ring) selecting(name, selector string, adjust ...func(*tap.Flow)) view.Flow {
	r.t.Helper()
	f := tap.Flow{Name: name, Type: tap.FlowSelector, TapID: "col", Selector: selector,
		Enabled: true}
	for _, change := range adjust {
		change(&f)
	}
	v := must(r.e.CreateFlow(r.t.Context(), store.Flow{Flow: f}))(r.t)
	r.idle()
	return v
}

// mirrored returns the ports that a host's program mirrors, sorted.
func (r *ring) mirrored(host string) (ports []string) {
	for _, m := range r.program(host).Program.Mirrors {
		ports = append(ports, m.SelectSrc...)
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}

// selected returns the guests that a tap flow's selector matches, as GUEST STATE.
func (r *ring) selected(flow string) (guests []string) {
	for _, m := range must(r.e.Members(flow))(r.t) {
		guests = append(guests, m.GuestID+" "+string(m.State))
	}
	return guests
}

// TestSelectorFollows: guests that match are mirrored as they come, and no longer as they go; the
// guest that collects never is. One that selects nothing says so.
func TestSelectorFollows(t *testing.T) {
	r, service, first := newWorld(t)
	require.NoError(t, r.e.DeleteFlow(t.Context(), first.ID, 0))
	r.ready(service)
	require.Empty(t, r.mirrored("h1"))

	f := r.selecting("webs", " name = web*|g2 ,wire=net0")
	assert.Equal(t, " name = web*|g2 ,wire=net0", f.Selector, "as it was written")
	v := must(r.e.Flow("webs"))(t)
	assert.Equal(t, tap.StatePending, v.State, v.Reason)
	assert.Equal(t, view.CodeSelectsNothing, v.Code)
	assert.Empty(t, r.selected("webs"), "g2 collects")

	r.report("h1", r.webs(service, 3, 4), nil)
	assert.Equal(t, []string{"web3", "web4"}, r.mirrored("h1"))
	v = must(r.e.Flow("webs"))(t)
	assert.Equal(t, tap.StateReady, v.State, v.Reason)
	assert.Equal(t, view.MemberCounts{Total: 2, Ready: 2}, v.Members)
	assert.Equal(t, []string{"web3 ready", "web4 ready"}, r.selected("webs"))

	// One that the switch does not get to work is an error, and which one is said.
	owner := r.program("h1").Program.Mirrors[0].Owner
	r.report("h1", r.webs(service, 3, 4), map[string]session.OwnerState{
		owner: {State: session.Failed, Reason: "no such port"},
	})
	v = must(r.e.Flow("webs"))(t)
	assert.Equal(t, tap.StateError, v.State)
	assert.Equal(t, view.MemberCounts{Total: 2, Failed: 2}, v.Members)
	assert.Regexp(t, `^2 of 2 NICs: NIC 52:54:00:00:00:0[34] of guest web[34]: `+
		`host h1: no such port$`, v.Reason)

	r.report("h1", r.webs(service, 4, 5), nil)
	assert.Equal(t, []string{"web4", "web5"}, r.mirrored("h1"))
	assert.Equal(t, []string{"web4 ready", "web5 ready"}, r.selected("webs"))

	// Its user changes what it selects, and switches it off and on.
	must(r.e.UpdateFlow(t.Context(), "webs", 0, func(f *store.Flow) error {
		f.Selector = "name=web5"
		return nil
	}))(t)
	r.idle()
	assert.Equal(t, []string{"web5"}, r.mirrored("h1"))
	must(r.e.UpdateFlow(t.Context(), "webs", 0, func(f *store.Flow) error {
		f.Enabled = false
		return nil
	}))(t)
	r.idle()
	assert.Equal(t, tap.StatePending, must(r.e.Flow("webs"))(t).State,
		"the switch was not read back")
	r.report("h1", r.webs(service, 4, 5), nil)
	v = must(r.e.Flow("webs"))(t)
	assert.Equal(t, tap.StateDisabled, v.State, v.Reason)
	assert.Equal(t, 1, v.Members.Total)
	assert.Equal(t, []string{"web5 disabled"}, r.selected("webs"))
	assert.Empty(t, r.mirrored("h1"))

	require.NoError(t, r.e.DeleteFlow(t.Context(), "webs", 0))
	r.e.mu.Lock()
	defer r.e.mu.Unlock()
	assert.True(t, r.e.members.Idle())
	assert.Empty(t, r.e.intent.Members)
	assert.Empty(t, r.e.intent.MembersOf)
	assert.Empty(t, r.e.intent.Selected)
	assert.Equal(t, standing.Sizes{Verdicts: 1, Needs: r.e.standing.Sizes().Needs},
		r.e.standing.Sizes(), "nothing of its members is left")
}

// TestSelectorsShare: a NIC that two selectors match, and a tap flow of its own, is copied once.
// Options of its own make a capture of its own.
func TestSelectorsShare(t *testing.T) {
	r, service, first := newWorld(t)
	r.ready(service)
	before := len(r.program("h1").Program.Mirrors)

	r.selecting("a", "name=g1")
	r.selecting("b", "wire=br0|net0")
	r.report("h1", hostSnapshot(t, r.tapBridge(service)), nil)
	assert.Len(t, r.program("h1").Program.Mirrors, before, "they share the capture")
	assert.Equal(t, []string{"g1 ready"}, r.selected("b"))

	_, err := r.e.CreateFlow(t.Context(), store.Flow{Flow: tap.Flow{Name: "c", TapID: "col",
		Type: tap.FlowSelector, Selector: "name=g1"}})
	wantError(t, err, view.Conflict, "", "tap flow a")

	r.selecting("d", "name=g1", func(f *tap.Flow) { f.Snaplen = 96 })
	assert.Len(t, r.program("h1").Program.Mirrors, before+1)

	for _, name := range []string{"a", "b", first.Name} {
		require.NoError(t, r.e.DeleteFlow(t.Context(), name, 0))
		r.idle()
	}
	assert.Equal(t, []string{"vnet1"}, r.mirrored("h1"), "d mirrors it still")
}

// TestBadSelectors: an error says what is wrong and where, and changes nothing.
func TestBadSelectors(t *testing.T) {
	r, _, _ := newWorld(t)
	create := func(f tap.Flow) error {
		f.Name, f.TapID = "x", "col"
		_, err := r.e.CreateFlow(t.Context(), store.Flow{Flow: f})
		return err
	}

	wantError(t, create(tap.Flow{Type: tap.FlowSelector, Selector: "name=x,app=db"}), view.Invalid,
		"selector", `at character 8: "app=db" is not a term`)
	wantError(t, create(tap.Flow{Type: tap.FlowSelector}), view.Invalid, "selector", "needs one")
	wantError(t, create(tap.Flow{Type: tap.FlowVNIC, GuestID: "g1", Selector: "name=x"}),
		view.Invalid, "selector", "belongs to flows of type selector")
	wantError(t, create(tap.Flow{Type: tap.FlowSelector, Selector: "name=x", GuestID: "g1"}),
		view.Invalid, "guest_id", "belong to flows of type vnic")
}

// TestSelectorOfLabels: a label that is declared makes a guest a member at once, and its loss ends
// that; a wire that a host declares does so for the guests there.
func TestSelectorOfLabels(t *testing.T) {
	r, service, _ := newWorld(t)
	r.ready(service)
	r.selecting("dbs", "label.app=db")
	r.selecting("blue", "wire=blue")
	assert.Empty(t, r.selected("dbs"))

	must(r.e.CreateGuest(t.Context(), store.Guest{ID: "g1", Name: "g1",
		NICs:  []store.GuestNIC{{MAC: switchtest.MAC(1)}},
		Notes: store.Notes{Labels: map[string]string{"app": "db"}}}))(t)
	r.idle()
	r.report("h1", hostSnapshot(t, r.tapBridge(service)), nil)
	assert.Equal(t, []string{"g1 ready"}, r.selected("dbs"))

	must(r.e.UpdateHost(t.Context(), "h1", 0, func(h *store.Host) error {
		h.Wires = map[string]string{"blue": "br0"}
		return nil
	}))(t)
	r.idle()
	r.report("h1", hostSnapshot(t, r.tapBridge(service)), nil)
	assert.Equal(t, []string{"g1 ready"}, r.selected("blue"))

	must(r.e.UpdateGuest(t.Context(), "g1", 0, func(g *store.Guest) error {
		g.Labels = nil
		return nil
	}))(t)
	r.idle()
	assert.Empty(t, r.selected("dbs"))
	assert.Equal(t, []string{"g1 ready"}, r.selected("blue"))
}

// TestSelectorForecast: a plan says which NICs a selector would begin and cease to mirror, and an
// explanation names those that it matches.
func TestSelectorForecast(t *testing.T) {
	r, service, first := newWorld(t)
	r.ready(service)
	foresee := func(change func(context.Context, *Engine) error) map[string]forecast.Resource {
		found := map[string]forecast.Resource{}
		for _, f := range must(r.e.Rehearse(t.Context(), change))(t).Resources {
			found[f.Name] = f
		}
		return found
	}

	planned := foresee(func(ctx context.Context, e *Engine) error {
		_, err := e.CreateFlow(ctx, store.Flow{Flow: tap.Flow{Name: "all", TapID: "col",
			Type: tap.FlowSelector, Selector: "wire=net0", Enabled: true}})
		return err
	})["all"]
	assert.Equal(t, []string{"g1 52:54:00:00:00:01"}, planned.Joins)
	assert.Equal(t, tap.StateReady, planned.After.State, planned.After.Reason)

	r.selecting("all", "!label.private")
	r.report("h1", hostSnapshot(t, r.tapBridge(service)), nil)
	planned = foresee(func(ctx context.Context, e *Engine) error {
		_, err := e.CreateGuest(ctx, store.Guest{ID: "g1", Name: "g1",
			NICs:  []store.GuestNIC{{MAC: switchtest.MAC(1)}},
			Notes: store.Notes{Labels: map[string]string{"private": ""}}})
		return err
	})["all"]
	assert.Equal(t, []string{"g1 52:54:00:00:00:01"}, planned.Leaves)
	assert.Equal(t, view.CodeSelectsNothing, planned.After.Code)

	x := must(r.e.ExplainFlow(t.Context(), "all"))(t)
	require.NotEmpty(t, x.Path)
	assert.Equal(t, "NIC 52:54:00:00:00:01 of guest g1, BOTH", x.Path[0].Text)
	assert.Equal(t, "vnet1", x.Path[0].Port)
	require.NoError(t, r.e.DeleteFlow(t.Context(), first.ID, 0))
}

// TestMembersCount: what is counted by the addresses of members is their tap flow's. Where it has a
// capture alone, everything that the capture counts is, and a packet between two members is one.
func TestMembersCount(t *testing.T) {
	shared := meter.Route{Flows: []string{"sel", "vnic"}}
	alone := meter.Route{Flows: []string{"sel"}}
	flow := func(owner string, counts tap.FlowCount, ids ...string) meter.FlowCount {
		return meter.FlowCount{Meter: reconcile.Meter{Owner: owner, Counts: counts, TapFlows: ids}}
	}
	r := meter.Reading{Flows: []meter.FlowCount{
		flow("shared", tap.CountsByPlace),
		flow("shared", tap.CountsSent, "sel/g1/x", "sel/g1/y", "vnic"),
		flow("alone", tap.CountsByPlace), flow("alone", tap.CountsReceived, "sel/g1/x"),
		flow("alone", tap.CountsSent), flow("other", tap.CountsSent, "vnic"),
	}}
	joinMembers(&r, map[string]meter.Route{"shared": shared, "alone": alone, "other": alone})
	assert.Equal(t, []meter.FlowCount{
		flow("shared", tap.CountsByPlace), flow("shared", tap.CountsSent, "sel", "vnic"),
		flow("alone", tap.CountsByPlace), flow("other", tap.CountsSent, "vnic"),
	}, r.Flows)
}
