package action

import (
	"encoding/binary"
	"fmt"

	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/openflow/wire"
)

// Subtypes of Nicira's actions (ovs-actions(7), nicira-ext.h).
const (
	nxResubmit       = 1
	nxRegMove        = 6
	nxRegLoad        = 7
	nxMultipath      = 10
	nxResubmitTable  = 14
	nxOutputReg      = 15
	nxLearn          = 16
	nxExit           = 17
	nxConjunction    = 34
	nxOutputTrunc    = 39
	nxClone          = 42
	nxCheckPktLarger = 49
)

// Resubmit looks the packet up again, in Table, as if it came from InPort
// (ovs-actions(7), resubmit).
type Resubmit struct {
	InPort wire.PortNo  // PortInPort keeps the port of arrival.
	Table  wire.TableID // TableAll is the current table.
}

// OutputReg outputs to the port whose number is in Source.
type OutputReg struct {
	Source oxm.Subfield
	MaxLen uint16
}

// OutputTrunc outputs at most MaxLen bytes of the packet to Port, which must
// not be a patch port.
type OutputTrunc struct {
	Port   wire.PortNo
	MaxLen uint32
}

// RegLoad writes a value into part of a field.
type RegLoad struct {
	Dst   oxm.Subfield
	Value uint64
}

// RegMove copies Src to Dst, which have the same number of bits.
type RegMove struct{ Src, Dst oxm.Subfield }

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
	Cookie                         wire.Cookie
	Flags                          uint16
	Table                          wire.TableID
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
	b = binary.BigEndian.AppendUint32(b, wire.ExperimenterNicira)
	return binary.BigEndian.AppendUint16(b, subtype)
}

// offsetBits is a subfield's range: ofs << 6 | n_bits - 1.
func offsetBits(s oxm.Subfield) uint16 { return uint16(s.Offset)<<6 | uint16(s.Bits-1) }

// lowBits is a mask of the n least significant bits, n being 1 to 64.
func lowBits(n uint8) uint64 { return 1<<n - 1 }

// port16 is the 16-bit form of a port, which maps the reserved ports to
// 0xff00 and up.
func port16(p wire.PortNo) (uint16, error) {
	if p >= 0xff00 && p < wire.PortMax {
		return 0, fmt.Errorf("port: %w: %v does not fit in 16 bits", wire.ErrValue, p)
	}
	return uint16(p), nil
}

func portOf16(p uint16) wire.PortNo {
	if p >= 0xff00 {
		return wire.PortNo(p) | 0xffff0000
	}
	return wire.PortNo(p)
}

func (a Resubmit) appendAction(b []byte) ([]byte, error) {
	p, err := port16(a.InPort)
	if err != nil {
		return b, fmt.Errorf("resubmit: %w", err)
	}

	b = appendNicira(b, nxResubmitTable, 16)
	return append(binary.BigEndian.AppendUint16(b, p), byte(a.Table), 0, 0, 0), nil
}

func (a OutputReg) appendAction(b []byte) ([]byte, error) {
	if err := a.Source.Validate(64); err != nil {
		return b, fmt.Errorf("output_reg: %w", err)
	}

	b = appendNicira(b, nxOutputReg, 24)
	b = binary.BigEndian.AppendUint16(b, offsetBits(a.Source))
	b = oxm.AppendNXMHeader(b, a.Source.Field)
	return wire.AppendZeros(binary.BigEndian.AppendUint16(b, a.MaxLen), 6), nil
}

func (a OutputTrunc) appendAction(b []byte) ([]byte, error) {
	p, err := port16(a.Port)
	if err != nil {
		return b, fmt.Errorf("output: %w", err)
	}

	b = binary.BigEndian.AppendUint16(appendNicira(b, nxOutputTrunc, 16), p)
	return binary.BigEndian.AppendUint32(b, a.MaxLen), nil
}

func (a RegLoad) appendAction(b []byte) ([]byte, error) {
	if err := a.Dst.Validate(64); err != nil {
		return b, fmt.Errorf("load: %w", err)
	}
	if a.Value&^lowBits(a.Dst.Bits) != 0 {
		return b, fmt.Errorf("load: %w: %#x has more than %d bits", wire.ErrValue, a.Value,
			a.Dst.Bits)
	}

	b = binary.BigEndian.AppendUint16(appendNicira(b, nxRegLoad, 24), offsetBits(a.Dst))
	b = oxm.AppendNXMHeader(b, a.Dst.Field)
	return binary.BigEndian.AppendUint64(b, a.Value), nil
}

func (a RegMove) appendAction(b []byte) ([]byte, error) {
	if a.Src.Bits != a.Dst.Bits {
		return b, fmt.Errorf("move: %w: %d bits to %d", wire.ErrValue, a.Src.Bits, a.Dst.Bits)
	}

	for _, s := range [...]oxm.Subfield{a.Src, a.Dst} {
		if err := s.Validate(128); err != nil {
			return b, fmt.Errorf("move: %w", err)
		}
	}

	b = binary.BigEndian.AppendUint16(appendNicira(b, nxRegMove, 24), uint16(a.Src.Bits))
	b = binary.BigEndian.AppendUint16(b, uint16(a.Src.Offset))
	b = binary.BigEndian.AppendUint16(b, uint16(a.Dst.Offset))
	return oxm.AppendNXMHeader(oxm.AppendNXMHeader(b, a.Src.Field), a.Dst.Field), nil
}

func (a Clone) appendAction(b []byte) ([]byte, error) {
	start := len(b)
	b = wire.AppendZeros(appendNicira(b, nxClone, 0), 6)
	b, err := AppendActions(b, a.Actions)
	if err != nil {
		return b, fmt.Errorf("clone: %w", err)
	}
	return b, wire.PutLength(b, start, start+2, "clone")
}

func (a Conjunction) appendAction(b []byte) ([]byte, error) {
	if a.Clause == 0 || a.Clause > a.Clauses {
		return b, fmt.Errorf("conjunction: %w: clause %d of %d", wire.ErrValue, a.Clause, a.Clauses)
	}
	b = append(appendNicira(b, nxConjunction, 16), a.Clause-1, a.Clauses)
	return binary.BigEndian.AppendUint32(b, a.ID), nil
}

func (a Learn) appendAction(b []byte) ([]byte, error) {
	start := len(b)
	b = appendNicira(b, nxLearn, 0)
	b = binary.BigEndian.AppendUint16(b, a.IdleTimeout)
	b = binary.BigEndian.AppendUint16(b, a.HardTimeout)
	b = binary.BigEndian.AppendUint16(b, a.Priority)
	b = binary.BigEndian.AppendUint64(b, uint64(a.Cookie))
	b = binary.BigEndian.AppendUint16(b, a.Flags)
	b = append(b, byte(a.Table), 0)
	b = binary.BigEndian.AppendUint16(b, a.FinIdleTimeout)
	b = binary.BigEndian.AppendUint16(b, a.FinHardTimeout)
	b = wire.AppendPad(append(b, a.Specs...), start)
	return b, wire.PutLength(b, start, start+2, "learn")
}

func (Exit) appendAction(b []byte) ([]byte, error) {
	return wire.AppendZeros(appendNicira(b, nxExit, 16), 6), nil
}

// parseExperimenterAction reads an action of Nicira. It returns nil for an action that it does not
// know, and for one that it could not write back unchanged.
func parseExperimenterAction(c *wire.Cursor, depth int) Action {
	if c.Uint32("experimenter") != wire.ExperimenterNicira {
		return nil
	}

	switch subtype := c.Uint16("subtype"); subtype {
	case nxResubmit, nxResubmitTable:
		return parseResubmit(c, subtype)
	case nxOutputReg:
		return parseOutputReg(c)
	case nxOutputTrunc:
		a := OutputTrunc{portOf16(c.Uint16("port")), c.Uint32("max_len")}
		c.Done("output")
		return a

	case nxRegLoad:
		return parseRegLoad(c)
	case nxRegMove:
		return parseRegMove(c)
	case nxMultipath:
		return parseMultipath(c)
	case nxCheckPktLarger:
		return parseCheckPktLarger(c)
	case nxClone:
		c.Skip(6)
		return Clone{parseActions(c, depth+1)}

	case nxConjunction:
		return parseConjunction(c)
	case nxLearn:
		return parseLearn(c)
	case nxController:
		return parseController(c)
	case nxExit:
		c.Skip(6)
		c.Done("exit")
		return Exit{}
	}

	return nil
}

func parseResubmit(c *wire.Cursor, subtype uint16) Action {
	a := Resubmit{portOf16(c.Uint16("in_port")), wire.TableID(c.Uint8("table"))}
	c.Skip(3)
	c.Done("resubmit")
	if subtype == nxResubmit {
		a.Table = wire.TableAll // NXAST_RESUBMIT ignores the byte.
	}
	return a
}

func parseOutputReg(c *wire.Cursor) Action {
	src, ok := parsePackedSubfield(c)
	a := OutputReg{src, c.Uint16("max_len")}
	c.Skip(6)
	c.Done("output_reg")
	return known(a, ok)
}

func parseRegLoad(c *wire.Cursor) Action {
	dst, ok := parsePackedSubfield(c)
	a := RegLoad{dst, c.Uint64("value")}
	c.Done("load")
	return known(a, ok && a.Value&^lowBits(dst.Bits) == 0)
}

func parseRegMove(c *wire.Cursor) Action {
	bits, srcOfs, dstOfs := c.Uint16("n_bits"), c.Uint16("src_ofs"), c.Uint16("dst_ofs")
	src, srcOK := oxm.ParseSubfield(c, srcOfs, bits)
	dst, dstOK := oxm.ParseSubfield(c, dstOfs, bits)
	c.Done("move")
	return known(RegMove{src, dst}, srcOK && dstOK)
}

func parseConjunction(c *wire.Cursor) Action {
	clause, n := c.Uint8("clause"), c.Uint8("n_clauses")
	a := Conjunction{c.Uint32("id"), clause + 1, n}
	c.Done("conjunction")
	return known(a, clause < n)
}

// parsePackedSubfield reads a subfield whose range is ofs << 6 | n_bits - 1, as offsetBits writes
// it.
func parsePackedSubfield(c *wire.Cursor) (oxm.Subfield, bool) {
	ofsBits := c.Uint16("ofs_nbits")
	return oxm.ParseSubfield(c, ofsBits>>6, ofsBits&63+1)
}

// known returns a if it was read completely, else nil: the action is then kept raw.
func known(a Action, ok bool) Action {
	if !ok {
		return nil
	}
	return a
}

func parseLearn(c *wire.Cursor) Action {
	a := Learn{
		IdleTimeout: c.Uint16("idle_timeout"),
		HardTimeout: c.Uint16("hard_timeout"),
		Priority:    c.Uint16("priority"),
		Cookie:      wire.Cookie(c.Uint64("cookie")),
		Flags:       c.Uint16("flags"),
		Table:       wire.TableID(c.Uint8("table_id")),
	}

	c.Skip(1)
	a.FinIdleTimeout = c.Uint16("fin_idle_timeout")
	a.FinHardTimeout = c.Uint16("fin_hard_timeout")
	a.Specs = string(c.Take(c.Len(), "specs"))
	return a
}
