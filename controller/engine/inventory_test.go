package engine

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

func mac(n byte) tap.MAC { return tap.MAC{0x52, 0x54, 0, 0, 0, n} }

var (
	observing = observer{cluster: "c1", tapBridge: "brtap", keys: DefaultKeys()}
	ours      = map[string]string{"tapline": "c1"}
)

func nobody(string, tap.MAC) bool { return false }

// TestObserveGuests: whose a port is, by the ids that the systems of this field write.
func TestObserveGuests(t *testing.T) {
	for _, tc := range []struct {
		name string
		port port
		want []*seenPort // on br0 of h1
	}{
		{"libvirt", guestPort("vnet0", 3, map[string]string{
			"attached-mac": "52:54:00:00:00:01", "iface-id": "5a6b0f0e-0000-4000-8000-000000000001", "iface-status": "active",
			"vm-id": "0d7d2f5e-0000-4000-8000-000000000002",
		}), []*seenPort{{ofport: 3, mac: mac(1), guest: "0d7d2f5e-0000-4000-8000-000000000002"}}},
		{"Neutron by os-vif", guestPort("tap5a6b0f0e-01", 4, map[string]string{
			"attached-mac": "52:54:00:00:00:01", "iface-id": "5a6b0f0e-0000-4000-8000-000000000001", "iface-status": "active",
			"vm-uuid": "0d7d2f5e-0000-4000-8000-000000000003",
		}), []*seenPort{{ofport: 4, mac: mac(1), guest: "0d7d2f5e-0000-4000-8000-000000000003"}}},
		{"OVN", guestPort("lsp1", 5, map[string]string{"iface-id": "sw0-port1", "attached-mac": "52:54:00:00:00:01", "ovn-installed": "true"}),
			[]*seenPort{{ofport: 5, mac: mac(1), guest: "sw0-port1"}}},
		{"ovn-kubernetes", guestPort("a1b2c3d4e5f6a7b", 6, map[string]string{
			"attached_mac": "52:54:00:00:00:01", "iface-id": "default_web-0", "sandbox": "a1b2c3", "ip_addresses": "10.244.0.7/24,fd00:10:244::7/64",
			"iface-id-ver": "9b1c6a52-0000-4000-8000-000000000004", "ovn-installed": "true",
		}), []*seenPort{{ofport: 6, mac: mac(1), guest: "default_web-0", ips: "10.244.0.7 fd00:10:244::7"}}},
		{"Kube-OVN", guestPort("0a1b2c3d4e5f_h", 6, map[string]string{
			"iface-id": "web-0.default", "ip": "10.16.0.7", "pod_name": "web-0", "pod_namespace": "default", "vendor": "kube-ovn",
		}), []*seenPort{{ofport: 6, guest: "web-0.default", ips: "10.16.0.7"}}},
		{"addresses that are none", guestPort("vnet0", 6, map[string]string{"vm-id": "g", "ip": "dhcp, 10.16.0.7 ::ffff:10.16.0.8/120;10.0.0"}),
			[]*seenPort{{ofport: 6, guest: "g", ips: "10.16.0.7 10.16.0.8"}}},
		{"no ids", guestPort("vnet1", 7, nil), []*seenPort{{ofport: 7}}},
		{"no number yet", guestPort("vnet1", 0, nil), []*seenPort{{}}},
		{"could not be opened", guestPort("vnet1", -1, nil), []*seenPort{{}}},
		{"address that is none", guestPort("vnet1", 7, map[string]string{"attached-mac": "02-00", "vm-id": "g"}), []*seenPort{{ofport: 7, guest: "g"}}},
		{"patch port", port{name: "patch0", devices: []device{{typ: "patch", ofport: 2}}}, nil},
		{"bond", port{name: "bond0", devices: []device{{name: "eth0"}, {name: "eth1"}}}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := observing.observe(&store.Host{ID: "h1", Name: "host1"}, snapshot(t, nil, bridge{name: "br0", ports: []port{tc.port}}), nobody)
			for i := range tc.want {
				tc.want[i].host, tc.want[i].bridge, tc.want[i].name = "h1", "br0", tc.port.name
				tc.want[i].inUse = tap.MAC{0xfe, 0x54, 0, 0, 0, 1}
			}
			assert.Equal(t, tc.want, got.ports)
		})
	}
}

func TestObserveUplinks(t *testing.T) {
	declared := func(name string, _ tap.MAC) bool { return name == "eth1" }
	byMAC := func(_ string, m tap.MAC) bool { return m == mac(0x99) }
	for _, tc := range []struct {
		name  string
		ports []port
		told  []string
		known func(string, tap.MAC) bool
		want  []string
	}{
		{"one NIC", []port{nicPort("eth0", "ixgbe")}, nil, nobody, []string{"eth0"}},
		{"bond", []port{{name: "bond0", devices: []device{{name: "eth0", driver: "ixgbe"}, {name: "eth1", driver: "ixgbe"}}}}, nil, nobody, []string{"bond0"}},
		{"DPDK", []port{{name: "dpdk0", devices: []device{{typ: "dpdk", driver: "net_ixgbe"}}}}, nil, nobody, []string{"dpdk0"}},
		{"guests are none", []port{nicPort("eth0", "ixgbe"), guestPort("vnet0", 2, map[string]string{"vm-id": "g"}), guestPort("vnet1", 3, nil)}, nil, nobody, []string{"eth0"}},
		{"ports with ids are none", []port{{name: "veth1", devices: []device{{driver: "veth", ids: map[string]string{"iface-id": "pod"}}}}}, nil, nobody, nil},
		{"containers beside a NIC", []port{nicPort("eth0", "ixgbe"), nicPort("veth1", "veth")}, nil, nobody, []string{"eth0"}},
		{"nothing but veth", []port{nicPort("veth1", "veth"), nicPort("veth0", "veth")}, nil, nobody, []string{"veth0", "veth1"}},
		{"internal, patch and tunnel ports are none", []port{
			{name: "mgmt", devices: []device{{typ: "internal"}}}, {name: "p", devices: []device{{typ: "patch"}}}, {name: "vx", devices: []device{{typ: "vxlan"}}},
		}, nil, nobody, nil},
		{"declared guest's by name", []port{nicPort("eth0", "ixgbe"), nicPort("eth1", "ixgbe")}, nil, declared, []string{"eth0"}},
		{"declared guest's by address", []port{nicPort("eth0", "ixgbe")}, nil, byMAC, nil},
		{"ours are none", []port{{name: "tlm-1", devices: []device{{}}, ids: ours}}, nil, nobody, nil},
		{"told", []port{nicPort("eth0", "ixgbe")}, []string{"eth7", "eth5"}, nobody, []string{"eth5", "eth7"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			record := &store.Host{ID: "h1", Uplinks: map[string][]string{"br0": tc.told}}
			got := observing.observe(record, snapshot(t, nil, bridge{name: "br0", ports: tc.ports}), tc.known)
			assert.Equal(t, []tap.Bridge{{Name: "br0", DatapathType: "system", Uplinks: tc.want}}, got.host.Bridges)
		})
	}
}

func TestObserveHost(t *testing.T) {
	tapOurs := bridge{name: "brtap", datapath: "netdev", ids: ours}
	for _, tc := range []struct {
		name   string
		record store.Host
		snap   *vswitch.Snapshot
		want   tap.Host
	}{
		{"never reached", store.Host{Wires: map[string]string{"net0": "br0"}, TunnelIP: netip.MustParseAddr("192.0.2.1")}, nil,
			tap.Host{Wires: map[string]string{"net0": "br0"}, TunnelIP: netip.MustParseAddr("192.0.2.1")}},
		{"database that is not initialized", store.Host{}, (&rows{tables: map[string]map[string]any{}}).apply(t), tap.Host{Wires: map[string]string{}}},
		{"empty switch", store.Host{}, snapshot(t, nil), tap.Host{Observed: true, Wires: map[string]string{}}},
		{"learned by OVN", store.Host{}, snapshot(t, map[string]string{"ovn-bridge-mappings": "net0:br0, net1:br1,,bad,:x,y:", "ovn-encap-ip": "192.0.2.7,198.51.100.7"}),
			tap.Host{Observed: true, Wires: map[string]string{"net0": "br0", "net1": "br1"}, TunnelIP: netip.MustParseAddr("192.0.2.7")}},
		{"record before what was learned", store.Host{Wires: map[string]string{"net0": "br9"}, TunnelIP: netip.MustParseAddr("192.0.2.1")},
			snapshot(t, map[string]string{"ovn-bridge-mappings": "net0:br0,net1:br1", "ovn-encap-ip": "192.0.2.7"}),
			tap.Host{Observed: true, Wires: map[string]string{"net0": "br9", "net1": "br1"}, TunnelIP: netip.MustParseAddr("192.0.2.1")}},
		{"address that is none", store.Host{}, snapshot(t, map[string]string{"ovn-encap-ip": "somewhere"}), tap.Host{Observed: true, Wires: map[string]string{}}},
		{"mirrors", store.Host{}, snapshot(t, nil, bridge{name: "br0", datapath: "netdev", mirrors: []mirrorRow{
			{"b", ours}, {"a", ours}, {"x", nil}, {"y", map[string]string{"tapline": "c2"}}}}),
			tap.Host{Observed: true, Wires: map[string]string{}, Bridges: []tap.Bridge{{Name: "br0", DatapathType: "netdev", OurMirrors: []string{"a", "b"}, OtherMirrors: 2}}}},
		{"tap bridge of others", store.Host{}, snapshot(t, nil, bridge{name: "brtap"}),
			tap.Host{Observed: true, Wires: map[string]string{}, TapPorts: []tap.TapPort{{Name: "brtap", OFPort: 65534}},
				Refused: "bridge brtap exists and is not Tapline's; delete it, or choose another name by the setting bridge of the mirror plugin"}},
		{"tap bridge of another cluster", store.Host{}, snapshot(t, nil, bridge{name: "brtap", ids: map[string]string{"tapline": "c2"}}),
			tap.Host{Observed: true, Wires: map[string]string{}, TapPorts: []tap.TapPort{{Name: "brtap", OFPort: 65534}},
				Refused: "bridge brtap belongs to another Tapline cluster, c2"}},
		{"ports of the tap bridge", store.Host{}, snapshot(t, nil, bridge{name: "brtap", ids: ours, ports: []port{
			{name: "tapb", devices: []device{{ofport: 4, mac: "52:54:00:00:00:02", admin: "up", link: "down"}}},
			{name: "tapa", devices: []device{{ofport: 3, mac: "52:54:00:00:00:01", admin: "down", link: "down"}}},
			{name: "tapc", devices: []device{{ofport: -1}}},
			{name: "tapd", devices: []device{{ofport: -1, failure: "no such device"}}},
		}}), tap.Host{Observed: true, Wires: map[string]string{}, TapPorts: []tap.TapPort{
			{Name: "brtap", OFPort: 65534},
			{Name: "tapa", OFPort: 3, MAC: mac(1), Down: "admin_state is down"},
			{Name: "tapb", OFPort: 4, MAC: mac(2), Down: "link_state is down"},
			{Name: "tapc", Error: "it could not be opened"},
			{Name: "tapd", Error: "no such device"},
		}}},
		{"NICs", store.Host{NICs: []store.HostNIC{
			{Name: "eth3", MAC: mac(3)}, {Name: "eth2", MAC: mac(2)}, {Name: "eth1", MAC: mac(1), UsedBy: "addresses"},
			{Name: "eth0", MAC: mac(0), UsedBy: "bridge brtap"}, {Name: "eth4", MAC: mac(4)},
		}}, snapshot(t, nil, bridge{name: "br0", ports: []port{nicPort("eth2", "ixgbe"), {name: "bond0", devices: []device{{name: "eth4"}, {name: "eth5"}}}}},
			bridge{name: "brtap", ids: ours, ports: []port{{name: "eth0"}}}),
			tap.Host{Observed: true, Wires: map[string]string{},
				Bridges:  []tap.Bridge{{Name: "br0", DatapathType: "system", Uplinks: []string{"bond0", "eth2"}}},
				TapPorts: []tap.TapPort{{Name: "brtap", OFPort: 65534}, {Name: "eth0", OFPort: 1}},
				NICs: []tap.HostNIC{
					{Name: "eth0", MAC: mac(0)}, {Name: "eth1", MAC: mac(1), UsedBy: "addresses"}, {Name: "eth2", MAC: mac(2), UsedBy: "bridge br0"},
					{Name: "eth3", MAC: mac(3)}, {Name: "eth4", MAC: mac(4), UsedBy: "bridge br0"},
				}}},
		{"tap bridge is no source", store.Host{}, snapshot(t, nil, tapOurs), tap.Host{Observed: true, Wires: map[string]string{}, TapPorts: []tap.TapPort{{Name: "brtap", OFPort: 65534}}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.record.ID, tc.record.Name = "h1", "host1"
			tc.want.ID, tc.want.Name = "h1", "host1"
			got := observing.observe(&tc.record, tc.snap, nobody)
			assert.Equal(t, tc.want, got.host)
			again := observing.observe(&tc.record, tc.snap, nobody)
			assert.Equal(t, got, again)
		})
	}
}
