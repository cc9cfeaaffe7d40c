package filter_test

import (
	"math/rand/v2"
	"net/netip"
	"slices"
)

// What random frames and random expressions are made of, so that they meet.
var (
	poolMAC = []string{"52:54:00:00:00:01", "52:54:00:00:00:02", "ff:ff:ff:ff:ff:ff",
		"01:00:5e:00:00:fb"}
	poolIPv4 = []string{"10.0.0.1", "10.0.0.2", "10.1.2.3", "192.0.2.1", "224.0.0.251",
		"255.255.255.255"}
	poolIPv6 = []string{"2001:db8::1", "2001:db8::2", "2001:db8:1::1", "fe80::1", "ff02::fb"}
	poolPort = []uint16{0, 22, 53, 80, 81, 443, 1000, 8080, 65535}
	poolTag  = []uint16{0, 5, 30, 99}
	poolIP   = []uint8{1, 2, 6, 17, 47, 50, 58, 103, 112, 132, 253}
	poolFlag = []uint8{0, 0x02, 0x12, 0x10, 0x18, 0x11, 0x04, 0x14, 0x29, 0xc2}
	poolICMP = []uint8{0, 3, 8, 11, 128, 129, 135, 136}
	poolType = []uint16{0x88b5, 0x8847, 0x6003, 0x9100, 0x8100}
)

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

func chance(r *rand.Rand, percent int) bool { return r.IntN(100) < percent }

// randomFrame makes a frame: mostly TCP, UDP and ICMP over IPv4 and IPv6, with everything that
// makes a parser stumble in between.
func randomFrame(r *rand.Rand) []byte {
	frame := slices.Concat(macBytes(pick(r, poolMAC)), macBytes(pick(r, poolMAC)))
	for chance(r, 30) && len(frame) < 20 {
		frame = be.AppendUint16(frame, pick(r, []uint16{0x8100, 0x8100, 0x88a8}))
		frame = be.AppendUint16(frame, pick(r, poolTag)|uint16(r.IntN(8))<<13)
	}

	switch n := r.IntN(100); {
	case n < 50:
		frame = ethernet(r, frame, 0x800, randomIPv4(r))
	case n < 80:
		frame = ethernet(r, frame, 0x86dd, randomIPv6(r))
	case n < 90:
		frame = ethernet(r, frame, pick(r, []uint16{0x806, 0x806, 0x8035}), randomARP(r))
	case n < 95:
		frame = append(be.AppendUint16(frame, 38), 0x42, 0x42, 3, 0, 0)
	default:
		frame = append(be.AppendUint16(frame, pick(r, poolType)), 0, 30, 8, 0, 69, 0)
	}

	if chance(r, 8) {
		return frame[:14+r.IntN(len(frame)-13)]
	}
	return append(frame, make([]byte, r.IntN(20))...)
}

// ethernet puts a payload behind its type, sometimes in LLC and SNAP.
func ethernet(r *rand.Rand, frame []byte, typ uint16, payload []byte) []byte {
	if chance(r, 4) {
		frame = be.AppendUint16(frame, uint16(8+len(payload)))
		frame = append(frame, 0xaa, 0xaa, 3, 0, 0, 0)
	}
	return append(be.AppendUint16(frame, typ), payload...)
}

func macBytes(text string) []byte {
	var b []byte
	for i := 0; i < len(text); i += 3 {
		b = append(b, hexDigit(text[i])<<4|hexDigit(text[i+1]))
	}
	return b
}

func hexDigit(c byte) byte {
	if c >= 'a' {
		return c - 'a' + 10
	}
	return c - '0'
}

func randomARP(r *rand.Rand) []byte {
	b := []byte{0, 1, 8, 0, 6, 4, 0, byte(1 + r.IntN(4))}
	if chance(r, 10) {
		b[r.IntN(6)]++
	}
	for range 2 {
		b = append(b, macBytes(pick(r, poolMAC))...)
		b = append(b, netip.MustParseAddr(pick(r, poolIPv4)).AsSlice()...)
	}
	return b
}

func randomIPv4(r *rand.Rand) []byte {
	proto := pick(r, poolIP)
	if chance(r, 60) {
		proto = pick(r, []uint8{6, 17, 1})
	}

	var options []byte
	if chance(r, 15) {
		options = make([]byte, 4*(1+r.IntN(10)))
	}

	var fragment uint16
	switch n := r.IntN(100); {
	case n < 8:
		fragment = 0x2000 // first
	case n < 20:
		fragment = uint16(1+r.IntN(0x1fff)) | uint16(r.IntN(2))<<13
	case n < 30:
		fragment = 0x4000 // don't fragment
	}

	payload := randomTransport(r, proto)
	header := []byte{byte(0x45 + len(options)/4), byte(r.IntN(256))}
	header = be.AppendUint16(header, uint16(20+len(options)+len(payload)))
	header = be.AppendUint16(header, uint16(r.IntN(65536)))
	header = be.AppendUint16(header, fragment)
	header = append(header, 64, proto, 0, 0)
	header = append(header, netip.MustParseAddr(pick(r, poolIPv4)).AsSlice()...)
	header = append(header, netip.MustParseAddr(pick(r, poolIPv4)).AsSlice()...)
	if chance(r, 3) {
		header[r.IntN(4)] ^= byte(1 << r.IntN(8)) // a wrong version, length or total length
	}
	return slices.Concat(header, options, payload)
}

func randomIPv6(r *rand.Rand) []byte {
	proto := pick(r, poolIP)
	if chance(r, 60) {
		proto = pick(r, []uint8{6, 17, 58})
	}

	// Extension headers, from the last to the first.
	payload, next := randomTransport(r, proto), proto
	for chance(r, 25) {
		var header []byte
		switch kind := pick(r, []uint8{0, 43, 60, 51, 44, 44}); kind {
		case 44:
			offset := pick(r, []uint16{0, 1, 8, 9, 0x1238, 0xfff9})
			header = be.AppendUint16([]byte{next, 0}, offset)
			header = append(header, 1, 2, 3, 4)
			next = kind
		case 51:
			n := r.IntN(3)
			header = append([]byte{next, byte(1 + n)}, make([]byte, 4*(3+n)-2)...)
			next = kind
		default:
			n := r.IntN(2)
			header = append([]byte{next, byte(n)}, make([]byte, 8*(n+1)-2)...)
			next = kind
		}
		payload = append(header, payload...)
	}

	header := be.AppendUint16([]byte{0x60, 0, 0, 0}, uint16(len(payload)))
	header = append(header, next, 64)
	header = append(header, netip.MustParseAddr(pick(r, poolIPv6)).AsSlice()...)
	header = append(header, netip.MustParseAddr(pick(r, poolIPv6)).AsSlice()...)
	if chance(r, 3) {
		header[5] ^= byte(1 << r.IntN(8)) // a wrong length
	}
	return append(header, payload...)
}

func randomTransport(r *rand.Rand, proto uint8) []byte {
	b := transport(proto, pick(r, poolPort), pick(r, poolPort), pick(r, poolFlag),
		pick(r, poolICMP), uint8(r.IntN(3)))
	b = append(b, make([]byte, r.IntN(30))...)
	if proto == 6 && chance(r, 5) {
		b[12] = byte(r.IntN(16)) << 4
	}
	return b
}

// transport makes the header of a protocol.
func transport(proto uint8, src, dst uint16, flags, icmpType, icmpCode uint8) []byte {
	ports := be.AppendUint16(be.AppendUint16(nil, src), dst)
	switch proto {
	case 6:
		return append(ports, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, flags, 1, 0, 0, 0, 0, 0)
	case 17, 132:
		return append(ports, 0, 8, 0, 0, 0, 0, 0, 0)
	case 1, 58:
		return []byte{icmpType, icmpCode, 0, 0, 0, 1, 0, 2}
	}
	return []byte{0, 80, 0, 80, 0, 0, 0, 0, 0, 0, 0, 0}
}

// compose makes a plain frame of what Open vSwitch knows of one: without tag, SNAP, options and
// extension headers. What it does not know is zero.
func compose(p packet) []byte {
	frame := be.AppendUint64(nil, p.ethDst<<16|p.ethSrc>>32)
	frame = be.AppendUint16(be.AppendUint32(frame, uint32(p.ethSrc)), p.typ)
	switch p.typ {
	case 0x800:
		header := []byte{0x45, 0, 1, 0, 0, 0, 0, 0, 64, p.proto, 0, 0}
		if p.frag != 0 {
			header[6] = 0x20
		}
		frame = append(frame, header...)
	case 0x86dd:
		frame = append(frame, 0x60, 0, 0, 0, 0, 200, p.proto, 64)
	case 0x806, 0x8035:
		frame = append(frame, 0, 1, 8, 0, 6, 4, 0, 1)
		frame = append(frame, make([]byte, 6)...)
		frame = append(append(frame, p.src.AsSlice()...), make([]byte, 6)...)
		return append(append(frame, p.dst.AsSlice()...), make([]byte, 20)...)
	default:
		return append(frame, make([]byte, 60)...)
	}

	frame = append(append(frame, p.src.AsSlice()...), p.dst.AsSlice()...)
	frame = append(frame, transport(p.proto, p.portSrc, p.portDst, uint8(p.flags),
		uint8(p.portSrc), uint8(p.portDst))...)
	return append(frame, make([]byte, 100)...)
}

// untagged is a frame without its outer tag.
func untagged(frame []byte) []byte {
	if extract(frame).tci == 0 {
		return frame
	}
	return slices.Concat(frame[:12], frame[16:])
}
