package filter

import (
	"github.com/tapline-sdn/tapline/openflow/oxm"
)

// Words of a cube.
const (
	wordMeta = iota // Ethernet type, VLAN, fragment and IP protocol
	wordEthDst
	wordEthSrc
	wordSrcHi // source address of IPv6; of IPv4 and ARP in the lower half of the next word
	wordSrcLo
	wordDstHi
	wordDstLo
	wordL4 // ports and TCP flags; type and code of ICMP in place of the ports
	words
)

// Fields within wordMeta and wordL4.
const (
	shiftType  = 48
	shiftVLAN  = 32 // 13 bits, of which the highest says that there is a tag
	shiftFrag  = 8
	shiftProto = 0

	shiftPortSrc = 48
	shiftPortDst = 32
	shiftFlags   = 0
)

// Bits of the fragment field (ovs-fields(7), ip_frag).
const (
	fragAny   = 1
	fragLater = 2
)

const vlanPresent = 0x1000

// cube is a set of frames: those in which the bits of mask are as in value, in the fields that a
// flow can match. Bits outside mask are zero in value, so that equal cubes compare equal. The zero
// cube is all frames.
type cube struct{ value, mask [words]uint64 }

// with narrows a cube to frames with these bits. The field must not be narrowed yet.
func (c cube) with(word, shift int, value, mask uint64) cube {
	c.value[word] |= (value & mask) << shift
	c.mask[word] |= mask << shift
	return c
}

func (c cube) withType(typ uint16) cube {
	return c.with(wordMeta, shiftType, uint64(typ), 0xffff)
}

func (c cube) withProto(number uint8) cube {
	return c.with(wordMeta, shiftProto, uint64(number), 0xff)
}

// intersect returns the frames that are in both cubes, or false if there are none.
func (c *cube) intersect(d *cube) (cube, bool) {
	var both cube
	for i := range words {
		if (c.value[i]^d.value[i])&c.mask[i]&d.mask[i] != 0 {
			return cube{}, false
		}
		both.value[i], both.mask[i] = c.value[i]|d.value[i], c.mask[i]|d.mask[i]
	}
	return both, true
}

// contains reports whether every frame of d is in c.
func (c *cube) contains(d *cube) bool {
	for i := range words {
		if c.mask[i]&^d.mask[i]|(c.value[i]^d.value[i])&c.mask[i] != 0 {
			return false
		}
	}
	return true
}

// field returns the value of a field, and whether all of its bits count.
func (c *cube) field(word, shift int, width uint64) (uint64, bool) {
	return c.value[word] >> shift & width, c.mask[word]>>shift&width == width
}

// later reports whether the cube is one of later fragments.
func (c *cube) later() bool {
	return c.value[wordMeta]>>shiftFrag&fragLater != 0
}

// neighbours calls a function with each cube that can be merged with this one, that is, which
// differs in one bit that flows can leave out, and with the union of both.
func (c *cube) neighbours(visit func(neighbour, both cube)) {
	for word := range words {
		for rest := c.maskable(word); rest != 0; rest &= rest - 1 {
			bit := rest & -rest
			neighbour, both := *c, *c
			neighbour.value[word] ^= bit
			both.value[word] &^= bit
			both.mask[word] &^= bit
			visit(neighbour, both)
		}
	}
}

// maskable returns the bits of a word that may be left out of the match: of addresses and ports the
// last one that counts, so that they stay prefixes, and those of fields without an order.
func (c *cube) maskable(word int) uint64 {
	lowest := func(mask uint64) uint64 { return mask & -mask }
	switch mask := c.mask[word]; word {
	case wordMeta:
		return lowest(mask & (0xfff << shiftVLAN))
	case wordL4:
		switch proto, _ := c.field(wordMeta, shiftProto, 0xff); proto {
		case protoTCP, protoUDP, protoSCTP:
			return lowest(mask&(0xffff<<shiftPortSrc)) | lowest(mask&(0xffff<<shiftPortDst)) |
				mask&(0xfff<<shiftFlags)
		}
		return 0 // types and codes of ICMP cannot be masked
	case wordSrcHi, wordDstHi:
		if c.mask[word+1] != 0 {
			return 0
		}
		return lowest(mask)
	default:
		return lowest(mask)
	}
}

// match returns the cube as the match of a flow, in canonical form.
func (c *cube) match() oxm.Match {
	var m oxm.Match
	add := func(id oxm.FieldID, value, mask oxm.Uint128) {
		if mask != (oxm.Uint128{}) {
			m = append(m, oxm.NewMaskedField(id, value, mask))
		}
	}
	part := func(id oxm.FieldID, word, shift int, width uint64) {
		add(id, oxm.Uint128{Lo: c.value[word] >> shift & width},
			oxm.Uint128{Lo: c.mask[word] >> shift & width})
	}

	part(oxm.FieldEthDst, wordEthDst, 0, 1<<48-1)
	part(oxm.FieldEthSrc, wordEthSrc, 0, 1<<48-1)
	part(oxm.FieldEthType, wordMeta, shiftType, 0xffff)
	part(oxm.FieldVLANVID, wordMeta, shiftVLAN, 0x1fff)

	typ, _ := c.field(wordMeta, shiftType, 0xffff)
	switch typ {
	case typeARP, typeRARP:
		part(oxm.FieldARPSPA, wordSrcLo, 0, 0xffffffff)
		part(oxm.FieldARPTPA, wordDstLo, 0, 0xffffffff)
	case typeIPv4, typeIPv6:
		part(oxm.FieldIPFrag, wordMeta, shiftFrag, fragAny|fragLater)
		if typ == typeIPv4 || !c.later() {
			part(oxm.FieldIPProto, wordMeta, shiftProto, 0xff)
		}
		if typ == typeIPv4 {
			part(oxm.FieldIPv4Src, wordSrcLo, 0, 0xffffffff)
			part(oxm.FieldIPv4Dst, wordDstLo, 0, 0xffffffff)
		} else {
			add(oxm.FieldIPv6Src, oxm.Uint128{Hi: c.value[wordSrcHi], Lo: c.value[wordSrcLo]},
				oxm.Uint128{Hi: c.mask[wordSrcHi], Lo: c.mask[wordSrcLo]})
			add(oxm.FieldIPv6Dst, oxm.Uint128{Hi: c.value[wordDstHi], Lo: c.value[wordDstLo]},
				oxm.Uint128{Hi: c.mask[wordDstHi], Lo: c.mask[wordDstLo]})
		}

		// Later fragments have no ports, and of IPv6 no protocol. Their cubes say so (see
		// fragment.go), but the match need not.
		if !c.later() {
			c.transport(typ, part)
		}
	}
	return m.Normalize()
}

// transport adds the fields of the transport protocol.
func (c *cube) transport(typ uint64, part func(oxm.FieldID, int, int, uint64)) {
	ports := func(src, dst oxm.FieldID, width uint64) {
		part(src, wordL4, shiftPortSrc, width)
		part(dst, wordL4, shiftPortDst, width)
	}

	switch proto, _ := c.field(wordMeta, shiftProto, 0xff); {
	case proto == protoTCP:
		ports(oxm.FieldTCPSrc, oxm.FieldTCPDst, 0xffff)
		part(oxm.FieldTCPFlags, wordL4, shiftFlags, 0xfff)
	case proto == protoUDP:
		ports(oxm.FieldUDPSrc, oxm.FieldUDPDst, 0xffff)
	case proto == protoSCTP:
		ports(oxm.FieldSCTPSrc, oxm.FieldSCTPDst, 0xffff)
	case proto == protoICMP && typ == typeIPv4:
		ports(oxm.FieldICMPv4Type, oxm.FieldICMPv4Code, 0xff)
	case proto == protoICMPv6 && typ == typeIPv6:
		ports(oxm.FieldICMPv6Type, oxm.FieldICMPv6Code, 0xff)
	}
}
