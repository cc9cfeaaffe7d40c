package mirror

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// The guard keeps packets of tunnels out of captures. A copy of a copy would be copied again,
// without end. A copy of another overlay's packet would be unwrapped by the collector's host, if
// that is where the packet goes, and its guests would receive the packet twice.
//
// A VLAN tag before the IP header makes no difference. Open vSwitch reads no IP header behind two.

const (
	protoUDP = 17
	protoGRE = 47

	etherIPv4 = 0x0800
	etherIPv6 = 0x86dd
)

// overlayPorts are the UDP ports of other encapsulations: VXLAN (RFC 7348), VXLAN as Linux had it
// first, and Geneve (RFC 8926).
var overlayPorts = []uint16{vxlanDefaultPort, 8472, genevePort}

// genevePort is the UDP port of Geneve (RFC 8926, 3.3).
const genevePort = 6081

// guardedPackets are packets that the guard drops: IP packets from or to an address, of a protocol.
type guardedPackets struct {
	addr  netip.Addr
	to    bool   // to the address, not from it
	proto uint8  // 0 for any
	port  uint16 // UDP destination port; 0 for any
	frags bool   // fragments alone
}

func (g guardedPackets) match() oxm.Match {
	host := netip.PrefixFrom(g.addr, g.addr.BitLen())
	ether, address := oxm.EthType(etherIPv4), oxm.IPv4Src
	switch {
	case g.addr.Is4() && g.to:
		address = oxm.IPv4Dst
	case g.addr.Is6() && g.to:
		ether, address = oxm.EthType(etherIPv6), oxm.IPv6Dst
	case g.addr.Is6():
		ether, address = oxm.EthType(etherIPv6), oxm.IPv6Src
	}

	match := oxm.Match{ether, address(host)}
	if g.proto != 0 {
		match = append(match, oxm.IPProto(g.proto))
	}
	if g.port != 0 {
		match = append(match, oxm.UDPDst(g.port))
	}
	if g.frags {
		match = append(match, anyFragment())
	}
	return match
}

// anyFragment matches every fragment of a packet, the first one too (ovs-fields(7), nw_frag).
func anyFragment() oxm.Field {
	const fragment = 1
	return oxm.NewMaskedField(oxm.FieldIPFrag, oxm.Uint128{Lo: fragment}, oxm.Uint128{Lo: fragment})
}

// guardSet collects the packets that the guard of a host drops, each once, in the order of
// addition.
type guardSet struct {
	known map[guardedPackets]bool
	list  []guardedPackets
}

func (s *guardSet) add(g guardedPackets) {
	if !s.known[g] {
		s.known[g] = true
		s.list = append(s.list, g)
	}
}

// addBothWays adds packets from an address and those to it.
func (s *guardSet) addBothWays(g guardedPackets) {
	s.add(g)
	g.to = true
	s.add(g)
}

// guard lists the packets that must not be mirrored on a host. others are the tunnel addresses of
// hosts whose copies an underlay that floods may show here. Where two hosts see each other's,
// copies of copies would have no end.
func guard(h *tap.Host, ourPort uint16, others []netip.Addr) []guardedPackets {
	s := guardSet{known: map[guardedPackets]bool{}}
	ports := append([]uint16{ourPort}, overlayPorts...)
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
		s.add(guardedPackets{addr: addr, proto: protoGRE})
		s.add(guardedPackets{addr: addr, proto: protoUDP, port: ourPort})
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
func (s *guardSet) addEnd(addr netip.Addr, ports []uint16) {
	s.addBothWays(guardedPackets{addr: addr, proto: protoGRE})
	for _, port := range ports {
		s.addBothWays(guardedPackets{addr: addr, proto: protoUDP, port: port})
	}
	if addr.Is4() {
		s.addBothWays(guardedPackets{addr: addr, proto: protoUDP, frags: true})
	} else {
		// The protocol of a later fragment is not readable in IPv6.
		s.addBothWays(guardedPackets{addr: addr, frags: true})
	}
}

// addFarEnd adds the packets of a foreign tunnel of which only the other end is known.
func (s *guardSet) addFarEnd(t *tap.ForeignTunnel) {
	g := guardedPackets{addr: t.RemoteIP, proto: protoUDP, port: t.DstPort}
	switch {
	case slices.Contains(greTypes, t.Type):
		g.proto, g.port = protoGRE, 0
	case t.Type == "vxlan":
		g.port = cmp.Or(g.port, vxlanDefaultPort)
	case t.Type == "geneve":
		g.port = cmp.Or(g.port, genevePort)
	default:
		return // Its packets are not known.
	}
	s.addBothWays(g)
}

// addGuard drops guarded packets, and passes the rest.
func (t *flowTables) addGuard(guarded []guardedPackets) {
	t.addBridgeFlow(tableGuard, priorityRest, nil, action.GotoTable{Table: tableSelect})
	for _, g := range guarded {
		t.addBridgeFlow(tableGuard, prioritySpecific, g.match())
	}
}
