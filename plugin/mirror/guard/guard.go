// Package guard finds the packets of tunnels that must not be mirrored on a host.
//
// A copy of a copy would be copied again, without end. A copy of another overlay's packet would be
// unwrapped by the collector's host, if that is where the packet goes, and its guests would receive
// the packet twice.
//
// A VLAN tag before the IP header makes no difference. Open vSwitch reads no IP header behind two.
package guard

import (
	"net/netip"
	"slices"

	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

const (
	protoUDP = 17
	protoGRE = 47

	etherIPv4 = 0x0800
	etherIPv6 = 0x86dd
)

// overlayPorts are the UDP ports of other encapsulations: VXLAN, VXLAN as Linux had it first, and
// Geneve.
var overlayPorts = []uint16{vxlanPort, 8472, genevePort}

// Packets are packets that the guard drops: IP packets from or to an address, of a protocol.
type Packets struct {
	addr  netip.Addr
	to    bool   // to the address, not from it
	proto uint8  // 0 for any
	port  uint16 // UDP destination port; 0 for any
	frags bool   // fragments alone
}

// Match selects the packets in an OpenFlow flow.
func (p Packets) Match() oxm.Match {
	host := netip.PrefixFrom(p.addr, p.addr.BitLen())
	ether, address := oxm.EthType(etherIPv4), oxm.IPv4Src
	switch {
	case p.addr.Is4() && p.to:
		address = oxm.IPv4Dst
	case p.addr.Is6() && p.to:
		ether, address = oxm.EthType(etherIPv6), oxm.IPv6Dst
	case p.addr.Is6():
		ether, address = oxm.EthType(etherIPv6), oxm.IPv6Src
	}

	match := oxm.Match{ether, address(host)}
	if p.proto != 0 {
		match = append(match, oxm.IPProto(p.proto))
	}
	if p.port != 0 {
		match = append(match, oxm.UDPDst(p.port))
	}
	if p.frags {
		match = append(match, anyFragment())
	}

	return match
}

// anyFragment matches every fragment of a packet, the first one too (ovs-fields(7), nw_frag).
func anyFragment() oxm.Field {
	const fragment = 1
	return oxm.NewMaskedField(oxm.FieldIPFrag, oxm.Uint128{Lo: fragment}, oxm.Uint128{Lo: fragment})
}

// packetSet collects packets, each once, in the order of addition.
type packetSet struct {
	known map[Packets]bool
	list  []Packets
}

func (s *packetSet) add(p Packets) {
	if !s.known[p] {
		s.known[p] = true
		s.list = append(s.list, p)
	}
}

// addBothWays adds packets from an address and those to it.
func (s *packetSet) addBothWays(p Packets) {
	s.add(p)
	p.to = true
	s.add(p)
}

// List returns the packets that must not be mirrored on a host. ourPorts are the UDP ports to which
// copies go, between hosts and to remote collectors. others are the tunnel addresses of hosts whose
// copies an underlay that floods may show here. Where two hosts see each other's, copies of copies
// would have no end.
func List(h *tap.Host, ourPorts []uint16, others []netip.Addr) []Packets {
	s := packetSet{known: map[Packets]bool{}}
	ports := slices.Concat(ourPorts, overlayPorts)
	slices.Sort(ports)
	ports = slices.Compact(ports)
	for _, addr := range tunnelAddrs(h) {
		s.addEnd(addr, ports)
	}

	for i := range h.ForeignTunnels {
		if t := &h.ForeignTunnels[i]; !t.LocalIP.IsValid() && t.RemoteIP.IsValid() {
			s.addFarEnd(t)
		}
	}

	for _, addr := range others {
		s.add(Packets{addr: addr, proto: protoGRE})
		for _, port := range ourPorts {
			s.add(Packets{addr: addr, proto: protoUDP, port: port})
		}
	}

	return s.list
}

// tunnelAddrs are the addresses at which a host's tunnels end, ours and others', sorted.
func tunnelAddrs(h *tap.Host) (addrs []netip.Addr) {
	if h.TunnelIP.IsValid() {
		addrs = append(addrs, h.TunnelIP)
	}

	for _, t := range h.ForeignTunnels {
		if t.LocalIP.IsValid() {
			addrs = append(addrs, t.LocalIP)
		}
	}

	slices.SortFunc(addrs, netip.Addr.Compare)
	return slices.Compact(addrs)
}

// addEnd adds everything that tunnels from or to an address may carry. Fragments of UDP are dropped
// whatever their port, which only the first one has.
func (s *packetSet) addEnd(addr netip.Addr, ports []uint16) {
	s.addBothWays(Packets{addr: addr, proto: protoGRE})
	for _, port := range ports {
		s.addBothWays(Packets{addr: addr, proto: protoUDP, port: port})
	}

	if addr.Is4() {
		s.addBothWays(Packets{addr: addr, proto: protoUDP, frags: true})
	} else {
		// The protocol of a later fragment is not readable in IPv6.
		s.addBothWays(Packets{addr: addr, frags: true})
	}
}

// addFarEnd adds the packets of a foreign tunnel of which only the other end is known.
func (s *packetSet) addFarEnd(t *tap.ForeignTunnel) {
	packets := Packets{addr: t.RemoteIP, proto: protoGRE}
	if !CarriesGRE(t) {
		port, known := UDPPort(t)
		if !known {
			return
		}
		packets.proto, packets.port = protoUDP, port
	}
	s.addBothWays(packets)
}
