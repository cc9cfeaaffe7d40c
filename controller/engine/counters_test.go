package engine

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapline-sdn/tapline/controller/engine/fleet"
	"github.com/tapline-sdn/tapline/controller/inventory"
	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// TestLargestCaptured: the ports of the mirrored bridge alone say how large frames may be.
func TestLargestCaptured(t *testing.T) {
	h := fleet.NewHost("h1", func() {})
	assert.Zero(t, largestCaptured(h, "cap"), "without a program")

	h.Program = &reconcile.Desired{Program: &tap.Program{Mirrors: []tap.Mirror{
		{Owner: "cap", Bridge: "br0"}, {Owner: "other", Bridge: "br1"},
	}}}
	ports := []*inventory.Port{
		{Bridge: "br0", MTU: 1500}, {Bridge: "br0", MTU: 1400}, {Bridge: "br1", MTU: 9000},
	}
	h.Observed.Ports = ports
	assert.Equal(t, uint32(1518), largestCaptured(h, "cap"))
	assert.Equal(t, uint32(9018), largestCaptured(h, "other"))

	ports[1].MTU = 0
	assert.Zero(t, largestCaptured(h, "cap"), "one is unknown")
}
