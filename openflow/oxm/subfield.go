package oxm

import (
	"fmt"

	"github.com/tapline-sdn/tapline/openflow/wire"
)

// A Subfield is a range of the bits of a field, such as NXM_NX_REG0[0..15].
type Subfield struct {
	Field  FieldID
	Offset uint8 // Least significant bit.
	Bits   uint8 // 1 to 64; for RegMove as wide as the field.
}

// WholeField is the subfield of all bits of a field.
func WholeField(id FieldID) Subfield { return Subfield{Field: id, Bits: uint8(id.Info().Bits)} }

// Validate reports a range that the field does not have, or that is wider than maxBits.
func (s Subfield) Validate(maxBits int) error {
	info := s.Field.Info()
	if info.Bits == 0 {
		return fmt.Errorf("subfield: %w: unknown field", wire.ErrValue)
	}
	if info.wire[0].class == classExperimenter {
		// These actions have only 32 bits for the header of a field.
		return fmt.Errorf("subfield: %w: %s is an experimenter's field", wire.ErrValue, info.Name)
	}
	if s.Bits == 0 || int(s.Bits) > maxBits || int(s.Offset)+int(s.Bits) > 8*info.Bytes {
		return fmt.Errorf("subfield: %w: %s[%d..%d], want 1 to %d bits inside 0..%d", wire.ErrValue,
			info.Name, s.Offset, int(s.Offset)+int(s.Bits)-1, maxBits, 8*info.Bytes-1)
	}

	return nil
}

// AppendNXMHeader appends the header of a field for an action of Nicira. These actions are older
// than OXM: Open vSwitch writes a field's NXM header in them if it has one.
func AppendNXMHeader(b []byte, id FieldID) []byte {
	info := &fieldTable[id]
	w := info.wire[0]
	for _, v := range info.wire {
		if v.class == classNXM0 || v.class == classNXM1 {
			w = v
		}
	}

	return appendOXMHeader(b, w, info.Bytes, false)
}

// ParseSubfield reads the header of a field in an action of Nicira. It returns false for a field
// that it does not know, a masked one, and a range that the field does not have.
func ParseSubfield(c *wire.Cursor, offset, bits uint16) (Subfield, bool) {
	h := c.Uint32("field")
	id := fieldByOXM.find(oxmID{class: uint16(h >> 16), field: uint8(h >> 9 & 0x7f)})
	s := Subfield{id, uint8(min(offset, 255)), uint8(min(bits, 255))}

	plain := h&(oxmMaskBit<<8) == 0 && int(h&0xff) == fieldTable[id].Bytes
	return s, id != FieldUnknown && plain && s.Validate(128) == nil
}

// String writes the subfield in the syntax of ovs-actions(7).
func (s Subfield) String() string {
	name := s.Field.actionName()
	if s.Offset == 0 && int(s.Bits) == s.Field.Info().Bits {
		return name + "[]"
	}
	if s.Bits == 1 {
		return fmt.Sprintf("%s[%d]", name, s.Offset)
	}
	return fmt.Sprintf("%s[%d..%d]", name, s.Offset, int(s.Offset)+int(s.Bits)-1)
}
