package filter_test

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/oxm"
)

var be = binary.BigEndian

// packet is what Open vSwitch knows of a frame: struct flow of its lib/flow.h.
type packet struct {
	ethDst, ethSrc uint64
	typ            uint16
	tci            uint16 // with 0x1000 set if there is a tag
	frag, proto    uint8
	src, dst       netip.Addr // of IP, or of ARP; the zero address where they were not read
	portSrc        uint16
	portDst        uint16
	flags          uint16

	// What makes the frame one of which libpcap knows other things.
	snap, extended, cut bool

	arpOp uint16
}

// Bits of packet.frag.
const (
	anyFragment   = 1
	laterFragment = 2
)

// extract reads a frame as miniflow_extract of Open vSwitch 3.1 does, with one VLAN tag
// (other_config:vlan-limit=1).
func extract(frame []byte) packet {
	var p packet
	p.ethDst = be.Uint64(append([]byte{0, 0}, frame[0:6]...))
	p.ethSrc = be.Uint64(append([]byte{0, 0}, frame[6:12]...))
	data := frame[12:]
	if typ := be.Uint16(data); typ == 0x8100 || typ == 0x88a8 {
		if p.cut = len(data) < 6; !p.cut {
			p.tci = be.Uint16(data[2:]) | 0x1000
			data = data[4:]
		}
	}

	p.typ = be.Uint16(data)
	data = data[2:]
	if p.typ < 0x600 {
		p.typ = 0x5ff
		if len(data) >= 8 && slices.Equal(data[:6], []byte{0xaa, 0xaa, 3, 0, 0, 0}) {
			p.snap = true
			if typ := be.Uint16(data[6:]); typ >= 0x600 {
				p.typ = typ
			}
			data = data[8:]
		}
	}

	switch p.typ {
	case 0x800:
		p.ipv4(data)
	case 0x86dd:
		p.ipv6(data)
	case 0x806, 0x8035:
		p.arp(data)
	}
	return p
}

func (p *packet) arp(data []byte) {
	p.src, p.dst = netip.IPv4Unspecified(), netip.IPv4Unspecified()
	if len(data) < 28 || !slices.Equal(data[:6], []byte{0, 1, 8, 0, 6, 4}) {
		p.cut = true
		return
	}
	p.src, _ = netip.AddrFromSlice(data[14:18])
	p.dst, _ = netip.AddrFromSlice(data[24:28])
	p.arpOp = be.Uint16(data[6:])
}

func (p *packet) ipv4(data []byte) {
	p.src, p.dst = netip.IPv4Unspecified(), netip.IPv4Unspecified()
	p.cut = true
	if len(data) < 20 {
		return
	}
	header, total := int(data[0]&15)*4, int(be.Uint16(data[2:]))
	if header < 20 || len(data) < header || total > len(data) || header > total {
		return
	}

	p.cut = false
	p.src, _ = netip.AddrFromSlice(data[12:16])
	p.dst, _ = netip.AddrFromSlice(data[16:20])
	p.proto = data[9]
	if fragment := be.Uint16(data[6:]); fragment&0x3fff != 0 {
		p.frag = anyFragment
		if fragment&0x1fff != 0 {
			p.frag |= laterFragment
		}
	}
	p.transport(data[header:total])
}

func (p *packet) ipv6(data []byte) {
	p.src, p.dst = netip.IPv6Unspecified(), netip.IPv6Unspecified()
	p.cut = true
	if len(data) < 40 || int(be.Uint16(data[4:]))+40 > len(data) {
		return
	}

	p.src, _ = netip.AddrFromSlice(data[8:24])
	p.dst, _ = netip.AddrFromSlice(data[24:40])
	next, frag := data[6], uint8(0)
	data = data[40 : 40+int(be.Uint16(data[4:]))]
	for slices.Contains([]uint8{0, 43, 60, 51, 44}, next) {
		p.extended = true
		if len(data) < 8 {
			return
		}

		size := (int(data[1]) + 1) * 8
		switch next {
		case 51:
			size = (int(data[1]) + 2) * 4
		case 44:
			size = 8
			if offset := be.Uint16(data[2:]); offset != 0 {
				frag = anyFragment
				if offset&0xfff8 != 0 {
					p.frag, p.proto, p.cut = anyFragment|laterFragment, 44, false
					return
				}
			}
		}

		next = data[0]
		if len(data) < size {
			return
		}
		data = data[size:]
	}

	p.cut, p.frag, p.proto = false, frag, next
	p.transport(data)
}

func (p *packet) transport(data []byte) {
	if p.frag&laterFragment != 0 {
		return
	}

	need := map[uint8]int{6: 20, 17: 8, 132: 12, 1: 8, 58: 8}[p.proto]
	if len(data) < need {
		p.cut = true
		return
	}

	switch p.proto {
	case 6:
		if size := int(data[12]>>4) * 4; size < 20 || len(data) < size {
			p.cut = true
			return
		}
		p.flags = be.Uint16(data[12:]) & 0xfff
		fallthrough
	case 17, 132:
		p.portSrc, p.portDst = be.Uint16(data), be.Uint16(data[2:])
	case 1, 58:
		p.portSrc, p.portDst = uint16(data[0]), uint16(data[1])
	}
}

// table is an OpenFlow table, from the highest priority to the lowest.
type table []openflow.FlowMod

// fields are the values of a packet that flows match.
type fields map[oxm.FieldID]oxm.Uint128

// accepts reports whether the flow that decides about a packet has instructions.
func (t table) accepts(p packet, metadata uint64) bool {
	values := p.fields()
	values[oxm.FieldMetadata] = oxm.Uint128{Lo: metadata}
	flow := t.lookup(values, true)
	return flow != nil && len(flow.Instructions) > 0
}

// lookup finds the flow of the highest priority. A conjunction counts once a flow of each of its
// clauses matches, and only in the first search (ovs-fields(7), conj_id).
func (t table) lookup(values fields, conjunctions bool) *openflow.FlowMod {
	for start := 0; start < len(t); {
		end := start
		met := map[action.Conjunction]bool{}
		for ; end < len(t) && t[end].Priority == t[start].Priority; end++ {
			if !matches(t[end].Match, values) {
				continue
			}
			member, ok := conjunction(&t[end])
			if !ok {
				return &t[end]
			}
			met[member] = true
		}

		for member := range met {
			if conjunctions && complete(met, member) {
				values[oxm.FieldConjID] = oxm.Uint128{Lo: uint64(member.ID)}
				flow := t.lookup(values, false)
				delete(values, oxm.FieldConjID)
				if flow != nil {
					return flow
				}
			}
		}
		start = end
	}
	return nil
}

// complete reports whether all clauses of a conjunction are met.
func complete(met map[action.Conjunction]bool, c action.Conjunction) bool {
	for c.Clause = 1; c.Clause <= c.Clauses; c.Clause++ {
		if !met[c] {
			return false
		}
	}
	return true
}

func conjunction(flow *openflow.FlowMod) (action.Conjunction, bool) {
	if len(flow.Instructions) == 1 {
		if apply, ok := flow.Instructions[0].(action.ApplyActions); ok && len(apply) == 1 {
			member, ok := apply[0].(action.Conjunction)
			return member, ok
		}
	}
	return action.Conjunction{}, false
}

// matches reports whether a match selects a packet. A field that the model does not know is
// matched by none.
func matches(m oxm.Match, values fields) bool {
	for _, field := range m {
		value, ok := values[field.ID()]
		mask := field.Mask()
		if !ok || value.Hi&mask.Hi != field.Value().Hi || value.Lo&mask.Lo != field.Value().Lo {
			return false
		}
	}
	return true
}

func (p packet) fields() fields {
	values := fields{
		oxm.FieldEthDst: {Lo: p.ethDst}, oxm.FieldEthSrc: {Lo: p.ethSrc},
		oxm.FieldEthType: {Lo: uint64(p.typ)}, oxm.FieldVLANVID: {Lo: uint64(p.tci & 0x1fff)},
	}

	src, dst := addressValue(p.src), addressValue(p.dst)
	switch p.typ {
	case 0x806, 0x8035:
		values[oxm.FieldARPSPA], values[oxm.FieldARPTPA] = src, dst
		return values
	case 0x800:
		values[oxm.FieldIPv4Src], values[oxm.FieldIPv4Dst] = src, dst
	case 0x86dd:
		values[oxm.FieldIPv6Src], values[oxm.FieldIPv6Dst] = src, dst
	default:
		return values
	}

	values[oxm.FieldIPFrag] = oxm.Uint128{Lo: uint64(p.frag)}
	values[oxm.FieldIPProto] = oxm.Uint128{Lo: uint64(p.proto)}
	values[oxm.FieldTCPFlags] = oxm.Uint128{Lo: uint64(p.flags)}
	for _, src := range []oxm.FieldID{oxm.FieldTCPSrc, oxm.FieldUDPSrc, oxm.FieldSCTPSrc,
		oxm.FieldICMPv4Type, oxm.FieldICMPv6Type} {
		values[src] = oxm.Uint128{Lo: uint64(p.portSrc)}
	}
	for _, dst := range []oxm.FieldID{oxm.FieldTCPDst, oxm.FieldUDPDst, oxm.FieldSCTPDst,
		oxm.FieldICMPv4Code, oxm.FieldICMPv6Code} {
		values[dst] = oxm.Uint128{Lo: uint64(p.portDst)}
	}
	return values
}

func addressValue(a netip.Addr) oxm.Uint128 {
	if !a.IsValid() {
		return oxm.Uint128{} // of a frame without addresses
	}
	if a.Is4() {
		b := a.As4()
		return oxm.Uint128{Lo: uint64(be.Uint32(b[:]))}
	}
	b := a.As16()
	return oxm.Uint128{Hi: be.Uint64(b[:8]), Lo: be.Uint64(b[8:])}
}
