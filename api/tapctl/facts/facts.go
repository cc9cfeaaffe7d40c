// Package facts reads the physical NICs of this machine from the kernel, over netlink and sysfs. It
// needs Linux, no privileges, and no controller.
package facts

import (
	"cmp"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"

	"github.com/tapline-sdn/tapline/api"
)

// Read returns the physical NICs of this machine; with all, every Ethernet device.
func Read(all bool) (api.HostFacts, error) {
	links, err := netlink.LinkList()
	if err != nil {
		return api.HostFacts{}, fmt.Errorf("the list of network interfaces: %w", err)
	}

	found, err := netlink.AddrList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return api.HostFacts{}, fmt.Errorf("the addresses of the network interfaces: %w", err)
	}

	addrs := make(map[int][]netip.Prefix)
	for _, f := range found {
		if ip, ok := netip.AddrFromSlice(f.IP); ok {
			ones, _ := f.Mask.Size()
			addrs[f.LinkIndex] = append(addrs[f.LinkIndex], netip.PrefixFrom(ip.Unmap(), ones))
		}
	}

	return fromLinks(links, addrs, os.DirFS("/sys/class/net"), all), nil
}

// fromLinks selects the physical links, or all Ethernet links, and describes them.
func fromLinks(
	links []netlink.Link, addrs map[int][]netip.Prefix, sys fs.FS, all bool,
) api.HostFacts {
	facts := api.HostFacts{NICs: []api.HostNIC{}}
	for _, link := range links {
		attrs := link.Attrs()
		isEthernet := len(attrs.HardwareAddr) == 6
		if !isEthernet || !all && !isPhysical(attrs, sys) {
			continue
		}

		facts.NICs = append(facts.NICs, api.HostNIC{
			Name:   attrs.Name,
			MAC:    attrs.HardwareAddr.String(),
			Speed:  speed(sys, attrs.Name),
			Driver: cmp.Or(driver(sys, attrs.Name), virtualType(link)),
			UsedBy: usedBy(attrs, links, addrs[attrs.Index]),
		})
	}

	slices.SortFunc(
		facts.NICs,
		func(a, b api.HostNIC) int { return strings.Compare(a.Name, b.Name) },
	)

	return facts
}

// isPhysical reports whether a link is a device of a bus, such as PCI, and not made of software.
//
// Since 5.14 the kernel reports the parent device. Older kernels have it in sysfs alone, which
// shows the devices of another network namespace where it was not mounted anew.
func isPhysical(attrs *netlink.LinkAttrs, sys fs.FS) bool {
	if attrs.ParentDev != "" {
		return true
	}
	_, err := fs.Stat(sys, attrs.Name+"/device")
	return err == nil
}

// virtualType is the type of a device that is made of software, such as veth. It stands in for the
// driver. Other devices have none.
func virtualType(link netlink.Link) string {
	if t := link.Type(); t != "device" {
		return t
	}
	return ""
}

// speed is in Mbit/s, 0 if unknown. While the link is down the file cannot be read, or holds -1
// (Documentation/ABI/testing/sysfs-class-net).
func speed(sys fs.FS, name string) int {
	data, err := fs.ReadFile(sys, name+"/speed")
	if err != nil {
		return 0
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil || n < 0 {
		return 0
	}
	return n
}

func driver(sys fs.FS, name string) string {
	target, err := fs.ReadLink(sys, name+"/device/driver")
	if err != nil {
		return ""
	}
	return path.Base(target)
}

// usedBy lists what uses a NIC: the device that it belongs to, the devices on top of it, and its
// addresses. Link-local IPv6 addresses do not count: the kernel gives one to every NIC that is up.
func usedBy(attrs *netlink.LinkAttrs, links []netlink.Link, addrs []netip.Prefix) string {
	var uses, above []string
	for _, link := range links {
		other := link.Attrs()
		switch {
		case attrs.MasterIndex != 0 && other.Index == attrs.MasterIndex:
			uses = append(uses, link.Type()+" "+other.Name)
		case isOnTop(link, attrs):
			above = append(above, link.Type()+" "+other.Name)
		}
	}

	slices.Sort(above)
	uses = append(uses, above...)

	var texts []string
	for _, a := range addrs {
		if a.Addr().Is4() || !a.Addr().IsLinkLocalUnicast() {
			texts = append(texts, a.String())
		}
	}

	if len(texts) > 0 {
		slices.Sort(texts)
		uses = append(uses, "addresses "+strings.Join(texts, " "))
	}

	return strings.Join(uses, "; ")
}

// isOnTop reports whether a link, such as a VLAN device, stands on top of a NIC.
func isOnTop(link netlink.Link, nic *netlink.LinkAttrs) bool {
	other := link.Attrs()
	switch {
	case other.ParentIndex != nic.Index || other.Index == nic.Index:
		return false
	case other.NetNsID >= 0: // The parent is in another namespace, where indexes differ.
		return false
	case link.Type() == "veth": // The parent of a veth device is its peer.
		return false
	}

	return true
}
