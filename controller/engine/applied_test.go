package engine

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapline-sdn/tapline/controller/inventory/switchtest"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// TestAppliedBy: who made a record stays known through its changes and through a restart.
func TestAppliedBy(t *testing.T) {
	r := newRing(t, store.NewMemory())
	ctx := t.Context()
	set := store.Meta{AppliedBy: "lab"}
	r.host("h1", func(h *store.Host) { h.Meta = set })
	r.report("h1", hostSnapshot(t), nil)
	must(r.e.CreateGuest(ctx, store.Guest{Meta: set, Name: "g9",
		NICs: []store.GuestNIC{{MAC: switchtest.MAC(9)}}}))(t)
	must(r.e.CreateService(ctx, store.Service{Meta: set,
		Service: tap.Service{Name: "col", Type: tap.ServiceGuest, TargetID: "g2"}}))(t)
	must(r.e.CreateFlow(ctx, store.Flow{Meta: set,
		Flow: tap.Flow{Name: "f1", Type: tap.FlowVNIC, TapID: "col", GuestID: "g1"}}))(t)
	must(r.e.UpdateHost(ctx, "h1", 0,
		func(h *store.Host) error { h.Wires = map[string]string{"net1": "br0"}; return nil }))(t)
	must(r.e.UpdateGuest(ctx, "g9", 0, func(g *store.Guest) error { g.Name = "g8"; return nil }))(t)
	must(r.e.UpdateService(ctx, "col", 0, enable))(t)
	must(r.e.UpdateFlow(ctx, "f1", 0,
		func(f *store.Flow) error { f.Enabled = true; return nil }))(t)
	check := func(e *Engine) {
		t.Helper()
		assert.Equal(t, "lab", must(e.Host("h1"))(t).AppliedBy)
		assert.Equal(t, "lab", must(e.Guest("g8"))(t).Record.AppliedBy)
		assert.Equal(t, "lab", must(e.Service("col"))(t).AppliedBy)
		assert.Equal(t, "lab", must(e.Flow("f1"))(t).AppliedBy)
	}

	check(r.e)
	r.end()
	check(newRing(t, r.store).e)
}
