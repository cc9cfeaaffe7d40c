package engine

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/inventory/switchtest"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// TestTunnelAddressOfAnother: an address that another host's switch shows is refused as well as one
// that another host declares.
func TestTunnelAddressOfAnother(t *testing.T) {
	r := newRing(t, store.NewMemory())
	taken := netip.MustParseAddr("192.0.2.77")
	r.host("h1", func(h *store.Host) { h.TunnelIP = netip.Addr{} })
	r.host("h2")
	r.report("h1", switchtest.Snapshot(t, map[string]string{"ovn-encap-ip": taken.String()}), nil)
	require.Equal(t, taken, must(r.e.Host("h1"))(t).TunnelIP)
	before := must(r.e.Host("h2"))(t)

	_, err := r.e.UpdateHost(t.Context(), "h2", 0,
		func(h *store.Host) error { h.TunnelIP = taken; return nil })
	wantError(t, err, view.Conflict, "tunnel_ip", "192.0.2.77 already is that of host h1")
	assert.Equal(t, before, must(r.e.Host("h2"))(t))

	_, err = r.e.CreateHost(t.Context(), store.Host{Name: "h3", OVSDB: r.target(), TunnelIP: taken})
	wantError(t, err, view.Conflict, "tunnel_ip", "192.0.2.77 already is that of host h1")
	_, err = r.e.Host("h3")
	assert.Equal(t, view.NotFound, kindOf(err))
}

// TestChangedHostIsPlannedAnew: what was known of a host does not count for a changed one, until
// its switch was read back.
func TestChangedHostIsPlannedAnew(t *testing.T) {
	r, s, _ := newWorld(t)
	r.ready(s)
	require.Equal(t, tap.StateReady, must(r.e.Host("h1"))(t).State)

	changed := must(r.e.UpdateHost(t.Context(), "h1", 0, func(h *store.Host) error {
		h.TunnelIP = netip.MustParseAddr("192.0.2.99")
		return nil
	}))(t)
	assert.Equal(t, view.Pending(view.CodePlanning, "it is being planned"), changed.Health)

	r.idle()
	assert.NotEqual(t, view.CodePlanning, must(r.e.Host("h1"))(t).Code, "the plugin has answered")
	r.report("h1", hostSnapshot(t, r.tapBridge(s)), nil)
	assert.Equal(t, view.Ready(), must(r.e.Host("h1"))(t).Health)
}
