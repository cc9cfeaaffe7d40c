package filter_test

import (
	"encoding/binary"
	"fmt"
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
	if typ := be.Uint16(data); (typ == 0x8100 || typ == 0x88a8) && len(data) >= 6 {
		p.tci = be.Uint16(data[2:]) | 0x1000
		data = data[4:]
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

// table is an OpenFlow table of one priority after the other.
type table []openflow.FlowMod

// accepts reports whether the flow that decides about a packet has instructions.
func (t table) accepts(p packet, metadata uint64) bool {
	flow := t.lookup(p, metadata, 0, false)
	return flow != nil && len(flow.Instructions) > 0
}

// lookup finds the flow of the highest priority. A conjunction counts once a flow of each of its
// clauses matches (ovs-fields(7), conj_id).
func (t table) lookup(p packet, metadata uint64, conjID uint32, plain bool) *openflow.FlowMod {
	priorities := map[uint16]bool{}
	for i := range t {
		priorities[t[i].Priority] = true
	}
	order := []uint16{}
	for priority := range priorities {
		order = append(order, priority)
	}
	slices.Sort(order)
	slices.Reverse(order)

	for _, priority := range order {
		clauses := map[uint32]map[uint8]uint8{}
		for i := range t {
			if t[i].Priority != priority || !matches(t[i].Match, p, metadata, conjID) {
				continue
			}
			member, ok := conjunction(&t[i])
			if !ok {
				return &t[i]
			}
			if clauses[member.ID] == nil {
				clauses[member.ID] = map[uint8]uint8{}
			}
			clauses[member.ID][member.Clause] = member.Clauses
		}

		for id, met := range clauses {
			if !plain && len(met) == int(met[1]) {
				if flow := t.lookup(p, metadata, id, true); flow != nil {
					return flow
				}
			}
		}
	}
	return nil
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

// matches reports whether a match selects a packet. Prerequisites are part of the match.
func matches(m oxm.Match, p packet, metadata uint64, conjID uint32) bool {
	for _, field := range m {
		value, mask := p.field(field.ID(), metadata, conjID), field.Mask()
		if value.Hi&mask.Hi != field.Value().Hi || value.Lo&mask.Lo != field.Value().Lo {
			return false
		}
	}
	return true
}

func (p packet) field(id oxm.FieldID, metadata uint64, conjID uint32) oxm.Uint128 {
	switch id {
	case oxm.FieldIPv6Src:
		return addressValue(p.src)
	case oxm.FieldIPv6Dst:
		return addressValue(p.dst)
	}

	values := map[oxm.FieldID]uint64{
		oxm.FieldMetadata: metadata, oxm.FieldConjID: uint64(conjID),
		oxm.FieldEthDst: p.ethDst, oxm.FieldEthSrc: p.ethSrc, oxm.FieldEthType: uint64(p.typ),
		oxm.FieldVLANVID: uint64(p.tci & 0x1fff), oxm.FieldIPFrag: uint64(p.frag),
		oxm.FieldIPProto: uint64(p.proto), oxm.FieldTCPFlags: uint64(p.flags),
	}
	for _, src := range []oxm.FieldID{oxm.FieldTCPSrc, oxm.FieldUDPSrc, oxm.FieldSCTPSrc,
		oxm.FieldICMPv4Type, oxm.FieldICMPv6Type} {
		values[src] = uint64(p.portSrc)
	}
	for _, dst := range []oxm.FieldID{oxm.FieldTCPDst, oxm.FieldUDPDst, oxm.FieldSCTPDst,
		oxm.FieldICMPv4Code, oxm.FieldICMPv6Code} {
		values[dst] = uint64(p.portDst)
	}
	if p.src.Is4() {
		values[oxm.FieldIPv4Src] = addressValue(p.src).Lo
		values[oxm.FieldIPv4Dst] = addressValue(p.dst).Lo
		values[oxm.FieldARPSPA] = values[oxm.FieldIPv4Src]
		values[oxm.FieldARPTPA] = values[oxm.FieldIPv4Dst]
	}

	value, ok := values[id]
	if !ok && id != oxm.FieldIPv4Src && id != oxm.FieldIPv4Dst && id != oxm.FieldARPSPA &&
		id != oxm.FieldARPTPA {
		panic(fmt.Sprintf("the model knows no %v", id))
	}
	return oxm.Uint128{Lo: value}
}

func addressValue(a netip.Addr) oxm.Uint128 {
	if a.Is4() {
		b := a.As4()
		return oxm.Uint128{Lo: uint64(be.Uint32(b[:]))}
	}
	b := a.As16()
	return oxm.Uint128{Hi: be.Uint64(b[:8]), Lo: be.Uint64(b[8:])}
}
