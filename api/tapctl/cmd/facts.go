package cmd

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

	"github.com/spf13/cobra"
	"github.com/vishvananda/netlink"

	"github.com/tapline-sdn/tapline/api"
)

func (a *App) addFacts(root *cobra.Command) {
	var all bool
	cmd := a.command("host-facts", "Print the physical NICs of this machine as JSON, for host-create --facts",
		"  ssh h1 tapctl host-facts > h1.json\n  tapctl host-create h1 --ovsdb tcp:192.0.2.1:6640 --tunnel-ip 192.0.2.1 --facts h1.json",
		cobra.NoArgs, func(*cobra.Command, []string) error {
			facts, err := a.Facts(all)
			if err != nil {
				return &localError{err: err, next: "run it on the host itself, which must be Linux"}
			}
			if a.output == "yaml" {
				return writeYAML(a.Out, facts)
			}
			return writeJSON(a.Out, facts)
		})
	cmd.Long = `Print the physical NICs of this machine as JSON: name, MAC address, speed in Mbit/s, driver, and by what each is used
(addresses, a bond, a bridge or another device above it, VLANs on top); "used_by" is empty for those that are free.
A NIC that a userspace datapath of Open vSwitch or DPDK has taken shows no use here; the controller sees it in OVSDB.`
	cmd.Flags().BoolVar(&all, "all", false, "virtual Ethernet devices too, such as veth in a lab or a NIC that a container was given")
	cmd.GroupID = "host"
	root.AddCommand(cmd)
}

// ReadFacts reads the physical NICs of this machine from the kernel; with all, every Ethernet device.
func ReadFacts(all bool) (api.HostFacts, error) {
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
	return factsOf(links, addrs, os.DirFS("/sys/class/net"), all), nil
}

// factsOf sorts out which links are physical and by what each is used.
func factsOf(links []netlink.Link, addrs map[int][]netip.Prefix, sys fs.FS, all bool) api.HostFacts {
	facts := api.HostFacts{NICs: []api.HostNIC{}}
	for _, l := range links {
		at := l.Attrs()
		if len(at.HardwareAddr) != 6 || !all && !physical(at, sys) {
			continue
		}
		facts.NICs = append(facts.NICs, api.HostNIC{
			Name: at.Name, MAC: at.HardwareAddr.String(), Speed: speed(sys, at.Name), Driver: cmp.Or(driver(sys, at.Name), virtual(l)),
			UsedBy: usedBy(at, links, addrs[at.Index]),
		})
	}
	slices.SortFunc(facts.NICs, func(a, b api.HostNIC) int { return strings.Compare(a.Name, b.Name) })
	return facts
}

// physical tells devices of a bus, such as PCI, from those that are made of software. The kernel tells the parent device since
// 5.14; sysfs always did, but shows another network namespace's devices where it was not mounted anew.
func physical(at *netlink.LinkAttrs, sys fs.FS) bool {
	if at.ParentDev != "" {
		return true
	}
	_, err := fs.Stat(sys, at.Name+"/device")
	return err == nil
}

// virtual is the kind of a device that is made of software, which stands for its driver; "" for others.
func virtual(l netlink.Link) string {
	if kind := l.Type(); kind != "device" {
		return kind
	}
	return ""
}

// speed is in Mbit/s; the file cannot be read, or holds -1, while the link is down (sysfs-class-net).
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

// usedBy lists what uses a NIC: its master, its addresses, and the devices on top of it. Link-local IPv6 addresses do not
// count, since the kernel gives one to every NIC that is up.
func usedBy(at *netlink.LinkAttrs, links []netlink.Link, addrs []netip.Prefix) string {
	var uses []string
	var above []string
	for _, l := range links {
		other := l.Attrs()
		switch {
		case at.MasterIndex != 0 && other.Index == at.MasterIndex:
			uses = append(uses, l.Type()+" "+other.Name)
		// A parent in another namespace has an index that means another device here, and the parent of a veth device is its peer.
		case other.ParentIndex == at.Index && other.Index != at.Index && other.NetNsID < 0 && l.Type() != "veth":
			above = append(above, l.Type()+" "+other.Name)
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
