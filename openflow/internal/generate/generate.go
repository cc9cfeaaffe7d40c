// Package generate makes random flows that Open vSwitch accepts, for tests. A match has the
// prerequisites of its fields, masks only where they are allowed, and instructions stand in a valid
// order. The same seed gives the same flows.
package generate

import (
	"math/rand/v2"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/oxm"
)

// A Source makes random values.
type Source struct{ *rand.Rand }

// New returns the source of a seed.
func New(seed uint64) Source { return Source{rand.New(rand.NewPCG(seed, 0))} }

// chance is true once in n times.
func (s Source) chance(n int) bool { return s.IntN(n) == 0 }

func (s Source) uint128() oxm.Uint128 { return oxm.Uint128{Hi: s.Uint64(), Lo: s.Uint64()} }

// ones is the n least significant bits.
func ones(n int) oxm.Uint128 {
	switch {
	case n > 64:
		return oxm.Uint128{Hi: ^uint64(0) >> (128 - n), Lo: ^uint64(0)}
	case n == 64:
		return oxm.Uint128{Lo: ^uint64(0)}
	}

	return oxm.Uint128{Lo: 1<<n - 1}
}

// Field makes an exact or masked match of a field.
func (s Source) Field(id oxm.FieldID) oxm.Field {
	info := id.Info()
	all := ones(info.Bits)
	v := s.uint128()
	v = oxm.Uint128{Hi: v.Hi & all.Hi, Lo: v.Lo & all.Lo}
	if !info.Maskable || s.chance(2) {
		return oxm.NewField(id, v)
	}
	if _, ok := oxm.NewField(id, v).Addr(); ok && info.Bits == 128 {
		// ovs-ofctl does not read the text of a long address with a long mask.
		host := ones(s.IntN(128))
		return oxm.NewMaskedField(id, v, oxm.Uint128{Hi: ^host.Hi, Lo: ^host.Lo})
	}

	m := s.uint128()
	m = oxm.Uint128{Hi: m.Hi & all.Hi, Lo: m.Lo & all.Lo}
	if m == (oxm.Uint128{}) {
		m.Lo = 1
	}

	return oxm.NewMaskedField(id, v, m)
}

// free are fields without prerequisites whose values are free.
var free = []oxm.FieldID{
	oxm.FieldMetadata, oxm.FieldTunnelID, oxm.FieldTunIPv4Src, oxm.FieldTunIPv4Dst,
	oxm.FieldTunIPv6Src, oxm.FieldTunIPv6Dst, oxm.FieldTunFlags, oxm.FieldTunGBPID,
	oxm.FieldTunGBPFlags, oxm.FieldReg0, oxm.FieldReg0 + 3, oxm.FieldReg15,
	oxm.FieldXReg2, oxm.FieldXXReg3, oxm.FieldPktMark, oxm.FieldCTMark, oxm.FieldCTLabel,
	oxm.FieldCTZone, oxm.FieldConjID, oxm.FieldEthDst, oxm.FieldEthSrc,
}

// A layer is what a match says of one protocol.
type layer struct {
	fixed    oxm.Match
	optional []oxm.FieldID
}

var (
	ipv4 = oxm.Match{oxm.EthType(0x0800)}
	ipv6 = oxm.Match{oxm.EthType(0x86dd)}

	ipFields = []oxm.FieldID{oxm.FieldIPDSCP, oxm.FieldIPECN, oxm.FieldIPTTL, oxm.FieldIPFrag}
	v4Fields = append([]oxm.FieldID{oxm.FieldIPv4Src, oxm.FieldIPv4Dst}, ipFields...)
	v6Fields = append([]oxm.FieldID{oxm.FieldIPv6Src, oxm.FieldIPv6Dst, oxm.FieldIPv6Label},
		ipFields...)
)

func with(m oxm.Match, fields ...oxm.Field) oxm.Match {
	return append(append(oxm.Match{}, m...), fields...)
}

func fields(base []oxm.FieldID, more ...oxm.FieldID) []oxm.FieldID {
	return append(append([]oxm.FieldID{}, base...), more...)
}

var layers = []layer{
	{},
	{ipv4, v4Fields},
	{ipv6, v6Fields},
	{with(ipv4, oxm.IPProto(6)),
		fields(v4Fields, oxm.FieldTCPSrc, oxm.FieldTCPDst, oxm.FieldTCPFlags)},
	{with(ipv6, oxm.IPProto(6)),
		fields(v6Fields, oxm.FieldTCPSrc, oxm.FieldTCPDst, oxm.FieldTCPFlags)},
	{with(ipv4, oxm.IPProto(17)), fields(v4Fields, oxm.FieldUDPSrc, oxm.FieldUDPDst)},
	{with(ipv6, oxm.IPProto(132)), fields(v6Fields, oxm.FieldSCTPSrc, oxm.FieldSCTPDst)},
	{with(ipv4, oxm.IPProto(1)), fields(v4Fields, oxm.FieldICMPv4Type, oxm.FieldICMPv4Code)},
	{with(ipv6, oxm.IPProto(58)), fields(v6Fields, oxm.FieldICMPv6Type, oxm.FieldICMPv6Code)},
	{with(ipv6, oxm.IPProto(58), oxm.ICMPv6Type(135),
		oxm.NewField(oxm.FieldICMPv6Code, oxm.Uint128{})),
		fields(v6Fields, oxm.FieldNDTarget, oxm.FieldNDSLL)},
	{with(ipv6, oxm.IPProto(58), oxm.ICMPv6Type(136),
		oxm.NewField(oxm.FieldICMPv6Code, oxm.Uint128{})),
		fields(v6Fields, oxm.FieldNDTarget, oxm.FieldNDTLL)},
	{oxm.Match{oxm.EthType(0x0806)}, []oxm.FieldID{
		oxm.FieldARPOp, oxm.FieldARPSPA, oxm.FieldARPTPA, oxm.FieldARPSHA, oxm.FieldARPTHA}},
	{oxm.Match{oxm.EthType(0x8847)}, []oxm.FieldID{
		oxm.FieldMPLSLabel, oxm.FieldMPLSTC, oxm.FieldMPLSBOS, oxm.FieldMPLSTTL}},
	{oxm.Match{oxm.EthType(0x894f)}, []oxm.FieldID{
		oxm.FieldNSHFlags, oxm.FieldNSHSPI, oxm.FieldNSHSI, oxm.FieldNSHC1, oxm.FieldNSHTTL}},
	{oxm.Match{oxm.EthType(0x88cc)}, nil},
}

// Match makes a match with its fields in a valid order.
func (s Source) Match() oxm.Match {
	var m oxm.Match
	if s.chance(2) {
		m = append(m, oxm.InPort(s.port()))
	}

	regs := false // reg, xreg and xxreg overlap: take one kind only.
	for _, id := range free {
		if !s.chance(8) {
			continue
		}

		if id >= oxm.FieldReg0 && id <= oxm.FieldXXReg3 {
			if regs {
				continue
			}
			regs = true
		}

		m = append(m, s.Field(id))
	}

	if s.chance(4) {
		m = append(m, s.ctState())
	}

	l := layers[s.IntN(len(layers))]
	m = append(m, l.fixed...)
	m = append(m, s.vlan()...)
	for _, id := range l.optional {
		if s.chance(3) {
			m = append(m, s.layerField(id))
		}
	}

	return m.Normalize()
}

// layerField makes a field, with the limits that some values have.
func (s Source) layerField(id oxm.FieldID) oxm.Field {
	switch id {
	case oxm.FieldIPFrag:
		// Later fragments (3) have no fields of layer 4.
		return oxm.NewField(id, oxm.Uint128{Lo: s.Uint64N(2)})
	case oxm.FieldNSHTTL:
		return oxm.NewField(id, oxm.Uint128{Lo: s.Uint64N(64)})
	case oxm.FieldARPOp:
		return oxm.ARPOp(uint16(1 + s.IntN(4)))
	}

	return s.Field(id)
}

func (s Source) ctState() oxm.Field {
	mask := uint32(s.Uint64()&0xff) | 0x20         // Needs +trk.
	return oxm.CTState(s.Uint32()&0xef|0x20, mask) // +inv excludes all others.
}

func (s Source) vlan() oxm.Match {
	switch s.IntN(6) {
	case 0:
		return oxm.Match{oxm.VLANVID(uint16(s.IntN(4096)))}
	case 1:
		return oxm.Match{oxm.VLANVID(uint16(s.IntN(4096))), oxm.VLANPCP(uint8(s.IntN(8)))}
	case 2:
		return oxm.Match{oxm.VLANNone()}
	case 3:
		return oxm.Match{oxm.VLANAny()}
	}

	return nil
}

func (s Source) port() openflow.PortNo { return openflow.PortNo(1 + s.IntN(0xfeff)) }

func (s Source) outPort() openflow.PortNo {
	reserved := []openflow.PortNo{
		openflow.PortInPort, openflow.PortNormal, openflow.PortFlood, openflow.PortAll,
		openflow.PortLocal,
	}
	if s.chance(4) {
		return reserved[s.IntN(len(reserved))]
	}
	return s.port()
}

// FlowMod makes a message that adds a flow to a table below 200.
func (s Source) FlowMod() *openflow.FlowMod {
	m := &openflow.FlowMod{
		Cookie:       openflow.Cookie(s.Uint64()),
		Table:        openflow.TableID(s.IntN(200)),
		Priority:     uint16(s.Uint32()),
		Match:        s.Match(),
		Instructions: s.Instructions(),
	}
	if s.chance(3) {
		m.IdleTimeout = uint16(1 + s.IntN(0xffff))
	}

	if s.chance(3) {
		m.HardTimeout = uint16(1 + s.IntN(0xffff))
	}

	if s.chance(3) {
		const flags = openflow.FlowSendRemoved | openflow.FlowResetCounts |
			openflow.FlowNoPacketCnts | openflow.FlowNoByteCnts
		m.Flags = openflow.FlowFlags(s.Uint32()) & flags
	}

	return m
}

// Instructions makes instructions that refer to no meter, no group and no
// table below 200.
func (s Source) Instructions() []action.Instruction {
	var list []action.Instruction
	if !s.chance(4) {
		list = append(list, action.ApplyActions(s.Actions(1+s.IntN(4))))
	}

	if s.chance(4) {
		list = append(list, action.ClearActions{})
	}

	if s.chance(4) {
		list = append(list,
			action.WriteActions{action.SetQueue{Queue: s.Uint32()},
				action.Output{Port: s.outPort()}})
	}

	if s.chance(4) {
		mask := s.Uint64() | 1
		list = append(list, action.WriteMetadata{Value: s.Uint64() & mask, Mask: mask})
	}

	if s.chance(3) {
		list = append(list, action.GotoTable{Table: openflow.TableID(200 + s.IntN(50))})
	}

	return list
}

// Actions makes n actions that need no prerequisites.
func (s Source) Actions(n int) []action.Action {
	list := make([]action.Action, n)
	for i := range list {
		list[i] = s.Action()
	}
	return list
}

// settable are fields that any packet lets set.
var settable = []oxm.FieldID{
	oxm.FieldTunnelID, oxm.FieldTunIPv4Dst, oxm.FieldTunIPv6Dst, oxm.FieldReg0 + 1,
	oxm.FieldReg0 + 14, oxm.FieldXReg1, oxm.FieldXXReg1, oxm.FieldPktMark, oxm.FieldMetadata,
	oxm.FieldEthSrc, oxm.FieldEthDst,
}

// Action makes one action that needs no prerequisites.
func (s Source) Action() action.Action {
	switch s.IntN(15) {
	case 0:
		return action.Output{Port: openflow.PortController, MaxLen: uint16(s.Uint32())}
	case 1:
		id := settable[s.IntN(len(settable))]
		all := ones(id.Info().Bits)
		v := s.uint128()
		return action.SetField{Field: oxm.NewField(id,
			oxm.Uint128{Hi: v.Hi & all.Hi, Lo: v.Lo & all.Lo})}

	case 2:
		return action.SetQueue{Queue: s.Uint32()}
	case 3:
		return action.Controller{MaxLen: uint16(s.Uint32()) | uint16(s.IntN(2))*0xffff,
			ID: uint16(s.IntN(3)), Reason: uint8(s.IntN(3))}
	case 4:
		return action.Exit{}
	case 5:
		return action.Resubmit{InPort: openflow.PortInPort, Table: openflow.TableID(s.IntN(254))}
	case 6:
		return action.Resubmit{InPort: s.port(), Table: openflow.TableAll}
	case 7:
		return action.OutputReg{Source: oxm.Subfield{Field: oxm.FieldReg0 + 2, Offset: 16,
			Bits: 16}, MaxLen: uint16(s.Uint32())}
	case 8:
		return action.OutputTrunc{Port: s.port(), MaxLen: 14 + s.Uint32N(65000)}
	case 9:
		dst := oxm.Subfield{Field: oxm.FieldReg0 + 5, Offset: uint8(s.IntN(20)),
			Bits: uint8(1 + s.IntN(12))}
		return action.RegLoad{Dst: dst, Value: s.Uint64() & (1<<dst.Bits - 1)}
	case 10:
		return action.RegMove{Src: oxm.WholeField(oxm.FieldEthSrc),
			Dst: oxm.Subfield{Field: oxm.FieldXReg3, Offset: uint8(s.IntN(17)), Bits: 48}}
	case 12:
		return s.multipath()
	case 13:
		return action.CheckPktLarger{Size: uint16(s.Uint32()),
			Dst: oxm.Subfield{Field: oxm.FieldReg0, Offset: uint8(s.IntN(32)), Bits: 1}}
	case 11:
		return action.Clone{Actions: []action.Action{action.Output{Port: s.outPort()}}}
	}

	return action.Output{Port: s.outPort()}
}

// multipath makes a choice among links that fit into 12 bits of a register.
func (s Source) multipath() action.Multipath {
	a := action.Multipath{
		Fields: action.HashFields(s.IntN(7)), Basis: uint16(s.Uint32()),
		Algorithm: action.LinkAlgorithm(s.IntN(4)), Links: uint16(1 + s.IntN(1<<12)),
		Dst: oxm.Subfield{Field: oxm.FieldReg0 + 6, Offset: uint8(s.IntN(20)), Bits: 12},
	}
	if a.Algorithm == action.LinkIterHash {
		a.Arg = s.Uint32()
	}
	return a
}
