package inventory

import (
	"cmp"
	"net/netip"
	"strings"

	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Keys are the external_ids of Interface rows that say whose a port is. The first key that is set
// counts. The defaults are what libvirt, Neutron, OVN, ovn-kubernetes and Kube-OVN write
// (ovs-vswitchd.conf.db(5), Interface:external_ids).
type Keys struct {
	MAC   []string // attached-mac, attached_mac
	Guest []string // vm-id, vm-uuid
	Iface []string // iface-id: the guest's id where no key of Guest is set
	// ip_addresses (ovn-kubernetes), ip (Kube-OVN): addresses, with or without prefix
	IP []string
	// Container are keys by which other systems mark a container's end of a veth pair, such as
	// ovs-cni's contIface. They name no guest, but no uplink has them.
	Container []string
	// Labels are keys that become labels of guests. Here, all that are set count.
	Labels []string
}

// DefaultKeys returns the keys of the systems named at [Keys].
func DefaultKeys() Keys {
	return Keys{
		MAC:       []string{"attached-mac", "attached_mac"},
		Guest:     []string{"vm-id", "vm-uuid"},
		Iface:     []string{"iface-id"},
		IP:        []string{"ip_addresses", "ip"},
		Container: []string{"contIface", "contNetns", "contPodUid", "sandbox"},
	}
}

// firstOf returns the value of the first key that is set, or "".
func firstOf(ids vswitch.Pairs, keys []string) string {
	for _, key := range keys {
		if v := ids.Get(key); v != "" {
			return v
		}
	}
	return ""
}

// Port is a port of some bridge that may be a guest's. It is comparable.
type Port struct {
	Host   string // id
	Bridge string
	Name   string
	OFPort uint32  // 0 while the switch has not assigned one
	MAC    tap.MAC // of the guest, by external_ids; zero if they say nothing
	InUse  tap.MAC // mac_in_use
	Guest  string  // id, "" if external_ids name none
	IPs    string  // of the guest, by external_ids, separated by spaces
	Labels string  // of the guest, by external_ids: KEY=VALUE, separated by commas
	MTU    uint32  // in octets; 0 while unknown
	Down   string  // why no packet can pass, "" if packets can
	Tap    bool    // it is a TAP device, as libvirt makes them
	Veth   bool    // it is one end of a veth pair, whose other end a container has
	// Internal says that it is a device of the switch's own, which a host or a container uses.
	Internal bool
}

// Location returns the port as the plugin gets it.
func (p Port) Location() tap.Location {
	return tap.Location{
		Host: p.Host, Bridge: p.Bridge, Port: p.Name, OFPort: p.OFPort, MTU: p.MTU, Down: p.Down,
	}
}

// EffectiveMAC returns the address of the guest's NIC: what external_ids say, else that of the
// device itself. It is zero while unknown.
func (p Port) EffectiveMAC() tap.MAC {
	if !p.MAC.IsZero() || p.hidesMAC() {
		return p.MAC
	}
	return p.InUse
}

// hidesMAC reports whether the port belongs to a guest whose address it does not show: the address
// of a veth device is that of the host's end of the pair.
func (p Port) hidesMAC() bool { return p.Veth && p.Guest != "" && p.MAC.IsZero() }

// Marked reports whether a port says that it is a guest's: by its external_ids, or as a TAP device.
func (p Port) Marked() bool { return !p.MAC.IsZero() || p.Guest != "" || p.Tap }

// Virtual reports whether a guest or the host itself may use the port's device: it is no hardware.
func (p Port) Virtual() bool { return p.Veth || p.Internal }

// addrs returns the IP addresses that external_ids tell.
func (p Port) addrs() []netip.Addr {
	var all []netip.Addr
	for _, s := range strings.Fields(p.IPs) {
		all = append(all, netip.MustParseAddr(s)) // addresses has checked it.
	}
	return all
}

// contradicts reports whether the port shows that it is not the NIC with an address.
func (p Port) contradicts(mac tap.MAC) bool {
	if mac.IsZero() {
		return false
	}
	if !p.MAC.IsZero() {
		return p.MAC != mac
	}

	// libvirt gives a TAP device the address of its guest's NIC with the first octet 0xfe.
	libvirts := p.Tap && p.InUse[0] == 0xfe
	return libvirts && [5]byte(p.InUse[1:]) != [5]byte(mac[1:])
}

// ComparePorts orders ports by host, bridge and name, which identify a port.
func ComparePorts(a, b *Port) int {
	return cmp.Or(
		cmp.Compare(a.Host, b.Host), cmp.Compare(a.Bridge, b.Bridge), cmp.Compare(a.Name, b.Name))
}

// guestPort reads a port that can be a guest's. It is false for patch ports, bonds, and the own
// port of a bridge or of a fake bridge.
func (o Observer) guestPort(
	host string, b *vswitch.Bridge, p *vswitch.Port, snap *vswitch.Snapshot,
) (*Port, bool) {
	interfaces := snap.PortInterfaces(p)
	if len(interfaces) != 1 || p.Name == b.Name || p.FakeBridge ||
		interfaces[0].Type == "patch" {
		return nil, false
	}

	i := interfaces[0]

	port := &Port{
		Host: host, Bridge: b.Name, Name: p.Name, OFPort: uint32(max(0, i.OFPort)),
		Guest: cmp.Or(firstOf(i.ExternalIDs, o.Keys.Guest), firstOf(i.ExternalIDs, o.Keys.Iface)),
		IPs:   addresses(firstOf(i.ExternalIDs, o.Keys.IP)),

		Labels: labels(i.ExternalIDs, o.Keys.Labels),

		MTU:  uint32(max(0, i.MTU)),
		Down: whyDown(i),
		Tap:  i.Status.Get("driver_name") == "tun",
		Veth: i.Status.Get("driver_name") == "veth",

		Internal: i.Type == "internal",
	}

	port.MAC, _ = tap.ParseMAC(firstOf(i.ExternalIDs, o.Keys.MAC))
	port.InUse, _ = tap.ParseMAC(i.MACInUse)
	return port, true
}

// whyDown says why no packet can pass an interface, or "".
func whyDown(i *vswitch.Interface) string {
	switch {
	case i.Error != "":
		return i.Error
	case i.OFPort < 0:
		return "the switch could not open it"
	case i.AdminState == "down":
		return "admin_state is down"
	case i.LinkState == "down":
		return "link_state is down"
	}
	return ""
}

// addresses reads a list of IP addresses, each with or without a prefix length. Anything
// else is left out.
func addresses(list string) string {
	var all []string
	separator := func(r rune) bool { return r == ',' || r == ' ' || r == ';' }

	for _, s := range strings.FieldsFunc(list, separator) {
		s, _, _ = strings.Cut(s, "/")
		if addr, err := netip.ParseAddr(s); err == nil {
			all = append(all, addr.Unmap().WithZone("").String())
		}
	}

	return strings.Join(all, " ")
}
