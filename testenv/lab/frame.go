//go:build linux

package lab

import (
	"encoding/binary"
	"net/netip"
)

// Frame sizes in bytes, without the frame check sequence.
const (
	MinFrame       = 60
	MaxFrame       = 1514
	MaxTaggedFrame = 1518
)

const (
	etherIPv4 = 0x0800
	etherARP  = 0x0806
	etherVLAN = 0x8100

	ethernetLen = 14
	vlanLen     = 4
	ipv4Len     = 20
	udpLen      = 8
)

// seqMagic marks the payload of UDP frames that carry a sequence number:
//
//	 0        4        8                16
//	+--------+--------+----------------+----------
//	| magic  | Tag    | Seq            | pattern...
//	+--------+--------+----------------+----------
const (
	seqMagic = 0x7461706c
	seqLen   = 16
)

// UDP describes an Ethernet frame with an IPv4 UDP packet of right checksums.
//
// The default addresses belong to no guest, so the guest that receives the
// frame drops it silently; for an address of its own it would answer "port
// unreachable", which is one more frame to explain.
type UDP struct {
	Src, Dst         MAC
	SrcIP, DstIP     netip.Addr // zero: 198.18.0.1, 198.18.0.2 (RFC 2544)
	SrcPort, DstPort uint16     // 0: 9 (discard)
	VLAN             uint16     // 0: untagged
	PCP              uint8      // priority in the VLAN tag, 0 to 7
	// Tag and Seq are the stream and the place in it; see Sequence.
	Tag uint32
	Seq uint64
	// Len is the length of the whole frame in bytes, the VLAN tag included and
	// the frame check sequence not. Too small a value, and 0, mean as short as
	// possible but at least 60.
	Len int
}

// Frame builds the frame.
func (u UDP) Frame() []byte {
	header := ethernetLen
	if u.VLAN != 0 {
		header += vlanLen
	}

	frame := make([]byte, max(u.Len, header+ipv4Len+udpLen+seqLen, MinFrame))
	putEthernet(frame, u.Dst, u.Src, u.VLAN, u.PCP, etherIPv4)

	ip := frame[header:]
	src, dst := orDefault(u.SrcIP, 1), orDefault(u.DstIP, 2)
	ip[0] = 0x45 // version 4, 5 words
	binary.BigEndian.PutUint16(ip[2:], uint16(len(ip)))
	binary.BigEndian.PutUint16(ip[6:], 0x4000) // do not fragment
	ip[8], ip[9] = 64, 17                      // TTL, UDP
	copy(ip[12:], src[:])
	copy(ip[16:], dst[:])
	binary.BigEndian.PutUint16(ip[10:], ^sum(0, ip[:ipv4Len]))

	udp := ip[ipv4Len:]
	binary.BigEndian.PutUint16(udp[0:], orDiscard(u.SrcPort))
	binary.BigEndian.PutUint16(udp[2:], orDiscard(u.DstPort))
	binary.BigEndian.PutUint16(udp[4:], uint16(len(udp)))
	payload := udp[udpLen:]
	binary.BigEndian.PutUint32(payload[0:], seqMagic)
	binary.BigEndian.PutUint32(payload[4:], u.Tag)
	binary.BigEndian.PutUint64(payload[8:], u.Seq)
	for i := seqLen; i < len(payload); i++ {
		payload[i] = byte(i)
	}

	checksum := ^sum(pseudoHeader(ip, len(udp)), udp)
	if checksum == 0 {
		checksum = 0xffff // 0 would mean "no checksum", RFC 768
	}

	binary.BigEndian.PutUint16(udp[6:], checksum)
	return frame
}

// Sequence reads Tag and Seq of a frame that UDP built.
func Sequence(frame []byte) (tag uint32, seq uint64, ok bool) {
	ip := payloadOf(frame, etherIPv4)
	if len(ip) < ipv4Len+udpLen+seqLen || ip[0] != 0x45 || ip[9] != 17 {
		return 0, 0, false
	}
	payload := ip[ipv4Len+udpLen:]
	if binary.BigEndian.Uint32(payload) != seqMagic {
		return 0, 0, false
	}
	return binary.BigEndian.Uint32(payload[4:]), binary.BigEndian.Uint64(payload[8:]), true
}

// ChecksumsRight says whether an IPv4 frame with TCP or UDP has the checksums
// that it must have on a wire. It is true for other frames.
func ChecksumsRight(frame []byte) bool {
	ip := payloadOf(frame, etherIPv4)
	if len(ip) < ipv4Len || ip[0] != 0x45 {
		return true
	}

	length := int(binary.BigEndian.Uint16(ip[2:]))
	if length < ipv4Len || length > len(ip) || sum(0, ip[:ipv4Len]) != 0xffff {
		return false
	}

	segment := ip[ipv4Len:length]
	switch {
	case ip[9] != 6 && ip[9] != 17: // neither TCP nor UDP
		return true
	case ip[9] == 17 && len(segment) >= udpLen && binary.BigEndian.Uint16(segment[6:]) == 0:
		return true // UDP without a checksum
	}

	return sum(pseudoHeader(ip, len(segment)), segment) == 0xffff
}

// ARP describes an ARP request to everybody, RFC 826.
type ARP struct {
	Src              MAC
	SenderIP, Target netip.Addr // zero: 198.18.0.1, 198.18.0.2
	VLAN             uint16     // 0: untagged
}

// Frame builds the frame, padded to 60 bytes.
func (a ARP) Frame() []byte {
	header := ethernetLen
	if a.VLAN != 0 {
		header += vlanLen
	}

	frame := make([]byte, MinFrame)
	putEthernet(frame, Broadcast(), a.Src, a.VLAN, 0, etherARP)
	sender, target := orDefault(a.SenderIP, 1), orDefault(a.Target, 2)
	arp := frame[header:]
	copy(arp, []byte{0, 1, 8, 0, 6, 4, 0, 1}) // Ethernet, IPv4, lengths, request
	copy(arp[8:], a.Src[:])
	copy(arp[14:], sender[:])
	copy(arp[24:], target[:])
	return frame
}

// VLANOf returns the VLAN id of a frame; 0 if it is untagged.
func VLANOf(frame []byte) uint16 {
	if len(frame) < ethernetLen+vlanLen || binary.BigEndian.Uint16(frame[12:]) != etherVLAN {
		return 0
	}
	return binary.BigEndian.Uint16(frame[14:]) & 0x0fff
}

func putEthernet(frame []byte, dst, src MAC, vlan uint16, pcp uint8, etherType uint16) {
	copy(frame[0:], dst[:])
	copy(frame[6:], src[:])
	if vlan != 0 {
		binary.BigEndian.PutUint16(frame[12:], etherVLAN)
		binary.BigEndian.PutUint16(frame[14:], uint16(pcp)<<13|vlan&0x0fff)
		frame = frame[vlanLen:]
	}
	binary.BigEndian.PutUint16(frame[12:], etherType)
}

// payloadOf returns what follows the Ethernet header with at most one VLAN tag;
// nil if it is not of that type.
func payloadOf(frame []byte, etherType uint16) []byte {
	if VLANOf(frame) != 0 {
		frame = frame[vlanLen:]
	}
	if len(frame) < ethernetLen || binary.BigEndian.Uint16(frame[12:]) != etherType {
		return nil
	}
	return frame[ethernetLen:]
}

func orDefault(addr netip.Addr, last byte) [4]byte {
	if addr.Is4() {
		return addr.As4()
	}
	return [4]byte{198, 18, 0, last}
}

func orDiscard(port uint16) uint16 {
	if port == 0 {
		return 9
	}
	return port
}

// pseudoHeader is the sum of the UDP and TCP pseudo header, RFC 768.
func pseudoHeader(ip []byte, length int) uint32 {
	return uint32(sum(uint32(ip[9])+uint32(length), ip[12:ipv4Len]))
}

// sum is the ones' complement sum of RFC 1071.
func sum(initial uint32, data []byte) uint16 {
	total := initial
	for ; len(data) > 1; data = data[2:] {
		total += uint32(binary.BigEndian.Uint16(data))
	}

	if len(data) == 1 {
		total += uint32(data[0]) << 8
	}

	for total>>16 != 0 {
		total = total&0xffff + total>>16
	}

	return uint16(total)
}
