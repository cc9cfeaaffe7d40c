package inventory

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// bridge reads a bridge other than the tap bridge. guessed says that its uplinks are a guess.
func (o Observer) bridge(
	b *vswitch.Bridge, snap *vswitch.Snapshot, declared []string, claimed Claimed,
) (out tap.Bridge, guessed bool) {
	out = tap.Bridge{
		Name:         b.Name,
		DatapathType: cmp.Or(b.DatapathType, "system"),
		Uplinks:      slices.Sorted(slices.Values(declared)),
	}

	for _, m := range snap.BridgeMirrors(b) {
		if o.Owns(m.ExternalIDs) {
			out.OurMirrors = append(out.OurMirrors, m.Name)
		} else {
			out.OtherMirrors++
		}
	}

	slices.Sort(out.OurMirrors)
	out.Patched = o.patched(b, snap)

	if len(declared) == 0 {
		out.Uplinks, guessed = o.uplinks(b, snap, claimed)
	}

	return out, guessed
}

// patched reports whether patch ports that are not ours join a bridge to another one.
func (o Observer) patched(b *vswitch.Bridge, snap *vswitch.Snapshot) bool {
	for port := range snap.EachPort(b) {
		if o.Owns(port.ExternalIDs) {
			continue
		}
		for device := range snap.EachInterface(port) {
			if device.Type == "patch" {
				return true
			}
		}
	}
	return false
}

// fakeBridges reads the fake bridges of a bridge: access ports of a VLAN that ovs-vsctl(8) shows as
// bridges of their own.
func fakeBridges(b *vswitch.Bridge, snap *vswitch.Snapshot) (all []tap.FakeBridge) {
	for _, p := range snap.BridgePorts(b) {
		if vlan := fakeVLAN(p); vlan != 0 {
			all = append(all, tap.FakeBridge{Name: p.Name, Parent: b.Name, VLAN: vlan})
		}
	}
	return all
}

// fakeVLAN is the VLAN of a port that is a fake bridge; 0 if it is none.
func fakeVLAN(p *vswitch.Port) uint16 {
	if !p.FakeBridge || p.Tag == nil || *p.Tag < 1 || *p.Tag > tap.MaxVLAN {
		return 0
	}
	return uint16(*p.Tag)
}

// uplinks finds the uplinks of a bridge: devices of the system, or bonds of them, that are nobody's
// NIC. Beside devices with real drivers, veth devices are taken for containers. Where there are
// only veth devices, all of them are a guess.
func (o Observer) uplinks(
	b *vswitch.Bridge, snap *vswitch.Snapshot, claimed Claimed,
) (names []string, guessed bool) {
	var physical, virtual []string
	for _, p := range snap.BridgePorts(b) {
		if p.Name == b.Name || o.Owns(p.ExternalIDs) || p.FakeBridge {
			continue
		}

		candidate, driver := true, ""
		for _, i := range snap.PortInterfaces(p) {
			driver = i.Status.Get("driver_name")
			candidate = candidate && o.mayBeUplink(i, driver, claimed)
		}

		switch {
		case !candidate:
		case driver == "veth":
			virtual = append(virtual, p.Name)
		default:
			physical = append(physical, p.Name)
		}
	}

	names, guessed = physical, false
	if physical == nil {
		names, guessed = virtual, virtual != nil
	}

	slices.Sort(names)
	return names, guessed
}

// mayBeUplink reports whether an interface is a device of the system that belongs to no guest and
// no container.
func (o Observer) mayBeUplink(i *vswitch.Interface, driver string, claimed Claimed) bool {
	switch i.Type {
	case "", "system", "dpdk", "afxdp", "afxdp-nonpmd":
	default:
		return false
	}

	for _, keys := range [][]string{o.Keys.MAC, o.Keys.Guest, o.Keys.Iface, o.Keys.Container} {
		if firstOf(i.ExternalIDs, keys) != "" {
			return false
		}
	}

	inUse, _ := tap.ParseMAC(i.MACInUse)
	return driver != "tun" && !claimed(i.Name, inUse)
}

// foreignBridge says why a bridge with the tap bridge's name cannot be used. target is the address
// of the host's database.
func foreignBridge(target string, b *vswitch.Bridge) string {
	if other := b.ExternalIDs.Get(reconcile.OwnerKey); other != "" {
		return fmt.Sprintf("bridge %s belongs to another Tapline cluster, %s; %s removes it",
			b.Name, other, cleanupCommand(target, other))
	}
	return fmt.Sprintf("bridge %s exists and is not Tapline's; "+
		"delete it, or choose another name by the setting bridge of the mirror plugin", b.Name)
}

// tapPorts reads the ports of the tap bridge, sorted by name.
func tapPorts(b *vswitch.Bridge, snap *vswitch.Snapshot) []tap.TapPort {
	var all []tap.TapPort
	for _, p := range snap.BridgePorts(b) {
		for _, i := range snap.PortInterfaces(p) {
			port := tap.TapPort{
				Name: p.Name, OFPort: uint32(max(0, i.OFPort)), MTU: uint32(max(0, i.MTU)),
				Error: i.Error,
			}

			port.MAC, _ = tap.ParseMAC(i.MACInUse)
			if port.Error == "" && i.OFPort < 0 {
				port.Error = "it could not be opened"
			}

			if port.Error == "" {
				port.Down = whyDown(i)
			}

			all = append(all, port)
		}
	}

	slices.SortFunc(all, func(a, b tap.TapPort) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// tunnelTypes are the values of Interface:type that send or receive tunnels between hosts
// (ovs-vswitchd.conf.db(5), Interface:type).
var tunnelTypes = []string{
	"gre", "ip6gre", "vxlan", "geneve", "erspan", "ip6erspan", "stt", "lisp", "gtpu", "bareudp",
	"srv6",
}

// foreignTunnels reads the tunnel ports that are not ours, sorted by bridge and name.
func (o Observer) foreignTunnels(b *vswitch.Bridge, snap *vswitch.Snapshot) []tap.ForeignTunnel {
	var all []tap.ForeignTunnel
	for _, p := range snap.BridgePorts(b) {
		if o.Owns(p.ExternalIDs) {
			continue
		}
		for _, i := range snap.PortInterfaces(p) {
			if !slices.Contains(tunnelTypes, i.Type) {
				continue
			}

			port, _ := strconv.ParseUint(i.Options.Get("dst_port"), 10, 16) // 0 is the type's own.
			all = append(all, tap.ForeignTunnel{
				Name: i.Name, Bridge: b.Name, Type: i.Type, DstPort: uint16(port),
				LocalIP:  optionAddr(i.Options.Get("local_ip")),
				RemoteIP: optionAddr(i.Options.Get("remote_ip")),
				Key:      cmp.Or(i.Options.Get("in_key"), i.Options.Get("key")),
			})
		}
	}

	return all
}

// underlayDatapath returns the datapath type of the bridge through which the host's tunnels leave,
// by what the switch says of tunnel ports with a fixed remote end. A device that is on no bridge
// belongs to the kernel. It is "" where no port tells.
func underlayDatapath(tunnelIP netip.Addr, snap *vswitch.Snapshot) string {
	device := egressDevice(tunnelIP, snap)
	if device == "" {
		return ""
	}

	for _, b := range snap.Bridges() {
		for _, p := range snap.BridgePorts(b) {
			for _, i := range snap.PortInterfaces(p) {
				if i.Name == device {
					return cmp.Or(b.DatapathType, "system")
				}
			}
		}
	}

	return "system"
}

// underlayMTU returns the MTU of the device by which the host's tunnels leave; 0 where it is on no
// bridge, or where no port tells.
func underlayMTU(tunnelIP netip.Addr, snap *vswitch.Snapshot) uint32 {
	device := egressDevice(tunnelIP, snap)
	if device == "" {
		return 0
	}

	for _, b := range snap.Bridges() {
		for _, p := range snap.BridgePorts(b) {
			for _, i := range snap.PortInterfaces(p) {
				if i.Name == device {
					return uint32(max(0, i.MTU))
				}
			}
		}
	}
	return 0
}

// egressDevice returns the device by which a tunnel from an address leaves, by
// Interface:status:tunnel_egress_iface (ovs-vswitchd.conf.db(5)); "" where no port tells.
func egressDevice(tunnelIP netip.Addr, snap *vswitch.Snapshot) string {
	for _, b := range snap.Bridges() {
		for _, p := range snap.BridgePorts(b) {
			for _, i := range snap.PortInterfaces(p) {
				local := optionAddr(i.Options.Get("local_ip"))
				egress := i.Status.Get("tunnel_egress_iface")
				if egress != "" && (local == tunnelIP || !local.IsValid()) {
					return egress
				}
			}
		}
	}
	return ""
}

// optionAddr reads an address option of a tunnel port. It is zero for "flow" and for
// anything else that is not an address.
func optionAddr(s string) netip.Addr {
	addr, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap()
}
