package tapctltest

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Spread returns a furnished desk that also has a tunnel, a local mirror, and a tap service and a
// tap flow that are on no host.
func Spread(t *testing.T) *Desk {
	d := New(t)
	d.Furnish()

	mac, err := tap.ParseMAC("52:54:00:00:00:09")
	require.NoError(t, err)
	d.Engine.LearnGuest(view.Guest{ID: "vm-9", Name: "db", NICs: []view.NIC{{
		MAC:    mac,
		IPs:    []netip.Addr{netip.MustParseAddr("10.0.0.9")},
		HostID: "host-2", Host: "h2", Bridge: "br1", Port: "vnet9",
	}}})

	d.Must("tap-flow-create --type vnic --guest-id db --tap-id probe db-all")
	d.Must(
		"tap-flow-create --type vswitch --host-id h1 --wire-id net0 --tap-id probe --disabled all")

	d.Engine.SetHealth("svc-4", tap.StateReady, "")
	d.Engine.SetHealth("flow-7", tap.StateReady, "")
	d.Must("tap-service-enable probe")
	return d
}
