package engine

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapline-sdn/tapline/controller/engine/explain"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/inventory/switchtest"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// checked returns the check of an explanation that says something.
func checked(t *testing.T, x explain.Explanation, says string) (explain.Check, bool) {
	t.Helper()
	for _, c := range x.Checks {
		if strings.Contains(c.What, says) {
			return c, true
		}
	}
	return explain.Check{}, false
}

// TestFlowsThatMeet: the explanation of a flow names others of its service that may deliver the
// same packet, and says how packets pass both.
func TestFlowsThatMeet(t *testing.T) {
	r, _, _ := newWorld(t)
	create := func(name string, f tap.Flow) {
		t.Helper()
		f.Name, f.TapID, f.Enabled = name, "col", true
		must(r.e.CreateFlow(t.Context(), store.Flow{Flow: f}))(t)
	}

	r.report("h1", hostSnapshot(t, switchtest.Bridge{Name: "br9", Datapath: "netdev"}), nil)
	create("alone", tap.Flow{Type: tap.FlowVSwitch, HostID: "h1", WireID: "br9"})
	create("same-bridge", tap.Flow{Type: tap.FlowVSwitch, HostID: "h1", WireID: "br0"})
	r.host("h2")
	r.report("h2", emptyBridge(t), nil)
	create("elsewhere", tap.Flow{Type: tap.FlowVSwitch, HostID: "h2", WireID: "br0"})
	r.idle()

	for flow, others := range map[string][]string{
		"alone":       nil,
		"f1":          {"elsewhere (wire br0 joins hosts h1 and h2)"},
		"same-bridge": {"elsewhere (wire br0 joins hosts h1 and h2)"},
		"elsewhere":   {"f1 (wire br0 joins", "same-bridge (wire br0 joins"},
	} {
		x, err := r.e.ExplainFlow(t.Context(), flow)
		assert.NoError(t, err)
		c, told := checked(t, x, "may arrive twice")
		assert.Equal(t, others != nil, told, flow)
		for _, other := range others {
			assert.Contains(t, c.What, other, flow)
		}
		assert.NotContains(t, c.What, "alone", flow)
		assert.Len(t, x.Twins, len(others), flow)
	}
}

// TestLostHostMayStillCopy: the explanation of a flow that was disabled names the hosts that were
// not read back without it, and what to do.
func TestLostHostMayStillCopy(t *testing.T) {
	r, s, f := newWorld(t)
	r.ready(s)
	r.lose("h1", "no route to host")
	must(r.e.UpdateFlow(t.Context(), f.ID, 0, func(f *store.Flow) error {
		f.Enabled = false
		return nil
	}))(t)

	r.idle()

	x, err := r.e.ExplainFlow(t.Context(), f.ID)
	assert.NoError(t, err)
	c, told := checked(t, x, "host h1 was read back without")
	assert.True(t, told)
	assert.Equal(t, view.CodeMayStillCopy, c.Code)
	assert.Contains(t, c.Next, "tapline cleanup")

	r.report("h1", hostSnapshot(t, r.tapBridge(s)), nil)
	r.idle()
	r.report("h1", hostSnapshot(t, r.tapBridge(s)), nil)
	x, err = r.e.ExplainFlow(t.Context(), f.ID)
	assert.NoError(t, err)
	_, told = checked(t, x, "was read back without")
	assert.False(t, told)
}
