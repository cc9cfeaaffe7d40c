package oxm

import (
	"net/netip"

	"github.com/tapline-sdn/tapline/openflow/wire"
)

func exact(id FieldID, v uint64) Field { return NewField(id, Uint128{Lo: v}) }

func bitwise(id FieldID, v, mask uint64) Field {
	return NewMaskedField(id, Uint128{Lo: v}, Uint128{Lo: mask})
}

// prefix matches the leading bits of an address. An IPv4 address in a field of
// 128 bits is matched as IPv4-mapped.
func prefix(id FieldID, p netip.Prefix) Field {
	width := id.Info().Bits
	mask := ones(width)
	host := ones(p.Addr().BitLen() - p.Bits())
	return NewMaskedField(id, addrValue(p.Addr()), Uint128{mask.Hi &^ host.Hi, mask.Lo &^ host.Lo})
}

// InPort matches the port of arrival.
func InPort(p wire.PortNo) Field { return exact(FieldInPort, uint64(p)) }

// Metadata matches all 64 bits that tables pass on.
func Metadata(v uint64) Field { return exact(FieldMetadata, v) }

// MetadataMasked matches some bits of the metadata.
func MetadataMasked(v, mask uint64) Field { return bitwise(FieldMetadata, v, mask) }

// TunnelID matches the key of a tunnel, such as a GRE key or a VNI.
func TunnelID(v uint64) Field { return exact(FieldTunnelID, v) }

// TunnelIDMasked matches some bits of the key of a tunnel.
func TunnelIDMasked(v, mask uint64) Field { return bitwise(FieldTunnelID, v, mask) }

// TunSrc matches the outer source address: tun_src or tun_ipv6_src, chosen by
// the family of a. The other one stays unmatched.
func TunSrc(a netip.Addr) Field { return tunAddr(FieldTunIPv4Src, FieldTunIPv6Src, a) }

// TunDst matches or sets the outer destination address: tun_dst or
// tun_ipv6_dst, chosen by the family of a.
func TunDst(a netip.Addr) Field { return tunAddr(FieldTunIPv4Dst, FieldTunIPv6Dst, a) }

func tunAddr(v4, v6 FieldID, a netip.Addr) Field {
	a = a.Unmap()
	if a.Is4() {
		return NewField(v4, addrValue(a))
	}
	return NewField(v6, addrValue(a))
}

// TunERSPANVersion matches or sets the version of an ERSPAN header, 1 or 2: tun_erspan_ver.
func TunERSPANVersion(v uint8) Field { return exact(FieldTunErspanVer, uint64(v)) }

// Reg matches register n, 0 to 15 (Nicira). Other registers give a field that
// the encoder refuses.
func Reg(n int, v uint32) Field { return exact(regID(n), uint64(v)) }

// RegMasked matches some bits of register n, 0 to 15 (Nicira).
func RegMasked(n int, v, mask uint32) Field {
	return bitwise(regID(n), uint64(v), uint64(mask))
}

func regID(n int) FieldID {
	if n < 0 || n > 15 {
		return FieldUnknown
	}
	return FieldReg0 + FieldID(n)
}

// XXReg matches register pair-of-pairs n, 0 to 3, 128 bits (Nicira).
func XXReg(n int, v Uint128) Field {
	if n < 0 || n > 3 {
		return Field{}
	}
	return NewField(FieldXXReg0+FieldID(n), v)
}

// PktMark matches the mark of the packet in the host's kernel.
func PktMark(v uint32) Field { return exact(FieldPktMark, uint64(v)) }

// RecircID matches packets that a datapath has taken up again at a point that it numbers; 0 is
// those that have just entered it (Nicira, ovs-fields(7)).
func RecircID(v uint32) Field { return exact(FieldRecircID, uint64(v)) }

// CTState matches bits of the connection tracker's state.
func CTState(v, mask uint32) Field { return bitwise(FieldCTState, uint64(v), uint64(mask)) }

// EthType matches the type of the frame inside its VLAN tags.
func EthType(v uint16) Field { return exact(FieldEthType, uint64(v)) }

// EthSrc matches the source address.
func EthSrc(m wire.MAC) Field { return exact(FieldEthSrc, m.Uint64()) }

// EthSrcMasked matches some bits of the source address.
func EthSrcMasked(m, mask wire.MAC) Field { return bitwise(FieldEthSrc, m.Uint64(), mask.Uint64()) }

// EthDst matches the destination address.
func EthDst(m wire.MAC) Field { return exact(FieldEthDst, m.Uint64()) }

// EthDstMasked matches some bits of the destination address.
func EthDstMasked(m, mask wire.MAC) Field { return bitwise(FieldEthDst, m.Uint64(), mask.Uint64()) }

// vlanPresent is OFPVID_PRESENT (7.2.3.7).
const vlanPresent = 0x1000

// VLANVID matches frames with an 802.1Q tag of VLAN v, 0 to 4095.
func VLANVID(v uint16) Field { return exact(FieldVLANVID, uint64(v)|vlanPresent) }

// VLANNone matches frames without an 802.1Q tag.
func VLANNone() Field { return exact(FieldVLANVID, 0) }

// VLANAny matches frames with any 802.1Q tag.
func VLANAny() Field { return bitwise(FieldVLANVID, vlanPresent, vlanPresent) }

// VLANPCP matches the priority of the 802.1Q tag, 0 to 7. Needs VLANVID.
func VLANPCP(v uint8) Field { return exact(FieldVLANPCP, uint64(v)) }

// IPProto matches the protocol in an IP packet. Needs EthType.
func IPProto(v uint8) Field { return exact(FieldIPProto, uint64(v)) }

// IPDSCP matches the DSCP, 0 to 63. Needs EthType.
func IPDSCP(v uint8) Field { return exact(FieldIPDSCP, uint64(v)) }

// IPv4Src matches the source address. Needs EthType(0x0800).
func IPv4Src(p netip.Prefix) Field { return prefix(FieldIPv4Src, p) }

// IPv4Dst matches the destination address. Needs EthType(0x0800).
func IPv4Dst(p netip.Prefix) Field { return prefix(FieldIPv4Dst, p) }

// IPv6Src matches the source address. Needs EthType(0x86dd).
func IPv6Src(p netip.Prefix) Field { return prefix(FieldIPv6Src, p) }

// IPv6Dst matches the destination address. Needs EthType(0x86dd).
func IPv6Dst(p netip.Prefix) Field { return prefix(FieldIPv6Dst, p) }

// TCPSrc matches the source port. Needs EthType and IPProto(6).
func TCPSrc(v uint16) Field { return exact(FieldTCPSrc, uint64(v)) }

// TCPDst matches the destination port. Needs EthType and IPProto(6).
func TCPDst(v uint16) Field { return exact(FieldTCPDst, uint64(v)) }

// TCPFlags matches bits of the TCP flags. Needs EthType and IPProto(6).
func TCPFlags(v, mask uint16) Field { return bitwise(FieldTCPFlags, uint64(v), uint64(mask)) }

// UDPSrc matches the source port. Needs EthType and IPProto(17).
func UDPSrc(v uint16) Field { return exact(FieldUDPSrc, uint64(v)) }

// UDPDst matches the destination port. Needs EthType and IPProto(17).
func UDPDst(v uint16) Field { return exact(FieldUDPDst, uint64(v)) }

// ICMPv4Type matches the type. Needs EthType(0x0800) and IPProto(1).
func ICMPv4Type(v uint8) Field { return exact(FieldICMPv4Type, uint64(v)) }

// ICMPv6Type matches the type. Needs EthType(0x86dd) and IPProto(58).
func ICMPv6Type(v uint8) Field { return exact(FieldICMPv6Type, uint64(v)) }

// ARPOp matches the operation. Needs EthType(0x0806).
func ARPOp(v uint16) Field { return exact(FieldARPOp, uint64(v)) }

// ARPSPA matches the sender's IPv4 address. Needs EthType(0x0806).
func ARPSPA(p netip.Prefix) Field { return prefix(FieldARPSPA, p) }

// ARPTPA matches the target's IPv4 address. Needs EthType(0x0806).
func ARPTPA(p netip.Prefix) Field { return prefix(FieldARPTPA, p) }
