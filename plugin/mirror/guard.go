package mirror

import (
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
var overlayPorts = []uint16{vxlanDefaultPort, 8472, 6081}

// addGuard drops packets of this host's tunnels in both directions, and passes the rest.
func (t *flowTables) addGuard(h *tap.Host, ourPort uint16) {
	t.addBridgeFlow(tableGuard, priorityRest, nil, action.GotoTable{Table: tableSelect})

	ports := append([]uint16{ourPort}, overlayPorts...)
	slices.Sort(ports)
	ports = slices.Compact(ports)
	for _, addr := range tunnelAddrs(h) {
		t.addGuardEnd(addr, packetsFrom, ports)
		t.addGuardEnd(addr, packetsTo, ports)
	}
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

// addGuardEnd drops tunnel packets from or to an address. Fragments of UDP are dropped whatever
// their port, which only the first one has.
func (t *flowTables) addGuardEnd(addr netip.Addr, end addressMatch, ports []uint16) {
	t.addGuardDrop(end(addr), oxm.IPProto(protoGRE))
	for _, port := range ports {
		t.addGuardDrop(end(addr), oxm.IPProto(protoUDP), oxm.UDPDst(port))
	}
	if addr.Is4() {
		t.addGuardDrop(end(addr), oxm.IPProto(protoUDP), anyFragment())
	} else {
		// The protocol of a later fragment is not readable in IPv6.
		t.addGuardDrop(end(addr), anyFragment())
	}
}

// addGuardOthers drops packets of our tunnels that other hosts send, which an underlay that floods
// may show us. Where two hosts see each other's, copies of copies would have no end.
func (t *flowTables) addGuardOthers(tunnelIPs []netip.Addr, ourPort uint16) {
	for _, addr := range tunnelIPs {
		t.addGuardDrop(packetsFrom(addr), oxm.IPProto(protoGRE))
		t.addGuardDrop(packetsFrom(addr), oxm.IPProto(protoUDP), oxm.UDPDst(ourPort))
	}
}

func (t *flowTables) addGuardDrop(match oxm.Match, more ...oxm.Field) {
	t.addBridgeFlow(tableGuard, prioritySpecific, append(match, more...))
}

// addressMatch matches the IP packets from an address, or those to it.
type addressMatch func(netip.Addr) oxm.Match

func packetsFrom(addr netip.Addr) oxm.Match {
	host := netip.PrefixFrom(addr, addr.BitLen())
	if addr.Is6() {
		return oxm.Match{oxm.EthType(etherIPv6), oxm.IPv6Src(host)}
	}
	return oxm.Match{oxm.EthType(etherIPv4), oxm.IPv4Src(host)}
}

func packetsTo(addr netip.Addr) oxm.Match {
	host := netip.PrefixFrom(addr, addr.BitLen())
	if addr.Is6() {
		return oxm.Match{oxm.EthType(etherIPv6), oxm.IPv6Dst(host)}
	}
	return oxm.Match{oxm.EthType(etherIPv4), oxm.IPv4Dst(host)}
}

// anyFragment matches every fragment of a packet, the first one too (ovs-fields(7), nw_frag).
func anyFragment() oxm.Field {
	const fragment = 1
	return oxm.NewMaskedField(oxm.FieldIPFrag, oxm.Uint128{Lo: fragment}, oxm.Uint128{Lo: fragment})
}
