package inventory

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapline-sdn/tapline/controller/inventory/switchtest"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

var (
	observing = Observer{Cluster: "c1", TapBridge: "brtap", Keys: DefaultKeys()}
	ours      = map[string]string{"tapline": "c1"}
)

func nobody(string, tap.MAC) bool { return false }

// TestObserveGuests: whose a port is, by the ids that the systems of this field write.
func TestObserveGuests(t *testing.T) {
	for _, tc := range []struct {
		name string
		port switchtest.Port
		want []*Port // on br0 of h1
	}{
		{"libvirt", switchtest.GuestPort("vnet0", 3, map[string]string{
			"attached-mac": "52:54:00:00:00:01", "iface-id": "5a6b0f0e-0000-4000-8000-000000000001",
			"iface-status": "active",
			"vm-id":        "0d7d2f5e-0000-4000-8000-000000000002",
		}), []*Port{{OFPort: 3, MAC: switchtest.MAC(1),
			Guest: "0d7d2f5e-0000-4000-8000-000000000002"}}},
		{"Neutron by os-vif", switchtest.GuestPort("tap5a6b0f0e-01", 4, map[string]string{
			"attached-mac": "52:54:00:00:00:01", "iface-id": "5a6b0f0e-0000-4000-8000-000000000001",
			"iface-status": "active",
			"vm-uuid":      "0d7d2f5e-0000-4000-8000-000000000003",
		}), []*Port{{OFPort: 4, MAC: switchtest.MAC(1),
			Guest: "0d7d2f5e-0000-4000-8000-000000000003"}}},
		{"OVN", switchtest.GuestPort("lsp1", 5, map[string]string{"iface-id": "sw0-port1",
			"attached-mac": "52:54:00:00:00:01", "ovn-installed": "true"}),
			[]*Port{{OFPort: 5, MAC: switchtest.MAC(1), Guest: "sw0-port1"}}},
		{"ovn-kubernetes", switchtest.GuestPort("a1b2c3d4e5f6a7b", 6, map[string]string{
			"attached_mac": "52:54:00:00:00:01", "iface-id": "default_web-0", "sandbox": "a1b2c3",
			"ip_addresses": "10.244.0.7/24,fd00:10:244::7/64",
			"iface-id-ver": "9b1c6a52-0000-4000-8000-000000000004", "ovn-installed": "true",
		}), []*Port{{OFPort: 6, MAC: switchtest.MAC(1), Guest: "default_web-0",
			IPs: "10.244.0.7 fd00:10:244::7"}}},
		{"Kube-OVN", switchtest.GuestPort("0a1b2c3d4e5f_h", 6, map[string]string{
			"iface-id": "web-0.default", "ip": "10.16.0.7", "pod_name": "web-0",
			"pod_namespace": "default", "vendor": "kube-ovn",
		}), []*Port{{OFPort: 6, Guest: "web-0.default", IPs: "10.16.0.7"}}},
		{"addresses that are none", switchtest.GuestPort("vnet0", 6,
			map[string]string{"vm-id": "g", "ip": "dhcp, 10.16.0.7 ::ffff:10.16.0.8/120;10.0.0"}),
			[]*Port{{OFPort: 6, Guest: "g", IPs: "10.16.0.7 10.16.0.8"}}},
		{"no ids", switchtest.GuestPort("vnet1", 7, nil), []*Port{{OFPort: 7}}},
		{"no number yet", switchtest.GuestPort("vnet1", 0, nil), []*Port{{}}},
		{"could not be opened", switchtest.GuestPort("vnet1", -1, nil),
			[]*Port{{Down: "the switch could not open it"}}},
		{"address that is none", switchtest.GuestPort("vnet1", 7,
			map[string]string{"attached-mac": "02-00", "vm-id": "g"}),
			[]*Port{{OFPort: 7, Guest: "g"}}},
		{"patch port", switchtest.Port{Name: "patch0",
			Devices: []switchtest.Device{{Type: "patch", OFPort: 2}}}, nil},
		{"bond", switchtest.Port{Name: "bond0", Devices: []switchtest.Device{{Name: "eth0"},
			{Name: "eth1"}}}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := observing.Observe(&store.Host{ID: "h1", Name: "host1"}, store.Learned{},
				switchtest.Snapshot(t, nil, switchtest.Bridge{Name: "br0",
					Ports: []switchtest.Port{tc.port}}), nobody)
			for i := range tc.want {
				tc.want[i].Host, tc.want[i].Bridge, tc.want[i].Name = "h1", "br0", tc.port.Name
				tc.want[i].InUse, tc.want[i].Tap = tap.MAC{0xfe, 0x54, 0, 0, 0, 1}, true
			}
			assert.Equal(t, tc.want, got.Ports)
		})
	}
}

func TestObserveUplinks(t *testing.T) {
	declared := func(name string, _ tap.MAC) bool { return name == "eth1" }
	byMAC := func(_ string, m tap.MAC) bool { return m == switchtest.MAC(0x99) }
	for _, tc := range []struct {
		name  string
		ports []switchtest.Port
		told  []string
		known func(string, tap.MAC) bool
		want  []string
	}{
		{"one NIC", []switchtest.Port{switchtest.NICPort("eth0", "ixgbe")}, nil, nobody,
			[]string{"eth0"}},
		{"bond", []switchtest.Port{{Name: "bond0",
			Devices: []switchtest.Device{{Name: "eth0", Driver: "ixgbe"},
				{Name: "eth1", Driver: "ixgbe"}}}}, nil, nobody, []string{"bond0"}},
		{"DPDK", []switchtest.Port{{Name: "dpdk0",
			Devices: []switchtest.Device{{Type: "dpdk", Driver: "net_ixgbe"}}}}, nil, nobody,
			[]string{"dpdk0"}},
		{"guests are none", []switchtest.Port{switchtest.NICPort("eth0", "ixgbe"),
			switchtest.GuestPort("vnet0", 2, map[string]string{"vm-id": "g"}),
			switchtest.GuestPort("vnet1", 3, nil)}, nil, nobody, []string{"eth0"}},
		{"ports with ids are none", []switchtest.Port{{Name: "veth1",
			Devices: []switchtest.Device{{Driver: "veth",
				IDs: map[string]string{"iface-id": "pod"}}}}}, nil, nobody, nil},
		{"containers beside a NIC", []switchtest.Port{switchtest.NICPort("eth0", "ixgbe"),
			switchtest.NICPort("veth1", "veth")}, nil, nobody, []string{"eth0"}},
		{"nothing but veth", []switchtest.Port{switchtest.NICPort("veth1", "veth"),
			switchtest.NICPort("veth0", "veth")}, nil, nobody, []string{"veth0", "veth1"}},
		{"internal, patch and tunnel ports are none", []switchtest.Port{
			{Name: "mgmt", Devices: []switchtest.Device{{Type: "internal"}}},
			{Name: "p", Devices: []switchtest.Device{{Type: "patch"}}},
			{Name: "vx", Devices: []switchtest.Device{{Type: "vxlan"}}},
		}, nil, nobody, nil},
		{"declared guest's by name", []switchtest.Port{switchtest.NICPort("eth0", "ixgbe"),
			switchtest.NICPort("eth1", "ixgbe")}, nil, declared, []string{"eth0"}},
		{"declared guest's by address", []switchtest.Port{switchtest.NICPort("eth0", "ixgbe")}, nil,
			byMAC, nil},
		{"ours are none", []switchtest.Port{{Name: "tlm-1", Devices: []switchtest.Device{{}},
			IDs: ours}}, nil, nobody, nil},
		{"told", []switchtest.Port{switchtest.NICPort("eth0", "ixgbe")}, []string{"eth7", "eth5"},
			nobody, []string{"eth5", "eth7"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			record := &store.Host{ID: "h1", Uplinks: map[string][]string{"br0": tc.told}}
			got := observing.Observe(record, store.Learned{},
				switchtest.Snapshot(t, nil, switchtest.Bridge{Name: "br0", Ports: tc.ports}),
				tc.known)
			assert.Equal(t, tc.want, got.Host.Bridges[0].Uplinks)
		})
	}
}

func TestObservePatchedBridges(t *testing.T) {
	patch := []switchtest.Device{{Type: "patch"}}
	for _, tc := range []struct {
		name string
		port switchtest.Port
		want bool
	}{
		{"patch port", switchtest.Port{Name: "int-br-ex", Devices: patch}, true},
		{"patch port of ours", switchtest.Port{Name: "tlm-1", Devices: patch, IDs: ours}, false},
		{"guest", switchtest.GuestPort("vnet0", 2, nil), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := observing.Observe(&store.Host{ID: "h1"}, store.Learned{},
				switchtest.Snapshot(t, nil, switchtest.Bridge{Name: "br0",
					Ports: []switchtest.Port{tc.port}}), nobody)
			assert.Equal(t, tc.want, got.Host.Bridges[0].Patched)
		})
	}
}

func TestObserveHost(t *testing.T) {
	tapOurs := switchtest.Bridge{Name: "brtap", Datapath: "netdev", IDs: ours}
	for _, tc := range []struct {
		name   string
		record store.Host
		snap   *vswitch.Snapshot
		want   tap.Host
	}{
		{"never reached", store.Host{Wires: map[string]string{"net0": "br0"},
			TunnelIP: netip.MustParseAddr("192.0.2.1")}, nil,
			tap.Host{Wires: map[string]string{"net0": "br0"},
				TunnelIP: netip.MustParseAddr("192.0.2.1")}},
		{"database that is not initialized", store.Host{}, switchtest.Uninitialized(t),
			tap.Host{Wires: map[string]string{}}},
		{"empty switch", store.Host{}, switchtest.Snapshot(t, nil),
			tap.Host{Observed: true, Wires: map[string]string{}}},
		{"learned by OVN", store.Host{}, switchtest.Snapshot(t,
			map[string]string{"ovn-bridge-mappings": "net0:br0, net1:br1,,bad,:x,y:",
				"ovn-encap-ip": "192.0.2.7,198.51.100.7"}),
			tap.Host{Observed: true, Wires: map[string]string{"net0": "br0", "net1": "br1"},
				TunnelIP: netip.MustParseAddr("192.0.2.7")}},
		{"record before what was learned", store.Host{Wires: map[string]string{"net0": "br9"},
			TunnelIP: netip.MustParseAddr("192.0.2.1")},
			switchtest.Snapshot(t, map[string]string{"ovn-bridge-mappings": "net0:br0,net1:br1",
				"ovn-encap-ip": "192.0.2.7"}),
			tap.Host{Observed: true, Wires: map[string]string{"net0": "br9", "net1": "br1"},
				TunnelIP: netip.MustParseAddr("192.0.2.1")}},
		{"address that is none", store.Host{}, switchtest.Snapshot(t,
			map[string]string{"ovn-encap-ip": "somewhere"}),
			tap.Host{Observed: true, Wires: map[string]string{}}},
		{"mirrors", store.Host{}, switchtest.Snapshot(t, nil,
			switchtest.Bridge{Name: "br0", Datapath: "netdev", Mirrors: []switchtest.Mirror{
				{Name: "b", IDs: ours}, {Name: "a", IDs: ours}, {Name: "x", IDs: nil},
				{Name: "y", IDs: map[string]string{"tapline": "c2"}}}}),
			tap.Host{Observed: true, Wires: map[string]string{},
				Bridges: []tap.Bridge{{Name: "br0", DatapathType: "netdev",
					OurMirrors: []string{"a", "b"}, OtherMirrors: 2}}}},
		{"tap bridge of others", store.Host{}, switchtest.Snapshot(t, nil,
			switchtest.Bridge{Name: "brtap"}),
			tap.Host{Observed: true, Wires: map[string]string{}, TapDatapath: "system",
				TapPorts: []tap.TapPort{{Name: "brtap", OFPort: 65534}},
				Refused: "bridge brtap exists and is not Tapline's; delete it, or choose " +
					"another name by the setting bridge of the mirror plugin"}},
		{"tap bridge of another cluster", store.Host{OVSDB: "tcp:192.0.2.9:6640"},
			switchtest.Snapshot(t, nil, switchtest.Bridge{Name: "brtap",
				IDs: map[string]string{"tapline": "c2"}}),
			tap.Host{Observed: true, Wires: map[string]string{}, TapDatapath: "system",
				TapPorts: []tap.TapPort{{Name: "brtap", OFPort: 65534}},
				Refused: "bridge brtap belongs to another Tapline cluster, c2; if that runs no " +
					"more, " +
					"tapline cleanup --ovsdb tcp:192.0.2.9:6640 --cluster c2 removes it"}},
		{"ports of the tap bridge", store.Host{},
			switchtest.Snapshot(t, nil, switchtest.Bridge{Name: "brtap", IDs: ours,
				Ports: []switchtest.Port{
					{Name: "tapb", Devices: []switchtest.Device{{OFPort: 4,
						MAC: "52:54:00:00:00:02", Admin: "up", Link: "down"}}},
					{Name: "tapa", Devices: []switchtest.Device{{OFPort: 3,
						MAC: "52:54:00:00:00:01", Admin: "down", Link: "down"}}},
					{Name: "tapc", Devices: []switchtest.Device{{OFPort: -1}}},
					{Name: "tapd", Devices: []switchtest.Device{{OFPort: -1,
						Error: "no such device"}}},
				}}), tap.Host{Observed: true, Wires: map[string]string{}, TapDatapath: "system",
				TapPorts: []tap.TapPort{
					{Name: "brtap", OFPort: 65534},
					{Name: "tapa", OFPort: 3, MAC: switchtest.MAC(1), Down: "admin_state is down"},
					{Name: "tapb", OFPort: 4, MAC: switchtest.MAC(2), Down: "link_state is down"},
					{Name: "tapc", Error: "it could not be opened"},
					{Name: "tapd", Error: "no such device"},
				}}},
		{"NICs", store.Host{NICs: []store.HostNIC{
			{Name: "eth3", MAC: switchtest.MAC(3)}, {Name: "eth2", MAC: switchtest.MAC(2)},
			{Name: "eth1", MAC: switchtest.MAC(1), UsedBy: "addresses"},
			{Name: "eth0", MAC: switchtest.MAC(0), UsedBy: "bridge brtap"},
			{Name: "eth4", MAC: switchtest.MAC(4)},
		}}, switchtest.Snapshot(t, nil, switchtest.Bridge{Name: "br0",
			Ports: []switchtest.Port{switchtest.NICPort("eth2", "ixgbe"),
				{Name: "bond0", Devices: []switchtest.Device{{Name: "eth4"}, {Name: "eth5"}}}}},
			switchtest.Bridge{Name: "brtap", IDs: ours, Ports: []switchtest.Port{{Name: "eth0"}}}),
			tap.Host{Observed: true, Wires: map[string]string{},
				Bridges: []tap.Bridge{{Name: "br0", DatapathType: "system",
					Uplinks: []string{"bond0", "eth2"}}},
				TapDatapath: "system", TapPorts: []tap.TapPort{{Name: "brtap", OFPort: 65534},
					{Name: "eth0", OFPort: 1}},
				NICs: []tap.HostNIC{
					{Name: "eth0", MAC: switchtest.MAC(0)}, {Name: "eth1", MAC: switchtest.MAC(1),
						UsedBy: "addresses"}, {Name: "eth2", MAC: switchtest.MAC(2),
						UsedBy: "bridge br0"},
					{Name: "eth3", MAC: switchtest.MAC(3)}, {Name: "eth4", MAC: switchtest.MAC(4),
						UsedBy: "bridge br0"},
				}}},
		{"tap bridge is no source", store.Host{}, switchtest.Snapshot(t, nil, tapOurs),
			tap.Host{Observed: true, Wires: map[string]string{}, TapDatapath: "netdev",
				TapPorts: []tap.TapPort{{Name: "brtap", OFPort: 65534}}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.record.ID, tc.record.Name = "h1", "host1"
			tc.want.ID, tc.want.Name = "h1", "host1"
			got := observing.Observe(&tc.record, store.Learned{}, tc.snap, nobody)
			tc.want.Lacking = got.Host.Lacking // TestObserveLacks
			assert.Equal(t, tc.want, got.Host)
			again := observing.Observe(&tc.record, store.Learned{}, tc.snap, nobody)
			assert.Equal(t, got, again)
		})
	}
}
