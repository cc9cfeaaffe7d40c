package facts

import (
	"io/fs"
	"net"
	"net/netip"
	"runtime"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"

	"github.com/tapline-sdn/tapline/api"
)

func TestFacts(t *testing.T) {
	attrs := func(index int, name string, change func(*netlink.LinkAttrs)) netlink.LinkAttrs {
		a := netlink.NewLinkAttrs()
		a.Index, a.Name, a.HardwareAddr = index, name, net.HardwareAddr{
			0x52,
			0x54,
			0,
			0,
			0,
			byte(index),
		}

		if change != nil {
			change(&a)
		}
		return a
	}

	under := func(master int) func(*netlink.LinkAttrs) {
		return func(a *netlink.LinkAttrs) { a.MasterIndex = master }
	}

	on := func(parent int) func(*netlink.LinkAttrs) {
		return func(a *netlink.LinkAttrs) { a.ParentIndex = parent }
	}

	links := []netlink.Link{
		&netlink.Device{
			LinkAttrs: attrs(1, "lo", func(a *netlink.LinkAttrs) { a.HardwareAddr = nil }),
		},
		&netlink.Device{LinkAttrs: attrs(2, "eth0", nil)},
		&netlink.Device{LinkAttrs: attrs(3, "eth1", under(10))},
		&netlink.Device{LinkAttrs: attrs(4, "eth2", under(11))},
		&netlink.Device{LinkAttrs: attrs(5, "eth3", nil)},
		&netlink.Device{LinkAttrs: attrs(6, "eth4", nil)},
		&netlink.Device{LinkAttrs: attrs(7, "eth5", under(12))},
		&netlink.Bond{LinkAttrs: attrs(10, "bond0", nil)},
		&netlink.GenericLink{LinkAttrs: attrs(11, "ovs-system", nil), LinkType: "openvswitch"},
		&netlink.Bridge{LinkAttrs: attrs(12, "virbr0", nil)},
		&netlink.Vlan{LinkAttrs: attrs(13, "eth4.100", on(6))},
		&netlink.Veth{LinkAttrs: attrs(15, "veth1", on(5))},
		&netlink.Veth{
			LinkAttrs: attrs(
				14,
				"veth0",
				func(a *netlink.LinkAttrs) { a.ParentIndex, a.NetNsID = 5, 0 },
			),
		},
	}

	addrs := map[int][]netip.Prefix{
		2: {netip.MustParsePrefix("192.0.2.1/24"), netip.MustParsePrefix("fe80::1/64")},
		5: {netip.MustParsePrefix("fe80::5/64")},
	}

	sys := fstest.MapFS{}
	for _, name := range []string{"eth0", "eth1", "eth2", "eth3", "eth4", "eth5"} {
		sys[name+"/device/driver"] = &fstest.MapFile{
			Mode: fs.ModeSymlink,
			Data: []byte("../../bus/pci/drivers/ixgbe"),
		}
		sys[name+"/speed"] = &fstest.MapFile{Data: []byte("10000\n")}
	}

	sys["eth3/speed"] = &fstest.MapFile{Data: []byte("-1\n")}
	delete(sys, "eth4/speed")

	nic := func(name string, index byte, speed int, usedBy string) api.HostNIC {
		return api.HostNIC{
			Name:   name,
			MAC:    net.HardwareAddr{0x52, 0x54, 0, 0, 0, index}.String(),
			Speed:  speed,
			Driver: "ixgbe",
			UsedBy: usedBy,
		}
	}

	require.Equal(t, []api.HostNIC{
		nic("eth0", 2, 10000, "addresses 192.0.2.1/24"),
		nic("eth1", 3, 10000, "bond bond0"),
		nic("eth2", 4, 10000, "openvswitch ovs-system"),
		nic("eth3", 5, 0, ""),
		nic("eth4", 6, 0, "vlan eth4.100"),
		nic("eth5", 7, 10000, "bridge virbr0"),
	}, fromLinks(links, addrs, sys, false).NICs)

	names := func(facts api.HostFacts) (out []string) {
		for _, n := range facts.NICs {
			out = append(out, n.Name+" "+n.Driver)
		}
		return out
	}

	require.Equal(t, []string{
		"bond0 bond", "eth0 ixgbe", "eth1 ixgbe", "eth2 ixgbe", "eth3 ixgbe", "eth4 ixgbe",
		"eth4.100 vlan", "eth5 ixgbe",
		"ovs-system openvswitch", "veth0 veth", "veth1 veth", "virbr0 bridge",
	}, names(fromLinks(links, addrs, sys, true)))

	told := &netlink.Device{
		LinkAttrs: attrs(2, "eth0", func(a *netlink.LinkAttrs) { a.ParentDev = "0000:03:00.0" }),
	}

	require.Equal(t, []string{"eth0 "},
		names(fromLinks([]netlink.Link{told}, nil, fstest.MapFS{}, false)),
		"the kernel alone tells the device")
}

func TestFactsOfThisMachine(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux's netlink")
	}
	facts, err := Read(false)
	require.NoError(t, err)
	require.NotNil(t, facts.NICs)
}
