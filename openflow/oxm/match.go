package oxm

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/tapline-sdn/tapline/openflow/wire"
)

// A Match selects packets: those that every field selects (7.2.3). Nil selects
// all packets.
//
// Switches read fields in order and want prerequisites (EthType before
// IPv4Src) in front; [Match.Normalize] puts them there.
type Match []Field

const matchTypeOXM = 1

// AppendMatch appends an ofp_match with its padding (7.2.3.1). Its length does not count the
// padding.
func AppendMatch(b []byte, m Match) ([]byte, error) {
	start := len(b)
	b = binary.BigEndian.AppendUint16(b, matchTypeOXM)
	b = append(b, 0, 0)
	var err error
	for _, f := range m {
		if b, err = AppendField(b, f); err != nil {
			return b, fmt.Errorf("match: %w", err)
		}
	}

	if err := wire.PutLength(b, start, start+2, "match"); err != nil {
		return b, err
	}

	return wire.AppendPad(b, start), nil
}

// ParseMatch reads an ofp_match and its padding.
func ParseMatch(c *wire.Cursor) Match {
	start := c.Pos()
	m := c.TLV(2, 4, 1, "match")
	typ := m.Uint16("match.type")
	m.Skip(2)

	if typ != matchTypeOXM && c.Err() == nil {
		c.Fail(start, "match.type", fmt.Errorf("%w: %d, want %d", wire.ErrValue, typ, matchTypeOXM))
	}

	var fields Match
	if n := countFields(m.Unread()); n > 0 && m.Len() > 0 {
		fields = make(Match, 0, min(n, 16)) // Most have one or two, and there are many flows.
	}

	for m.Len() > 0 {
		fields = append(fields, ParseField(&m))
	}

	c.Align(start)
	return fields
}

// countFields is how many fields an encoded match has, if it is well formed.
func countFields(b []byte) (n int) {
	for ; len(b) >= oxmHeaderLen; n++ {
		b = b[min(len(b), oxmHeaderLen+int(b[oxmHeaderLen-1])):]
	}
	return n
}

// oxmHeaderLen is the length of class, field, mask bit and length (7.2.3.2).
const oxmHeaderLen = 4

// Get returns the first field with this id.
func (m Match) Get(id FieldID) (Field, bool) {
	for _, f := range m {
		if f.id == id {
			return f, true
		}
	}

	return Field{}, false
}

// Normalize returns the canonical form: fields in the order of [FieldID],
// which puts prerequisites first; bits outside masks cleared; full masks left
// out, fields with an empty mask left out; xreg and xxreg split into reg;
// nw_tos and vlan_tci turned into the fields of OpenFlow 1.3 that say it. Two
// matches that a switch takes for the same flow have equal canonical forms.
// The receiver is not changed; it is returned if it is canonical already.
func (m Match) Normalize() Match {
	if m.canonical() {
		return m
	}

	n := make(Match, 0, len(m))
	for _, f := range m {
		n = appendNormal(n, f)
	}

	slices.SortStableFunc(n, func(a, b Field) int {
		if c := cmp.Compare(canonicalRank(a.id), canonicalRank(b.id)); c != 0 {
			return c
		}
		return cmp.Compare(a.raw, b.raw)
	})

	n = slices.Compact(n)
	if len(n) == 0 {
		return nil
	}

	return n
}

// canonical reports whether m is in canonical form already.
func (m Match) canonical() bool {
	last := FieldUnknown
	for _, f := range m {
		if f.id <= last || f.id >= numFields || replaced(f.id) {
			return false
		}

		last = f.id
		if !f.masked {
			continue
		}

		all := ones(fieldTable[f.id].Bits)
		if f.mask == (Uint128{}) || f.mask == all || f.mask.and(all) != f.mask ||
			f.value.and(f.mask) != f.value {
			return false
		}
	}

	return true
}

// replaced reports whether appendNormal puts other fields in place of a field.
func replaced(id FieldID) bool {
	return id >= FieldXReg0 && id <= FieldXXReg3 || id == FieldIPTOS || id == FieldVLANTCI
}

// canonicalRank puts fields that are kept raw behind all others, because
// their prerequisites are unknown.
func canonicalRank(id FieldID) int {
	if id == FieldUnknown {
		return int(numFields)
	}
	return int(id)
}

// appendNormal appends the canonical form of one field, which may be several fields or none.
func appendNormal(m Match, f Field) Match {
	switch {
	case f.id >= FieldXReg0 && f.id <= FieldXReg7:
		return appendRegs(m, f, FieldReg0+2*(f.id-FieldXReg0), 2)
	case f.id >= FieldXXReg0 && f.id <= FieldXXReg3:
		return appendRegs(m, f, FieldReg0+4*(f.id-FieldXXReg0), 4)
	case f.id == FieldIPTOS && !f.masked:
		return append(m, exact(FieldIPDSCP, f.value.Lo>>2)) // Its lower 2 bits are ignored.
	case f.id == FieldVLANTCI:
		return appendTCI(m, f)
	}

	if !f.masked {
		return append(m, f)
	}
	if mask := f.mask.and(ones(f.id.Info().Bits)); mask != (Uint128{}) {
		return append(m, NewMaskedField(f.id, f.value, mask))
	}

	return m
}

// appendTCI splits the priority from the rest of a VLAN tag. A mask of part of
// the priority has no other form.
//
//	 15      12                      0
//	+--------+--+--------------------+
//	|  pcp   |P |        vid         |
//	+--------+--+--------------------+
func appendTCI(m Match, f Field) Match {
	v, mask := f.value.Lo, f.Mask().Lo
	const vidBits, pcpShift, pcpBits = vlanPresent<<1 - 1, 13, 7
	if pcp := mask >> pcpShift & pcpBits; pcp != 0 && pcp != pcpBits {
		return append(m, f)
	}

	if mask&vidBits != 0 {
		m = append(m, bitwise(FieldVLANVID, v&vidBits, mask&vidBits))
	}

	if mask>>pcpShift != 0 && v&mask&vidBits != 0 { // No tag, no priority.
		m = append(m, exact(FieldVLANPCP, v>>pcpShift))
	}

	return m
}

// appendRegs splits f into n registers of 32 bits, the most significant first
// (ovs-fields(7), "Register Fields").
func appendRegs(m Match, f Field, first FieldID, n int) Match {
	word := func(v Uint128, i int) uint64 {
		if shift := 32 * (n - 1 - i); shift >= 64 {
			return v.Hi >> (shift - 64) & math.MaxUint32
		} else {
			return v.Lo >> shift & math.MaxUint32
		}
	}

	mask := f.Mask()
	for i := range n {
		if w := word(mask, i); w != 0 {
			m = append(m, bitwise(first+FieldID(i), word(f.value, i), w))
		}
	}

	return m
}

// Validate returns an error for what a switch would refuse: a field that appears twice, a value or
// mask with bits that the field does not have, a value outside its mask, a mask on a field that
// cannot be masked, or a missing prerequisite. The order of fields does not matter. Fields that are
// kept raw are not checked.
func (m Match) Validate() error {
	for i, f := range m {
		if f.id == FieldUnknown {
			continue
		}

		info := f.id.Info()
		all := ones(info.Bits)
		switch {
		case f.value.and(all) != f.value, f.masked && f.mask.and(all) != f.mask:
			return fmt.Errorf("match: %v: %w: more than %d bits", f, wire.ErrValue, info.Bits)
		case f.value.and(f.Mask()) != f.value:
			return fmt.Errorf("match: %v: %w: bits outside the mask", f, wire.ErrValue)
		case f.masked && !info.Maskable && f.mask != all:
			return fmt.Errorf("match: %v: %w: %s cannot be masked", f, wire.ErrValue, info.Name)
		}

		for _, g := range m[:i] {
			if g.id == f.id {
				return fmt.Errorf("match: %v: %w: %s appears twice", f, wire.ErrValue, info.Name)
			}
		}

		for _, d := range prerequisites[info.need] {
			if !m.satisfies(d) {
				return fmt.Errorf("match: %v: %w: needs %v", f, wire.ErrValue, d)
			}
		}
	}

	return nil
}

// satisfies reports whether m has a field that meets the demand.
func (m Match) satisfies(d demand) bool {
	f, ok := m.Get(d.field)
	if !ok || d.values == nil {
		return ok
	}
	return slices.Contains(d.values, f.value.Lo) && !f.masked
}

// String names what is demanded.
func (d demand) String() string {
	s := d.field.String()
	for i, v := range d.values {
		sep := " or "
		if i == 0 {
			sep = "="
		}
		s += fmt.Sprintf("%s%#x", sep, v)
	}

	return s
}
