package openflow

import "fmt"

// Subtypes of Nicira's actions (ovs-actions(7), nicira-ext.h).
const (
	nxResubmit      = 1
	nxRegMove       = 6
	nxRegLoad       = 7
	nxResubmitTable = 14
	nxOutputReg     = 15
	nxLearn         = 16
	nxExit          = 17
	nxConjunction   = 34
	nxOutputTrunc   = 39
	nxClone         = 42
)

// A Subfield is a range of the bits of a field, such as NXM_NX_REG0[0..15].
type Subfield struct {
	Field  FieldID
	Offset uint8 // Least significant bit.
	Bits   uint8 // 1 to 64; for RegMove as wide as the field.
}

// WholeField is the subfield of all bits of a field.
func WholeField(id FieldID) Subfield { return Subfield{Field: id, Bits: uint8(id.Info().Bits)} }

func (s Subfield) validate(maxBits int) error {
	info := s.Field.Info()
	if info.Bits == 0 {
		return fmt.Errorf("subfield: %w: unknown field", ErrValue)
	}
	if info.wire[0].class == classExperimenter {
		// These actions have only 32 bits for the header of a field.
		return fmt.Errorf("subfield: %w: %s is an experimenter's field", ErrValue, info.Name)
	}
	if s.Bits == 0 || int(s.Bits) > maxBits || int(s.Offset)+int(s.Bits) > 8*info.Bytes {
		return fmt.Errorf("subfield: %w: %s[%d..%d], want 1 to %d bits inside 0..%d", ErrValue,
			info.Name, s.Offset, int(s.Offset)+int(s.Bits)-1, maxBits, 8*info.Bytes-1)
	}
	return nil
}

// Resubmit looks the packet up again, in Table, as if it came from InPort
// (ovs-actions(7), resubmit).
type Resubmit struct {
	InPort PortNo  // PortInPort keeps the port of arrival.
	Table  TableID // TableAll is the current table.
}

// OutputReg outputs to the port whose number is in Source.
type OutputReg struct {
	Source Subfield
	MaxLen uint16
}

// OutputTrunc outputs at most MaxLen bytes of the packet to Port, which must
// not be a patch port.
type OutputTrunc struct {
	Port   PortNo
	MaxLen uint32
}

// RegLoad writes a value into part of a field.
type RegLoad struct {
	Dst   Subfield
	Value uint64
}

// RegMove copies Src to Dst, which have the same number of bits.
type RegMove struct{ Src, Dst Subfield }

// Clone runs Actions on a copy of the packet.
type Clone struct{ Actions []Action }

// Conjunction makes the flow clause Clause of Clauses of the conjunction ID.
// Clauses count from 1; Clauses is 2 to 64 (ovs-fields(7), conj_id).
type Conjunction struct {
	ID      uint32
	Clause  uint8
	Clauses uint8
}

// Learn adds a flow when a packet arrives. Specs are the flow_mod_specs,
// undecoded (ovs-actions(7), learn).
type Learn struct {
	IdleTimeout, HardTimeout       uint16 // Seconds.
	Priority                       uint16
	Cookie                         Cookie
	Flags                          uint16
	Table                          TableID
	FinIdleTimeout, FinHardTimeout uint16 // Seconds.
	Specs                          string
}

// Exit ends the processing of the packet.
type Exit struct{}

var (
	_ Action = Resubmit{}
	_ Action = OutputReg{}
	_ Action = OutputTrunc{}
	_ Action = RegLoad{}
	_ Action = RegMove{}
	_ Action = Clone{}
	_ Action = Conjunction{}
	_ Action = Learn{}
	_ Action = Exit{}
)

// appendNicira appends the header of an action of Nicira.
//
//	 0               1               2               3
//	+-------------------------------+-------------------------------+
//	|            0xffff             |            length             |
//	+-------------------------------+-------------------------------+
//	|                          0x00002320                           |
//	+-------------------------------+-------------------------------+
//	|            subtype            |
//	+-------------------------------+
func appendNicira(b []byte, subtype, length uint16) []byte {
	b = appendActionHeader(b, actionExperimenter, length)
	return be.AppendUint16(be.AppendUint32(b, experimenterNicira), subtype)
}

// offsetBits is a subfield's range: ofs << 6 | n_bits - 1.
func offsetBits(s Subfield) uint16 { return uint16(s.Offset)<<6 | uint16(s.Bits-1) }

// appendFieldHeader appends the header of a field. Nicira's actions are older
// than OXM, and Open vSwitch writes a field's NXM header in them if it has one.
func appendFieldHeader(b []byte, id FieldID) []byte {
	info := &fieldTable[id]
	w := info.wire[0]
	for _, v := range info.wire {
		if v.class == classNXM0 || v.class == classNXM1 {
			w = v
		}
	}
	return appendOXMHeader(b, w, info.Bytes, false)
}

// port16 is the 16-bit form of a port, which maps the reserved ports to
// 0xff00 and up.
func port16(p PortNo) (uint16, error) {
	if p >= 0xff00 && p < PortMax {
		return 0, fmt.Errorf("port: %w: %v does not fit in 16 bits", ErrValue, p)
	}
	return uint16(p), nil
}

func portOf16(p uint16) PortNo {
	if p >= 0xff00 {
		return PortNo(p) | 0xffff0000
	}
	return PortNo(p)
}

func (a Resubmit) appendAction(b []byte) ([]byte, error) {
	p, err := port16(a.InPort)
	if err != nil {
		return b, fmt.Errorf("resubmit: %w", err)
	}
	b = appendNicira(b, nxResubmitTable, 16)
	return append(be.AppendUint16(b, p), byte(a.Table), 0, 0, 0), nil
}

func (a OutputReg) appendAction(b []byte) ([]byte, error) {
	if err := a.Source.validate(64); err != nil {
		return b, fmt.Errorf("output_reg: %w", err)
	}
	b = appendNicira(b, nxOutputReg, 24)
	b = be.AppendUint16(b, offsetBits(a.Source))
	b = appendFieldHeader(b, a.Source.Field)
	return appendZeros(be.AppendUint16(b, a.MaxLen), 6), nil
}

func (a OutputTrunc) appendAction(b []byte) ([]byte, error) {
	p, err := port16(a.Port)
	if err != nil {
		return b, fmt.Errorf("output: %w", err)
	}
	b = be.AppendUint16(appendNicira(b, nxOutputTrunc, 16), p)
	return be.AppendUint32(b, a.MaxLen), nil
}

func (a RegLoad) appendAction(b []byte) ([]byte, error) {
	if err := a.Dst.validate(64); err != nil {
		return b, fmt.Errorf("load: %w", err)
	}
	if a.Value&^ones(int(a.Dst.Bits)).Lo != 0 {
		return b, fmt.Errorf("load: %w: %#x has more than %d bits", ErrValue, a.Value, a.Dst.Bits)
	}
	b = be.AppendUint16(appendNicira(b, nxRegLoad, 24), offsetBits(a.Dst))
	b = appendFieldHeader(b, a.Dst.Field)
	return be.AppendUint64(b, a.Value), nil
}

func (a RegMove) appendAction(b []byte) ([]byte, error) {
	if a.Src.Bits != a.Dst.Bits {
		return b, fmt.Errorf("move: %w: %d bits to %d", ErrValue, a.Src.Bits, a.Dst.Bits)
	}
	for _, s := range [...]Subfield{a.Src, a.Dst} {
		if err := s.validate(128); err != nil {
			return b, fmt.Errorf("move: %w", err)
		}
	}
	b = be.AppendUint16(appendNicira(b, nxRegMove, 24), uint16(a.Src.Bits))
	b = be.AppendUint16(b, uint16(a.Src.Offset))
	b = be.AppendUint16(b, uint16(a.Dst.Offset))
	return appendFieldHeader(appendFieldHeader(b, a.Src.Field), a.Dst.Field), nil
}

func (a Clone) appendAction(b []byte) ([]byte, error) {
	start := len(b)
	b = appendZeros(appendNicira(b, nxClone, 0), 6)
	b, err := appendActions(b, a.Actions)
	if err != nil {
		return b, fmt.Errorf("clone: %w", err)
	}
	return b, putLength(b, start, start+2, "clone")
}

func (a Conjunction) appendAction(b []byte) ([]byte, error) {
	if a.Clause == 0 || a.Clause > a.Clauses {
		return b, fmt.Errorf("conjunction: %w: clause %d of %d", ErrValue, a.Clause, a.Clauses)
	}
	b = append(appendNicira(b, nxConjunction, 16), a.Clause-1, a.Clauses)
	return be.AppendUint32(b, a.ID), nil
}

func (a Learn) appendAction(b []byte) ([]byte, error) {
	start := len(b)
	b = appendNicira(b, nxLearn, 0)
	b = be.AppendUint16(b, a.IdleTimeout)
	b = be.AppendUint16(b, a.HardTimeout)
	b = be.AppendUint16(b, a.Priority)
	b = be.AppendUint64(b, uint64(a.Cookie))
	b = be.AppendUint16(b, a.Flags)
	b = append(b, byte(a.Table), 0)
	b = be.AppendUint16(b, a.FinIdleTimeout)
	b = be.AppendUint16(b, a.FinHardTimeout)
	b = appendPad(append(b, a.Specs...), start)
	return b, putLength(b, start, start+2, "learn")
}

func (Exit) appendAction(b []byte) ([]byte, error) {
	return appendZeros(appendNicira(b, nxExit, 16), 6), nil
}

// parseExperimenterAction returns nil for an action that it does not know, or
// one of a form that it would not write back unchanged.
func parseExperimenterAction(c *cursor, depth int) Action {
	if c.u32("experimenter") != experimenterNicira {
		return nil
	}
	switch subtype := c.u16("subtype"); subtype {
	case nxResubmit, nxResubmitTable:
		a := Resubmit{portOf16(c.u16("in_port")), TableID(c.u8("table"))}
		c.skip(3)
		c.done("resubmit")
		if subtype == nxResubmit {
			a.Table = TableAll // NXAST_RESUBMIT ignores the byte.
		}
		return a
	case nxOutputReg:
		ofsBits := c.u16("ofs_nbits")
		src, ok := parseSubfield(c, ofsBits>>6, ofsBits&63+1)
		a := OutputReg{src, c.u16("max_len")}
		c.skip(6)
		c.done("output_reg")
		return known(a, ok)
	case nxOutputTrunc:
		a := OutputTrunc{portOf16(c.u16("port")), c.u32("max_len")}
		c.done("output")
		return a
	case nxRegLoad:
		ofsBits := c.u16("ofs_nbits")
		dst, ok := parseSubfield(c, ofsBits>>6, ofsBits&63+1)
		a := RegLoad{dst, c.u64("value")}
		c.done("load")
		return known(a, ok && a.Value&^ones(int(dst.Bits)).Lo == 0)
	case nxRegMove:
		bits, srcOfs, dstOfs := c.u16("n_bits"), c.u16("src_ofs"), c.u16("dst_ofs")
		src, ok1 := parseSubfield(c, srcOfs, bits)
		dst, ok2 := parseSubfield(c, dstOfs, bits)
		c.done("move")
		return known(RegMove{src, dst}, ok1 && ok2)
	case nxClone:
		c.skip(6)
		return Clone{parseActions(c, depth+1)}
	case nxConjunction:
		clause, n := c.u8("clause"), c.u8("n_clauses")
		a := Conjunction{c.u32("id"), clause + 1, n}
		c.done("conjunction")
		return known(a, clause < n)
	case nxLearn:
		return parseLearn(c)
	case nxExit:
		c.skip(6)
		c.done("exit")
		return Exit{}
	}
	return nil
}

func known(a Action, ok bool) Action {
	if !ok {
		return nil
	}
	return a
}

func parseSubfield(c *cursor, offset, bits uint16) (Subfield, bool) {
	h := c.u32("field")
	id := fieldByOXM.find(oxmID{class: uint16(h >> 16), field: uint8(h >> 9 & 0x7f)})
	s := Subfield{id, uint8(min(offset, 255)), uint8(min(bits, 255))}
	return s, id != FieldUnknown && h&(oxmMaskBit<<8) == 0 && int(h&0xff) == fieldTable[id].Bytes && s.validate(128) == nil
}

func parseLearn(c *cursor) Action {
	a := Learn{
		IdleTimeout: c.u16("idle_timeout"),
		HardTimeout: c.u16("hard_timeout"),
		Priority:    c.u16("priority"),
		Cookie:      Cookie(c.u64("cookie")),
		Flags:       c.u16("flags"),
		Table:       TableID(c.u8("table_id")),
	}
	c.skip(1)
	a.FinIdleTimeout = c.u16("fin_idle_timeout")
	a.FinHardTimeout = c.u16("fin_hard_timeout")
	a.Specs = string(c.take(c.len(), "specs"))
	return a
}
