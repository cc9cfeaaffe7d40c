package standing

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// TestRejectedTunnelAddressIsTold: a host that shows another tunnel address than the one that was
// learned first is ready with the first one, and says so.
func TestRejectedTunnelAddressIsTold(t *testing.T) {
	h := NewHost("id-1")
	h.Report.Connected, h.Program = true, &reconcile.Desired{}
	h.Observed.Host.TunnelIP = netip.MustParseAddr("192.0.2.1")
	assert.Equal(t, view.Ready(), h.CurrentHealth())

	h.Observed.RejectedTunnelIP = netip.MustParseAddr("192.0.2.66")
	health := h.CurrentHealth()
	assert.Equal(t, tap.StateReady, health.State)
	assert.Equal(t, view.CodeAddressKept, health.Code)
	assert.Contains(t, health.Reason, "192.0.2.66")
	assert.Contains(t, health.Reason, "192.0.2.1 is kept")
}

// TestLeftoversAreTold: objects of another cluster keep no mirror from running, and are named.
func TestLeftoversAreTold(t *testing.T) {
	h := NewHost("id-1")
	h.Report.Connected, h.Program = true, &reconcile.Desired{}
	h.Observed.Leftovers = "its switch has 2 objects of c2"
	assert.Equal(t, view.Health{State: tap.StateReady, Code: view.CodeOtherCluster,
		Reason: "its switch has 2 objects of c2"}, h.CurrentHealth())
}
