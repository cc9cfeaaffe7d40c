package inventory

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapline-sdn/tapline/controller/inventory/switchtest"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// observe observes the switch of a host with a declared tunnel address.
func observe(t *testing.T, bridges ...switchtest.Bridge) Observation {
	t.Helper()
	record := &store.Host{ID: "h1", Name: "host1", TunnelIP: netip.MustParseAddr("192.0.2.1")}
	return observing.Observe(record, store.Learned{}, switchtest.Snapshot(t, nil, bridges...),
		nobody)
}

func TestObserveFakeBridges(t *testing.T) {
	fake := func(name string, tag int) switchtest.Port {
		return switchtest.Port{Name: name, Tag: tag, Fake: true,
			Devices: []switchtest.Device{{Type: "internal", MAC: "52:54:00:00:00:07", OFPort: 7}}}
	}

	br0 := switchtest.Bridge{Name: "br0", Ports: []switchtest.Port{
		fake("br8", 8), fake("br7", 7), fake("untagged", 0),
		{Name: "access", Tag: 9, Devices: []switchtest.Device{{OFPort: 9}}},
	}}

	got := observe(t, br0)
	assert.Equal(t, []tap.FakeBridge{
		{Name: "br7", Parent: "br0", VLAN: 7}, {Name: "br8", Parent: "br0", VLAN: 8},
	}, got.Host.FakeBridges)

	if assert.Len(t, got.Ports, 1, "a fake bridge's own port is no guest's") {
		assert.Equal(t, "access", got.Ports[0].Name)
	}
}

// TestMayDiffer: the VLAN of a fake bridge matters, and the tag of another port, such as the stamp,
// does not.
func TestMayDiffer(t *testing.T) {
	before := switchtest.Snapshot(t, nil, switchtest.Bridge{Name: "br0", Ports: []switchtest.Port{
		{Name: "br7", Tag: 7, Fake: true}, {Name: "access", Tag: 7},
	}})

	assert.False(t, observing.MayDiffer(before, switchtest.Retag(t, before, "br0", "access", 8)))
	assert.True(t, observing.MayDiffer(before, switchtest.Retag(t, before, "br0", "br7", 8)))
}

func TestUnderlayDatapath(t *testing.T) {
	tunnel := func(local, egress string) switchtest.Port {
		return switchtest.Port{Name: "ovn-1", Devices: []switchtest.Device{{
			Type: "geneve", Egress: egress,
			Options: map[string]string{"remote_ip": "192.0.2.2", "local_ip": local},
		}}}
	}

	underlay := switchtest.Bridge{Name: "br-phy", Datapath: "netdev",
		Ports: []switchtest.Port{{Name: "eth0"}}}

	direct := switchtest.Bridge{Name: "br-fast", Datapath: "netdev", Ports: []switchtest.Port{{
		Name: "bond0", Devices: []switchtest.Device{{MTU: 9000}}}}}

	for _, tc := range []struct {
		name string
		port switchtest.Port
		want string
		mtu  uint32
	}{
		{"no tunnel port", switchtest.Port{Name: "vnet0"}, "", 0},
		{"the device is unknown", tunnel("192.0.2.1", ""), "", 0},
		{"a tunnel of another address", tunnel("198.51.100.1", "br-phy"), "", 0},
		{"by a bridge", tunnel("192.0.2.1", "br-phy"), "netdev", 0},
		{"by a bridge, from any address", tunnel("", "br-phy"), "netdev", 0},
		{"by a port of a bridge", tunnel("192.0.2.1", "bond0"), "netdev", 9000},
		{"by a device of the kernel", tunnel("192.0.2.1", "eno1"), "system", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			br0 := switchtest.Bridge{Name: "br-int", Ports: []switchtest.Port{tc.port}}
			host := observe(t, br0, underlay, direct).Host
			assert.Equal(t, tc.want, host.UnderlayDatapath)
			assert.Equal(t, tc.mtu, host.UnderlayMTU)
		})
	}
}

// TestGuestHidesItsAddress: the address of the host's end of a veth pair is not that of the guest.
func TestGuestHidesItsAddress(t *testing.T) {
	pod := func(name string, ids map[string]string) *Port {
		br0 := switchtest.Bridge{Name: "br0", Ports: []switchtest.Port{{Name: name,
			Devices: []switchtest.Device{{Driver: "veth", MAC: "52:54:00:00:00:99", IDs: ids}}}}}
		return observe(t, br0).Ports[0]
	}

	hidden := pod("pod1_h", map[string]string{"iface-id": "pod1", "ip": "10.16.0.7"})
	second := pod("pod1_i", map[string]string{"iface-id": "pod1"})
	shown := pod("pod1_h", map[string]string{"iface-id": "pod1",
		"attached-mac": "52:54:00:00:00:01"})

	address := []netip.Addr{netip.MustParseAddr("10.16.0.7")}
	places := []tap.Location{on("h1", "br0", "pod1_h")}

	for _, tc := range []struct {
		name     string
		ports    []*Port
		declared []store.GuestNIC
		want     []tap.NIC
	}{
		{"unknown", []*Port{hidden}, nil,
			[]tap.NIC{{IfName: "pod1_h", IPs: address, Locations: places}}},
		{"two NICs", []*Port{hidden, second}, nil, []tap.NIC{
			{IfName: "pod1_h", IPs: address, Locations: places},
			{IfName: "pod1_i", Locations: []tap.Location{on("h1", "br0", "pod1_i")}}}},
		{"declared by name", []*Port{hidden},
			[]store.GuestNIC{{MAC: switchtest.MAC(1), IfName: "pod1_h"}},
			[]tap.NIC{{MAC: switchtest.MAC(1), IfName: "pod1_h", IPs: address, Locations: places}}},
		{"shown", []*Port{shown}, nil,
			[]tap.NIC{{MAC: switchtest.MAC(1), IfName: "pod1_h", Locations: places}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var record *store.Guest
			if tc.declared != nil {
				record = &store.Guest{NICs: tc.declared}
				record.ID = "pod1"
			}
			guest, exists := index(tc.ports, nil, nil).Guest("pod1", record)
			assert.True(t, exists)
			assert.Equal(t, tc.want, guest.NICs)
		})
	}
}
