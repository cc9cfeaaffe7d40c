package fault

import (
	"encoding/binary"
	"net/netip"
)

// Station forges tunnel packets, as any machine on an underlay can: with any outer address, key and
// inner frame. It only builds them; a sender of package lab sends them.
type Station struct {
	EthSrc, EthDst [6]byte    // the outer frame's addresses
	From, To       netip.Addr // the outer packet's addresses, both IPv4 or both IPv6
}

// Protocols of the outer packet.
const (
	protocolGRE = 47
	protocolUDP = 17

	etherTypeIPv4 = 0x0800
	etherTypeIPv6 = 0x86dd

	ethernetLen = 14
	ipv4Len     = 20
	ipv6Len     = 40
)

// GRE is a packet of GRE with a key around an Ethernet frame (RFC 2784, RFC 2890).
func (s Station) GRE(key uint32, inner []byte) []byte {
	const keyPresent, transparentEthernet = 0x2000, 0x6558
	payload := binary.BigEndian.AppendUint16(nil, keyPresent)
	payload = binary.BigEndian.AppendUint16(payload, transparentEthernet)
	payload = binary.BigEndian.AppendUint32(payload, key)
	return s.frame(protocolGRE, append(payload, inner...))
}

// VXLAN is a packet of VXLAN to a UDP port around an Ethernet frame (RFC 7348). Its UDP checksum is
// 0, that is, none.
func (s Station) VXLAN(vni uint32, port uint16, inner []byte) []byte {
	const anySource, udpLen, vxlanLen, vniPresent = 49152, 8, 8, 0x08000000
	payload := binary.BigEndian.AppendUint16(nil, anySource)
	payload = binary.BigEndian.AppendUint16(payload, port)
	payload = binary.BigEndian.AppendUint16(payload, uint16(udpLen+vxlanLen+len(inner)))
	payload = binary.BigEndian.AppendUint16(payload, 0)
	payload = binary.BigEndian.AppendUint32(payload, vniPresent)
	payload = binary.BigEndian.AppendUint32(payload, vni<<8)
	return s.frame(protocolUDP, append(payload, inner...))
}

// frame puts a payload into an IP packet in an Ethernet frame.
func (s Station) frame(protocol byte, payload []byte) []byte {
	out := append(append(make([]byte, 0, ethernetLen+ipv6Len+len(payload)), s.EthDst[:]...),
		s.EthSrc[:]...)
	if s.From.Is4() {
		out = binary.BigEndian.AppendUint16(out, etherTypeIPv4)
		out = s.appendIPv4(out, protocol, len(payload))
	} else {
		out = binary.BigEndian.AppendUint16(out, etherTypeIPv6)
		out = s.appendIPv6(out, protocol, len(payload))
	}
	return append(out, payload...)
}

func (s Station) appendIPv4(b []byte, protocol byte, n int) []byte {
	from, to := s.From.As4(), s.To.As4()
	header := make([]byte, ipv4Len)
	header[0], header[8], header[9] = 0x45, 64, protocol
	binary.BigEndian.PutUint16(header[2:], uint16(ipv4Len+n))
	copy(header[12:], from[:])
	copy(header[16:], to[:])

	var sum uint32
	for i := 0; i < ipv4Len; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(header[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	binary.BigEndian.PutUint16(header[10:], ^uint16(sum))
	return append(b, header...)
}

func (s Station) appendIPv6(b []byte, protocol byte, n int) []byte {
	from, to := s.From.As16(), s.To.As16()
	header := make([]byte, 8, ipv6Len)
	header[0], header[6], header[7] = 0x60, protocol, 64
	binary.BigEndian.PutUint16(header[4:], uint16(n))
	return append(b, append(append(header, from[:]...), to[:]...)...)
}
