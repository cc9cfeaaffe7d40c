package inventory

import (
	"maps"
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapline-sdn/tapline/controller/inventory/switchtest"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// These tests have rows as the systems of this field write them, each on a host of its own.

const guestMAC = "fa:16:3e:00:00:01"

// systemsHost observes a switch without any declaration.
func systemsHost(
	t *testing.T, ids map[string]string, bridges ...switchtest.Bridge,
) Observation {
	t.Helper()
	return observing.Observe(&store.Host{ID: "h1", Name: "host1"}, store.Learned{},
		switchtest.Snapshot(t, ids, bridges...), nobody)
}

// port is a port with one device.
func port(name string, d switchtest.Device) switchtest.Port {
	if d.OFPort == 0 {
		d.OFPort = 1
	}
	return switchtest.Port{Name: name, Devices: []switchtest.Device{d}}
}

func patch(name, peer string) switchtest.Port {
	return port(name, switchtest.Device{Type: "patch", Options: map[string]string{"peer": peer}})
}

// guestNICs are the NICs of a guest that the ports of a switch show.
func guestNICs(t *testing.T, seen Observation, id string) []tap.NIC {
	t.Helper()
	guest, exists := index(seen.Ports, nil, nil).Guest(id, nil)
	assert.True(t, exists, "guest %s", id)
	return guest.NICs
}

// guestsOf are the ids of the guests that a switch shows.
func guestsOf(seen Observation) []string {
	ids := map[string]bool{}
	for _, p := range seen.Ports {
		if p.Guest != "" {
			ids[p.Guest] = true
		}
	}
	return slices.Sorted(maps.Keys(ids))
}

func uplinksOf(seen Observation) map[string][]string {
	all := map[string][]string{}
	for _, b := range seen.Host.Bridges {
		if b.Uplinks != nil {
			all[b.Name] = b.Uplinks
		}
	}
	return all
}

func at(bridge, name string) []tap.Location {
	return []tap.Location{{Host: "h1", Bridge: bridge, Port: name, OFPort: 1}}
}

func mac(t *testing.T, text string) tap.MAC {
	t.Helper()
	m, err := tap.ParseMAC(text)
	assert.NoError(t, err)
	return m
}

// TestLibvirt: an interface with <virtualport type='openvswitch'/>.
func TestLibvirt(t *testing.T) {
	seen := systemsHost(t, map[string]string{"hostname": "kvm1", "rundir": "/run/openvswitch",
		"system-id": "0d7d2f5e-0000-4000-8000-0000000000aa"},
		switchtest.Bridge{Name: "ovsbr0", Ports: []switchtest.Port{
			switchtest.NICPort("eno1", "ixgbe"),
			port("vnet3", switchtest.Device{Driver: "tun", MAC: "fe:16:3e:00:00:01",
				IDs: map[string]string{"attached-mac": guestMAC, "iface-status": "active",
					"iface-id": "5a6b0f0e-0000-4000-8000-000000000001",
					"vm-id":    "0d7d2f5e-0000-4000-8000-000000000002"}}),
		}})

	assert.Equal(t, []tap.NIC{{MAC: mac(t, guestMAC), IfName: "vnet3",
		Locations: at("ovsbr0", "vnet3")}},
		guestNICs(t, seen, "0d7d2f5e-0000-4000-8000-000000000002"))
	assert.Equal(t, map[string][]string{"ovsbr0": {"eno1"}}, uplinksOf(seen))
}

// TestNeutronOVS: the agent of ML2/OVS with a trunk, a hybrid plug for its firewall, and the ports
// of DHCP and routers.
func TestNeutronOVS(t *testing.T) {
	const instance, parent = "0d7d2f5e-0000-4000-8000-000000000003",
		"5a6b0f0e-0100-4000-8000-000000000001"
	ids := func(iface string, more map[string]string) map[string]string {
		out := map[string]string{"attached-mac": guestMAC, "iface-id": iface,
			"iface-status": "active"}
		maps.Copy(out, more)
		return out
	}

	seen := systemsHost(t, map[string]string{"system-id": "compute-1"},
		switchtest.Bridge{Name: "br-int", Ports: []switchtest.Port{
			patch("int-br-ex", "phy-br-ex"), patch("patch-tun", "patch-int"),
			patch("tpi-5a6b0f0e-01", "tpt-5a6b0f0e-01"),
			port("qvo6b0f0e01-02", switchtest.Device{Driver: "veth", MAC: "9a:00:00:00:00:09",
				IDs: ids("6b0f0e01-0200-4000-8000-000000000002",
					map[string]string{"vm-uuid": "hybrid"})}),
			port("tap7c0f0e01-03", switchtest.Device{Type: "internal", MAC: "fa:16:3e:00:00:03",
				IDs: map[string]string{"attached-mac": "fa:16:3e:00:00:03",
					"iface-id": "dhcp-port", "iface-status": "active"}}),
			port("vhu8d0f0e01-04", switchtest.Device{Type: "dpdkvhostuserclient",
				MAC: "00:00:00:00:00:00",
				IDs: ids("vhost-port", map[string]string{"vm-uuid": "fast"})}),
		}},
		switchtest.Bridge{Name: "tbr-5a6b0f0e-0", Ports: []switchtest.Port{
			patch("tpt-5a6b0f0e-01", "tpi-5a6b0f0e-01"),
			port("tap5a6b0f0e-01", switchtest.Device{Driver: "tun", MAC: "fe:16:3e:00:00:01",
				IDs: ids(parent, map[string]string{"vm-uuid": instance,
					"bridge_name": "tbr-5a6b0f0e-0", "trunk_id": "5a6b0f0e",
					"subport_ids": `["7c0f0e01"]`})}),
		}},
		switchtest.Bridge{Name: "br-ex", Ports: []switchtest.Port{
			patch("phy-br-ex", "int-br-ex"), switchtest.NICPort("eno2", "i40e")}},
		switchtest.Bridge{Name: "br-tun", Ports: []switchtest.Port{
			patch("patch-int", "patch-tun"),
			port("vxlan-c0000202", switchtest.Device{Type: "vxlan", Options: map[string]string{
				"in_key": "flow", "out_key": "flow", "local_ip": "192.0.2.1",
				"remote_ip": "192.0.2.2"}})}})

	assert.Equal(t, []string{instance, "dhcp-port", "fast", "hybrid"}, guestsOf(seen))
	assert.Equal(t, []tap.NIC{{MAC: mac(t, guestMAC), IfName: "tap5a6b0f0e-01",
		Locations: at("tbr-5a6b0f0e-0", "tap5a6b0f0e-01")}}, guestNICs(t, seen, instance))
	assert.Equal(t, at("br-int", "qvo6b0f0e01-02"), guestNICs(t, seen, "hybrid")[0].Locations)
	assert.Equal(t, mac(t, guestMAC), guestNICs(t, seen, "fast")[0].MAC)
	assert.Equal(t, map[string][]string{"br-ex": {"eno2"}}, uplinksOf(seen))
	assert.Equal(t, "vxlan-c0000202", seen.Host.ForeignTunnels[0].Name)
}

// TestNeutronOVN: ovn-controller beside Neutron's metadata agent. The tunnel address and the wires
// are OVN's.
func TestNeutronOVN(t *testing.T) {
	seen := systemsHost(t, map[string]string{"system-id": "compute-1",
		"ovn-remote": "tcp:192.0.2.9:6642", "ovn-encap-type": "geneve", "ovn-encap-ip": "192.0.2.1",
		"ovn-bridge-mappings": "physnet1:br-ex", "ovn-cms-options": "enable-chassis-as-gw"},
		switchtest.Bridge{Name: "br-int", IDs: map[string]string{"ct-zone-lr0": "1"},
			Ports: []switchtest.Port{
				port("tap5a6b0f0e-01", switchtest.Device{Driver: "tun", MAC: "fe:16:3e:00:00:01",
					IDs: map[string]string{"attached-mac": guestMAC, "iface-status": "active",
						"iface-id":      "5a6b0f0e-0100-4000-8000-000000000001",
						"vm-uuid":       "0d7d2f5e-0000-4000-8000-000000000003",
						"ovn-installed": "true", "ovn-installed-ts": "1700000000000"}}),
				port("tap9e0f0e01-00", switchtest.Device{Driver: "veth", MAC: "9a:00:00:00:00:0a",
					IDs: map[string]string{"iface-id": "metadata-port"}}),
				{Name: "ovn-comput-0", IDs: map[string]string{"ovn-chassis-id": "compute-2"},
					Devices: []switchtest.Device{{Type: "geneve", OFPort: 9,
						Options: map[string]string{"csum": "true", "key": "flow",
							"remote_ip": "192.0.2.2"}}}},
				patch("patch-br-int-to-provnet-1", "patch-provnet-1-to-br-int"),
			}},
		switchtest.Bridge{Name: "br-ex", Ports: []switchtest.Port{
			patch("patch-provnet-1-to-br-int", "patch-br-int-to-provnet-1"),
			switchtest.NICPort("eno2", "i40e")}})

	assert.Equal(t, netip.MustParseAddr("192.0.2.1"), seen.Host.TunnelIP)
	assert.Equal(t, map[string]string{"physnet1": "br-ex"}, seen.Host.Wires)
	assert.Equal(t, map[string][]string{"br-ex": {"eno2"}}, uplinksOf(seen))
	assert.Equal(t, at("br-int", "tap5a6b0f0e-01"),
		guestNICs(t, seen, "0d7d2f5e-0000-4000-8000-000000000003")[0].Locations)
	assert.True(t, guestNICs(t, seen, "metadata-port")[0].MAC.IsZero(),
		"a veth's own address is not that of the namespace's end")
}

// TestOVNKubernetes: a node with its gateway bridge and a pod.
func TestOVNKubernetes(t *testing.T) {
	seen := systemsHost(t, map[string]string{"system-id": "9b1c6a52-0000-4000-8000-0000000000bb",
		"hostname": "worker1", "ovn-remote": "ssl:192.0.2.9:9642", "ovn-encap-type": "geneve",
		"ovn-encap-ip": "192.0.2.1,2001:db8::1", "ovn-bridge-mappings": "physnet:breno1",
		"ovn-remote-probe-interval": "100000", "ovn-enable-lflow-cache": "true"},
		switchtest.Bridge{Name: "br-int", Ports: []switchtest.Port{
			port("a1b2c3d4e5f6a7b", switchtest.Device{Driver: "veth", MAC: "9a:00:00:00:00:0a",
				IDs: map[string]string{"attached_mac": "0a:58:0a:f4:00:07",
					"iface-id":     "default_web-0",
					"iface-id-ver": "9b1c6a52-0000-4000-8000-000000000004",
					"ip_addresses": "10.244.0.7/24,fd00:10:244::7/64", "sandbox": "a1b2c3d4e5f6",
					"ovn-installed": "true"}}),
			port("ovn-k8s-mp0", switchtest.Device{Type: "internal", MAC: "0a:58:0a:f4:00:02",
				IDs: map[string]string{"iface-id": "k8s-worker1"}}),
			patch("patch-br-int-to-breno1_worker1", "patch-breno1_worker1-to-br-int"),
		}},
		switchtest.Bridge{Name: "breno1", IDs: map[string]string{"bridge-id": "breno1",
			"bridge-uplink": "eno1"}, Ports: []switchtest.Port{
			switchtest.NICPort("eno1", "mlx5_core"),
			patch("patch-breno1_worker1-to-br-int", "patch-br-int-to-breno1_worker1")}})

	assert.Equal(t, netip.MustParseAddr("192.0.2.1"), seen.Host.TunnelIP)
	assert.Equal(t, map[string]string{"physnet": "breno1"}, seen.Host.Wires)
	assert.Equal(t, map[string][]string{"breno1": {"eno1"}}, uplinksOf(seen))
	assert.Equal(t, []tap.NIC{{MAC: mac(t, "0a:58:0a:f4:00:07"), IfName: "a1b2c3d4e5f6a7b",
		IPs: []netip.Addr{netip.MustParseAddr("10.244.0.7"),
			netip.MustParseAddr("fd00:10:244::7")},
		Locations: at("br-int", "a1b2c3d4e5f6a7b")}}, guestNICs(t, seen, "default_web-0"))
}

// TestKubeOVN: a node with a provider network and a pod, whose row does not tell its address.
func TestKubeOVN(t *testing.T) {
	vendor := map[string]string{"vendor": "kube-ovn"}
	seen := systemsHost(t, map[string]string{"system-id": "worker1",
		"ovn-remote": "tcp:[192.0.2.9]:6642", "ovn-encap-type": "geneve",
		"ovn-encap-ip": "192.0.2.1", "ovn-bridge-mappings": "provider:br-provider",
		"ovn-chassis-mac-mappings": "provider:9a:00:00:00:00:0b"},
		switchtest.Bridge{Name: "br-int", Ports: []switchtest.Port{
			port("0a1b2c3d4e5f_h", switchtest.Device{Driver: "veth", MAC: "9a:00:00:00:00:0a",
				IDs: map[string]string{"iface-id": "web-0.default", "vendor": "kube-ovn",
					"ip": "10.16.0.7,fd00:10:16::7", "pod_name": "web-0",
					"pod_namespace": "default", "pod_netns": "/var/run/netns/cni-1",
					"ovn-installed": "true"}}),
			port("ovn0", switchtest.Device{Type: "internal", MAC: "00:00:00:00:00:10",
				IDs: map[string]string{"iface-id": "node-worker1", "ip": "100.64.0.2"}}),
			port("mirror0", switchtest.Device{Type: "internal", MAC: "9a:00:00:00:00:0c"}),
			patch("patch-br-int-to-localnet.vlan", "patch-localnet.vlan-to-br-int"),
		}},
		switchtest.Bridge{Name: "br-provider", IDs: vendor, Ports: []switchtest.Port{
			{Name: "eno2", IDs: vendor, Devices: []switchtest.Device{{OFPort: 1, Driver: "ice"}}},
			patch("patch-localnet.vlan-to-br-int", "patch-br-int-to-localnet.vlan")}})

	assert.Equal(t, netip.MustParseAddr("192.0.2.1"), seen.Host.TunnelIP)
	assert.Equal(t, map[string]string{"provider": "br-provider"}, seen.Host.Wires)
	assert.Equal(t, map[string][]string{"br-provider": {"eno2"}}, uplinksOf(seen))
	assert.Equal(t, []tap.NIC{{IfName: "0a1b2c3d4e5f_h",
		IPs: []netip.Addr{netip.MustParseAddr("10.16.0.7"),
			netip.MustParseAddr("fd00:10:16::7")},
		Locations: at("br-int", "0a1b2c3d4e5f_h")}}, guestNICs(t, seen, "web-0.default"))
}

// TestSeveralOVNInstances: each instance of ovn-controller on a host has keys that end in its
// system-id, and a bridge of its own.
func TestSeveralOVNInstances(t *testing.T) {
	first, second := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	for _, tc := range []struct {
		name  string
		ids   map[string]string
		wires map[string]string
		addr  netip.Addr
	}{
		{"the host's own instance comes first", map[string]string{"system-id": "a",
			"ovn-encap-ip": "192.0.2.9", "ovn-encap-ip-a": "192.0.2.1",
			"ovn-encap-ip-b": "192.0.2.2", "ovn-bridge-a": "br-int-a", "ovn-bridge-b": "br-int-b",
			"ovn-bridge-mappings": "net0:br9", "ovn-bridge-mappings-a": "net0:br0",
			"ovn-bridge-mappings-b": "net0:br1,net1:br1"},
			map[string]string{"net0": "br0", "net1": "br1"}, first},
		{"the plain keys are the host's own", map[string]string{"system-id": "a",
			"ovn-encap-ip": "192.0.2.1", "ovn-encap-ip-b": "192.0.2.2",
			"ovn-bridge-mappings": "net0:br0", "ovn-bridge-mappings-b": "net1:br1"},
			map[string]string{"net0": "br0", "net1": "br1"}, first},
		{"others agree", map[string]string{"system-id": "host",
			"ovn-encap-ip-a": "192.0.2.2", "ovn-encap-ip-b": "192.0.2.2",
			"ovn-bridge-mappings-a": "net0:br0", "ovn-bridge-mappings-b": "net0:br0"},
			map[string]string{"net0": "br0"}, second},
		{"others disagree", map[string]string{"system-id": "host",
			"ovn-encap-ip-a": "192.0.2.1", "ovn-encap-ip-b": "192.0.2.2",
			"ovn-bridge-mappings-a": "net0:br0", "ovn-bridge-mappings-b": "net0:br1,net1:br1"},
			map[string]string{"net1": "br1"}, netip.Addr{}},
		{"no system-id", map[string]string{"ovn-encap-ip-b": "192.0.2.2",
			"ovn-bridge-mappings-b": "net1:br1"}, map[string]string{"net1": "br1"}, second},
		{"the default of several addresses is no instance", map[string]string{"system-id": "a",
			"ovn-encap-ip-default": "192.0.2.2"}, map[string]string{}, netip.Addr{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := systemsHost(t, tc.ids).Host
			assert.Equal(t, tc.wires, got.Wires)
			assert.Equal(t, tc.addr, got.TunnelIP)
		})
	}
}

// TestRunsOVN: the packets of br-int have no tag under OVN, however many instances there are.
func TestRunsOVN(t *testing.T) {
	for key, want := range map[string]bool{"ovn-remote": true, "ovn-remote-b": true,
		"ovn-remote-probe-interval": false, "ovn-encap-ip": false} {
		snap := switchtest.Snapshot(t, map[string]string{key: "tcp:192.0.2.9:6642"})
		assert.Equal(t, want, RunsOVN(snap.System().ExternalIDs), key)
	}
}
