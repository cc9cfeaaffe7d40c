package inventory

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapline-sdn/tapline/controller/inventory/switchtest"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// TestLeftovers: what other clusters have on a switch is counted and named, with the command that
// removes it.
func TestLeftovers(t *testing.T) {
	mark := func(cluster string) map[string]string { return map[string]string{"tapline": cluster} }
	snap := switchtest.Snapshot(t, nil, switchtest.Bridge{
		Name: "br0",
		Ports: []switchtest.Port{{Name: "tlm-1", IDs: mark("c2")}, {Name: "tlm-2", IDs: mark("c1")},
			{Name: "tlm-3", IDs: mark("c3")}},
		Mirrors: []switchtest.Mirror{{Name: "tl-1", IDs: mark("c2")}, {Name: "x"}},
	})

	record := &store.Host{OVSDB: "tcp:192.0.2.9:6640"}
	observer := Observer{Cluster: "c1", TapBridge: "brtap"}
	nobody := func(string, tap.MAC) bool { return false }
	seen := observer.Observe(record, store.Learned{}, snap, nobody)
	assert.Equal(t, "its switch has 2 objects of another Tapline cluster, c2; if that runs no "+
		"more, tapline cleanup --ovsdb tcp:192.0.2.9:6640 --cluster c2 removes them; its switch "+
		"has 1 objects of another Tapline cluster, c3; if that runs no more, tapline cleanup "+
		"--ovsdb tcp:192.0.2.9:6640 --cluster c3 removes them", seen.Leftovers)

	for _, none := range []switchtest.Bridge{{Name: "br0"},
		{Name: "br0", Ports: []switchtest.Port{{Name: "tlm-2", IDs: mark("c1")}}}} {
		seen := observer.Observe(record, store.Learned{}, switchtest.Snapshot(t, nil, none), nobody)
		assert.Empty(t, seen.Leftovers)
	}
}
