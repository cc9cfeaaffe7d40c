package reconcile_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// TestPacketInContract: packets go to the controller by the connection for captures alone, whole,
// and by a flow that expires without a controller.
func TestPacketInContract(t *testing.T) {
	right := action.Controller{
		MaxLen: 0xffff, ID: tap.PacketInID, Reason: action.ReasonAction,
	}
	with := func(change func(*openflow.FlowMod), do ...action.Action) func(*tap.Program) {
		f := flow("s1", 8, 5, nil, apply(do...))
		f.Mod.HardTimeout = tap.PacketInTimeout
		change(&f.Mod)
		return func(p *tap.Program) { p.Flows = append(p.Flows, f) }
	}
	same := func(*openflow.FlowMod) {}

	d, err := reconcile.NewDesired(program(with(same, right)), tapBridge)
	if assert.NoError(t, err) {
		assert.True(t, d.Captures())
		assert.Len(t, d.Expiring(), 1)
		assert.NotEqual(t, desired(t, program()).Fingerprints[tap.OwnerBridge],
			d.Fingerprints[tap.OwnerBridge], "the bridge has a row more")
	}

	for name, tc := range map[string]struct {
		adjust func(*tap.Program)
		want   string
	}{
		"main connection": {with(same, action.Controller{MaxLen: 0xffff, Reason: 1}), "alone"},
		"cut":             {with(same, action.Controller{MaxLen: 64, ID: 7, Reason: 1}), "alone"},
		"another reason":  {with(same, action.Controller{MaxLen: 0xffff, ID: 7}), "alone"},
		"and elsewhere":   {with(same, right, action.Output{Port: 9}), "alone"},
		"in a clone": {with(same, action.Clone{Actions: []action.Action{right}}),
			"want no timeout"},
		"in a clone that stays": {with(func(m *openflow.FlowMod) { m.HardTimeout = 0 },
			action.Clone{Actions: []action.Action{right}}), "inside a clone"},
		"for ever":   {with(func(m *openflow.FlowMod) { m.HardTimeout = 0 }, right), "timeout=60"},
		"too long":   {with(func(m *openflow.FlowMod) { m.HardTimeout = 61 }, right), "timeout=60"},
		"while idle": {with(func(m *openflow.FlowMod) { m.IdleTimeout = 9 }, right), "no other"},
		"no packets": {with(same, action.Output{Port: 9}), "want no timeout"},
		"written actions": {with(func(m *openflow.FlowMod) {
			m.HardTimeout = 0
			m.Instructions = []action.Instruction{action.WriteActions{right}}
		}), "by apply_actions"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := reconcile.NewDesired(program(tc.adjust), tapBridge)
			assert.ErrorContains(t, err, tc.want)
		})
	}
}
