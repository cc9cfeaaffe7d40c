package reconcile_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
)

// TestMirrorOfEverything: a mirror of all traffic selects, as sources, all ports of its bridge but
// ours. It follows them when they come and go.
func TestMirrorOfEverything(t *testing.T) {
	db := newDatabase(t)
	db.twoBridges()
	d := desired(t, program(without("cap1"), capture("cap2", "2", "br0")))
	db.settle(d)

	sources := func() (names []string) {
		snap := db.snapshot()
		bridge, exists := snap.Bridge("br0")
		require.True(t, exists)
		mirrors := snap.BridgeMirrors(bridge)
		require.Len(t, mirrors, 1)

		assert.False(t, mirrors[0].SelectAll, "Open vSwitch would copy changed packets again")
		assert.Empty(t, mirrors[0].SelectDstPort)
		for _, id := range mirrors[0].SelectSrcPort {
			port, stands := snap.Port(id)
			require.True(t, stands)
			names = append(names, port.Name)
		}
		return names
	}

	before := sources()
	assert.Contains(t, before, "br0")
	assert.NotContains(t, before, "tlm-2")

	db.vsctl("add-port br0 vnet9")
	rows := reconcile.Diff(db.snapshot(), d, self, reconcile.Open, reconcile.Open)
	require.Len(t, rows.Changes, 1)
	added, _ := db.snapshot().PortByName("vnet9")
	assert.Equal(t, []vswitch.UUID{added.UUID}, rows.Changes[0].Gains, "so it is no drift")

	db.settle(d)
	assert.ElementsMatch(t, append(before, "vnet9"), sources())

	db.vsctl("del-port br0 vnet9")
	assert.True(t, reconcile.Diff(db.snapshot(), d, self, reconcile.Open,
		reconcile.Open).Txn.Empty(), "the database has taken the port out of the mirror")
	assert.ElementsMatch(t, before, sources())
}

// TestMirrorOfWhatLeaves: where a mirror of all traffic is to have what leaves, too, Open vSwitch
// selects it. A program that no longer asks for that changes the row.
func TestMirrorOfWhatLeaves(t *testing.T) {
	db := newDatabase(t)
	db.twoBridges()
	row := func() *vswitch.Mirror {
		snap := db.snapshot()
		bridge, exists := snap.Bridge("br0")
		require.True(t, exists)
		mirrors := snap.BridgeMirrors(bridge)
		require.Len(t, mirrors, 1)
		return mirrors[0]
	}

	for _, leaving := range []bool{true, false, true} {
		p := program(without("cap1"), capture("cap2", "2", "br0"))
		for i := range p.Mirrors {
			p.Mirrors[i].Leaving = leaving
		}
		d := desired(t, p)
		db.settle(d)
		assert.Equal(t, leaving, row().SelectAll)
		assert.Equal(t, leaving, len(row().SelectSrcPort) == 0)
		assert.True(t, reconcile.Diff(db.snapshot(), d, self, reconcile.Open,
			reconcile.Open).Txn.Empty(), "it is right")
	}
}
