package tap

import "net/netip"

// Host is what is known of one host: its settings, and the last observation of its switch. Slices
// are sorted by name, so that equal hosts compare equal.
type Host struct {
	ID       string
	Name     string
	TunnelIP netip.Addr        // zero while unknown
	Wires    map[string]string // wire id -> bridge that carries it here

	// Observed is false until the switch was first seen since the controller started. What is
	// missing on such a host may still be there.
	Observed bool
	// Connected is false while the switch cannot be reached; the rest is then as last seen.
	Connected bool
	// Refused, if set, is why nothing may be programmed on this host, such as a tap bridge that
	// belongs to another cluster.
	Refused string

	// TapDatapath is the datapath type that the tap bridge has now; "" if there is no tap bridge.
	TapDatapath string
	// UnderlayDatapath is the datapath type of the bridge with the tunnel address; "" if unknown.
	UnderlayDatapath string
	// UserspaceTSO is Open_vSwitch:other_config:userspace-tso-enable. The userspace datapath then
	// takes TCP segments of up to 64 KiB from guests, and drops those that are to go into a tunnel.
	UserspaceTSO bool
	// UnderlayMTU is the Interface:mtu of the device by which tunnels leave; 0 if unknown.
	UnderlayMTU uint32
	// Paths are the paths to other hosts and to remote collectors through which no full-size copy
	// passes, or nothing, sorted by address.
	Paths []Path

	// NoGRE says why the switch cannot receive GRE, in its own words; "" if it can.
	NoGRE string
	// Lacking are what the switch lacks, sorted by code and datapath; see [Host.Lacks].
	Lacking []Lack
	// ForeignTunnels are tunnel ports on the switch that are not ours.
	ForeignTunnels []ForeignTunnel

	Bridges []Bridge // all but the tap bridge
	// FakeBridges are those that ovs-vsctl(8) makes by "add-br NAME PARENT VLAN".
	FakeBridges []FakeBridge
	TapPorts    []TapPort // ports of the tap bridge, ours and others'
	NICs        []HostNIC // physical NICs from the host's facts
}

// Bridge returns the bridge of a name; nil if there is none. Neither the tap bridge nor a fake
// bridge is one.
func (h *Host) Bridge(name string) *Bridge {
	for i := range h.Bridges {
		if h.Bridges[i].Name == name {
			return &h.Bridges[i]
		}
	}
	return nil
}

// WireBridge returns the bridge that carries a wire: the declared one, or the one of the same name.
// Where that is a fake bridge, it returns the parent and the VLAN that the wire is; otherwise the
// VLAN is 0.
func (h *Host) WireBridge(wire string) (bridge *Bridge, vlan uint16) {
	name, declared := h.Wires[wire]
	if !declared {
		name = wire
	}

	for _, fake := range h.FakeBridges {
		if fake.Name == name {
			return h.Bridge(fake.Parent), fake.VLAN
		}
	}

	return h.Bridge(name), 0
}

// Path is the path to another host's tunnel address.
type Path struct {
	Addr  netip.Addr
	Frame uint32 // the largest copy that passes, from its Ethernet header on; 0: not limited
	Cut   bool   // nothing passes at present
}

// ForeignTunnel is a tunnel port that is not ours. Which packets it receives depends on its fields;
// a field that is not set accepts any value.
type ForeignTunnel struct {
	Name     string
	Bridge   string
	Type     string     // Interface:type, such as "gre" or "vxlan"
	LocalIP  netip.Addr // zero for any
	RemoteIP netip.Addr // zero for any, also where flows choose it
	Key      string     // options:key or options:in_key as configured; "" for none
	DstPort  uint16     // UDP port; 0 where the type has none
}

// Bridge is a bridge of a host other than the tap bridge.
type Bridge struct {
	Name         string
	DatapathType string   // "system" or "netdev" (column Bridge:datapath_type), never empty
	Uplinks      []string // names of its physical ports
	OtherMirrors int      // number of Mirror rows that are not ours

	// Patched is set if patch ports that are not ours join it to another bridge.
	Patched bool

	// OurMirrors are the names of our Mirror rows. They keep their place when room is short.
	OurMirrors []string
}

// FakeBridge is a name for one VLAN of a bridge.
type FakeBridge struct {
	Name   string
	Parent string // name of the bridge
	VLAN   uint16 // 1..4094
}

// TapPort is a port of the tap bridge as the switch reports it.
type TapPort struct {
	Name   string
	OFPort uint32 // OpenFlow port number; 0 while the switch has not assigned one
	MAC    MAC    // mac_in_use
	MTU    uint32 // Interface:mtu, in octets; 0 while unknown
	Error  string // Interface:error
	Down   string // why no packet can pass: "admin_state is down", "link_state is down", or ""
}

// HostNIC is a physical NIC of a host.
type HostNIC struct {
	Name   string
	MAC    MAC
	UsedBy string // what uses it according to the host's facts or the switch, or ""

	// SeenMAC is the address that the switch showed for this name when the NIC was last on a
	// bridge; zero if it never was.
	SeenMAC MAC
}

// Guest is a VM or container, declared or learned from the switches.
type Guest struct {
	ID   string
	Name string
	NICs []NIC
}

// NIC is a virtual NIC of a guest.
type NIC struct {
	MAC    MAC
	IPs    []netip.Addr
	IfName string // as declared; "" if not

	// Disputed says why it is uncertain which port is this NIC, such as an interface name that
	// stands on two hosts; "" if it is certain. Locations may then be empty or have all the places.
	Disputed string

	// Locations are where it is plugged now: none if the guest is off, two for a moment during a
	// migration.
	Locations []Location
}

// Location is a port where a NIC is plugged.
type Location struct {
	Host   string // id
	Bridge string
	Port   string
	OFPort uint32 // 0 while the switch has not assigned one
	MTU    uint32 // Interface:mtu, in octets; 0 while unknown
	Down   string // why no packet can pass, such as "link_state is down"; "" if packets can

	// UsedBy says of the place of a tap NIC whose the port is, such as "uplink of bridge br-ex",
	// where it is not the tap service's: it must stay there. "" if it may be moved.
	UsedBy string
}

// Attachment lists where the tap NIC of a service was seen, on any bridge.
type Attachment struct {
	ServiceID string
	Locations []Location

	// Claims are other places that show the NIC's address or name. Copies never go there.
	Claims []Location
}
