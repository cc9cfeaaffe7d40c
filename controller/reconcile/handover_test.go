package reconcile_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// mirrorNames are the mirrors of a program.
func mirrorNames(p *tap.Program) (names []string) {
	for _, m := range p.Mirrors {
		names = append(names, m.Name)
	}
	return names
}

// owners counts the flows of each owner.
func flowOwners(p *tap.Program) map[string]int {
	count := map[string]int{}
	for _, f := range p.Flows {
		count[f.Owner]++
	}
	return count
}

// TestHandover: where one capture takes over from another, everything of the new one stands before
// the mirrors change, and everything of the old one until they have.
func TestHandover(t *testing.T) {
	before := program()
	after := program(capture("cap2", "2", "br0", "vnet1"), without("cap1"))
	stages := reconcile.Handover(before, after)
	require.Len(t, stages, 2)
	for _, stage := range stages {
		desired(t, stage) // It keeps the contract.
		assert.Equal(t, map[string]int{"bridge": 1, "cap1": 1, "cap2": 1}, flowOwners(stage))
		assert.Len(t, stage.Ports, 5)
	}
	assert.Equal(t, []string{"tl-1"}, mirrorNames(stages[0]))
	assert.Equal(t, []string{"tl-2"}, mirrorNames(stages[1]))
}

// TestHandoverOfOnePort: a capture that stays gives up one port, or takes it back.
func TestHandoverOfOnePort(t *testing.T) {
	both := program(without("cap1"), capture("cap1", "1", "br0", "vnet1", "vnet2"))
	split := program(without("cap1"), capture("cap1", "1", "br0", "vnet1"),
		capture("cap2", "2", "br0", "vnet2"))
	for _, tc := range []struct{ before, after *tap.Program }{{both, split}, {split, both}} {
		stages := reconcile.Handover(tc.before, tc.after)
		require.Len(t, stages, 2)
		assert.Equal(t, mirrorNames(tc.before), mirrorNames(stages[0]))
		assert.Equal(t, mirrorNames(tc.after), mirrorNames(stages[1]))
		assert.Equal(t, map[string]int{"bridge": 1, "cap1": 1, "cap2": 1}, flowOwners(stages[0]))
	}
}

// TestNoHandover: what ends, begins or changes by itself does so at once.
func TestNoHandover(t *testing.T) {
	one := program()
	two := program(capture("cap2", "2", "br0", "vnet2"))
	for name, tc := range map[string][2]*tap.Program{
		"nothing changes": {one, program()}, "one begins": {one, two}, "one ends": {two, one},
		"another bridge": {one, program(without("cap1"), capture("cap2", "2", "br1", "vnet1"))},
		"a flow changes": {one, program(func(p *tap.Program) { p.Flows[1].Mod.Priority++ })},
	} {
		assert.Empty(t, reconcile.Handover(tc[0], tc[1]), name)
	}
}

// TestHandoverLeavesOthersAlone: a capture that takes no part and ends does so in the first stage.
func TestHandoverLeavesOthersAlone(t *testing.T) {
	before := program(capture("cap9", "9", "br0", "vnet9"))
	after := program(capture("cap2", "2", "br0", "vnet1"), without("cap1"))
	stages := reconcile.Handover(before, after)
	require.Len(t, stages, 2)
	assert.NotContains(t, mirrorNames(stages[0]), "tl-9")
	assert.NotContains(t, flowOwners(stages[0]), "cap9")
}

// TestMirrorContinues: a mirror that another capture takes over stays the row that it is: between a
// row that goes and one that comes, Open vSwitch may look at packets without either.
func TestMirrorContinues(t *testing.T) {
	db := newDatabase(t)
	db.twoBridges()
	before, after := program(), program(capture("cap2", "2", "br0", "vnet1"), without("cap1"))
	db.settle(desired(t, before))
	was, found := mirrorNamed(db.snapshot(), "tl-1")
	require.True(t, found)

	for _, stage := range append(reconcile.Handover(before, after), after) {
		db.settle(desired(t, stage))
		_, old := mirrorNamed(db.snapshot(), "tl-1")
		is, new := mirrorNamed(db.snapshot(), "tl-2")
		assert.NotEqual(t, old, new)
		if new {
			assert.Equal(t, was.UUID, is.UUID)
			assert.Equal(t, "cap2", is.ExternalIDs.Get(reconcile.IDKey))
			assert.NotEqual(t, *was.OutputPort, *is.OutputPort)
		}
	}
}

// mirrorNamed finds a mirror of br0.
func mirrorNamed(snap *vswitch.Snapshot, name string) (*vswitch.Mirror, bool) {
	bridge, _ := snap.Bridge("br0")
	for m := range snap.EachMirror(bridge) {
		if m.Name == name {
			return m, true
		}
	}
	return nil, false
}
