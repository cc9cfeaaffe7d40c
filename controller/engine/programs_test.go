package engine

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/inventory/switchtest"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// TestPrograms: what the mirror plugin plans for sources and destinations of every kind holds the
// contract, and reaches the hosts.
func TestPrograms(t *testing.T) {
	for _, family := range []string{"192.0.2.", "2001:db8::"} {
		t.Run(family, func(t *testing.T) {
			r := newRing(t, store.NewMemory())
			ctx := t.Context()
			for i, name := range []string{"h1", "h2"} {
				r.host(name, func(h *store.Host) {
					h.TunnelIP = netip.MustParseAddr(family + string(rune('1'+i)))
					h.NICs = []store.HostNIC{{Name: "eth9", MAC: switchtest.MAC(byte(0x91 + i))}}
				})
			}

			r.report("h1", hostSnapshot(t), nil)
			second := switchtest.Bridge{Name: "br0", Datapath: "netdev", Ports: []switchtest.Port{
				switchtest.GuestPort("vnet3", 13,
					map[string]string{"attached-mac": "52:54:00:00:00:03", "vm-id": "g3"}),
			}}

			r.report("h2", switchtest.Snapshot(t,
				map[string]string{"ovn-bridge-mappings": "net0:br0"}, second), nil)

			guest := must(r.e.CreateService(ctx, store.Service{Service: tap.Service{Name: "guest",
				Type: tap.ServiceGuest, TargetID: "g3"}}))(t)
			must(r.e.CreateService(ctx, store.Service{Service: tap.Service{Name: "nic",
				Type: tap.ServiceHost, TargetID: "h1", MAC: switchtest.MAC(0x91)}}))(t)
			for _, service := range []string{"guest", "nic"} {
				for name, f := range map[string]tap.Flow{
					"vnic-in": {Type: tap.FlowVNIC, GuestID: "g1", Direction: tap.In},
					"vnic":    {Type: tap.FlowVNIC, GuestID: "g2"},
					"all":     {Type: tap.FlowVSwitch, HostID: "h1", WireID: "net0"},
					"vlan":    {Type: tap.FlowVSwitch, HostID: "h2", WireID: "net0", VLAN: 7},
					"vlan-out": {Type: tap.FlowVSwitch, HostID: "h1", WireID: "br0", VLAN: 8,
						Direction: tap.Out},
				} {
					f.Name, f.TapID, f.Enabled = service+"-"+name, service, true
					must(r.e.CreateFlow(ctx, store.Flow{Flow: f}))(t)
				}
				must(r.e.UpdateService(ctx, service, 0, enable))(t)
			}

			r.idle()
			cluster := map[string]string{"tapline": r.e.ClusterID()}
			r.report("h2", switchtest.Snapshot(t,
				map[string]string{"ovn-bridge-mappings": "net0:br0"}, second, r.tapBridge(guest)),
				nil)
			r.report("h1", hostSnapshot(t, switchtest.Bridge{Name: "brtap", Datapath: "netdev",
				IDs: cluster, Ports: []switchtest.Port{
					{Name: "eth9", Devices: []switchtest.Device{{OFPort: 9,
						MAC: switchtest.MAC(0x91).String()}}},
				}}), nil)

			r.report("h2", switchtest.Snapshot(t,
				map[string]string{"ovn-bridge-mappings": "net0:br0"}, second, r.tapBridge(guest)),
				nil)

			assert.Equal(t, 1, r.plugin.starts(), "%v", r.plugin.Err())
			require.NoError(t, r.e.Ready())
			first, other := r.program("h1").Program, r.program("h2").Program
			assert.NotEmpty(t, first.Mirrors)
			assert.NotEmpty(t, other.Mirrors)
			assert.Equal(t, "tl-gre", first.Tunnel.Port)
			require.Len(t, first.Tunnel.Peers, 1)
			assert.Equal(t, family+"2", first.Tunnel.Peers[0].Addr.String())
			assert.True(t, slices.ContainsFunc(first.Ports,
				func(p tap.Port) bool { return p.Name == "eth9" }))
			assert.True(t, slices.ContainsFunc(other.Ports,
				func(p tap.Port) bool { return p.Name == guest.IfName && p.Plugged }))
			for _, f := range r.flows() {
				assert.Contains(t, []tap.State{tap.StateReady, tap.StateError}, f.State, "%s: %s",
					f.Name, f.Reason)
				t.Logf("%s: %s %s", f.Name, f.State, f.Reason)
			}
		})
	}
}
