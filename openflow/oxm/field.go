package oxm

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/tapline-sdn/tapline/openflow/wire"
)

// Uint128 is the value of a field of up to 128 bits.
type Uint128 struct{ Hi, Lo uint64 }

func (u Uint128) and(v Uint128) Uint128 { return Uint128{u.Hi & v.Hi, u.Lo & v.Lo} }

// ones is a mask of the n least significant bits.
func ones(n int) Uint128 {
	switch {
	case n >= 128:
		return Uint128{^uint64(0), ^uint64(0)}
	case n > 64:
		return Uint128{1<<(n-64) - 1, ^uint64(0)}
	case n == 64:
		return Uint128{0, ^uint64(0)}
	}

	return Uint128{0, 1<<n - 1}
}

// A Field is the value of one field, and the mask of the bits that count (7.2.3, OXM TLV). Fields
// are comparable with ==; two fields that match the same packets are equal after [Match.Normalize].
//
// Constructors such as [InPort] exist for the fields in common use, and
// [NewField] and [NewMaskedField] for all.
type Field struct {
	id     FieldID
	masked bool
	value  Uint128
	mask   Uint128 // Zero unless masked.
	raw    string  // The whole TLV, if id is FieldUnknown.
}

// NewField is an exact match of a field. Bits of v that the field does not
// have are an error of the encoder, not of this function.
func NewField(id FieldID, v Uint128) Field { return Field{id: id, value: v} }

// NewMaskedField matches the bits of mask. Bits of v outside mask are cleared;
// a mask of all the bits of the field makes it an exact match.
func NewMaskedField(id FieldID, v, mask Uint128) Field {
	if all := ones(id.Info().Bits); mask.and(all) == all {
		return NewField(id, v)
	}
	return Field{id: id, masked: true, value: v.and(mask), mask: mask}
}

// RawField is the field whose TLV is tlv, header included, for fields that
// this package does not know, such as tun_metadata0.
func RawField(tlv []byte) (Field, error) {
	c := wire.NewCursor(tlv, "oxm")
	f := ParseField(&c)
	c.Done("oxm")
	if err := c.Err(); err != nil {
		return Field{}, err
	}
	return f, nil
}

// ID returns the field, or FieldUnknown.
func (f Field) ID() FieldID { return f.id }

// Value returns the value.
func (f Field) Value() Uint128 { return f.value }

// Uint64 returns the lower 64 bits of the value.
func (f Field) Uint64() uint64 { return f.value.Lo }

// Mask returns the mask, which has all bits of the field if it is not masked.
func (f Field) Mask() Uint128 {
	if f.masked {
		return f.mask
	}
	return ones(f.id.Info().Bits)
}

// Masked reports whether only some bits count.
func (f Field) Masked() bool { return f.masked }

// Raw returns the TLV of a field with FieldUnknown.
func (f Field) Raw() []byte { return []byte(f.raw) }

// Addr returns the value of a field that holds an IP address.
func (f Field) Addr() (netip.Addr, bool) {
	switch f.id.Info().format {
	case formatIPv4:
		return ipv4Of(f.value), true
	case formatIPv6:
		return ipv6Of(f.value), true
	}

	return netip.Addr{}, false
}

// MAC returns the value of a field that holds an Ethernet address.
func (f Field) MAC() (wire.MAC, bool) {
	return wire.MACOf(f.value.Lo), f.id.Info().format == formatMAC
}

func ipv4Of(v Uint128) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(v.Lo >> 24), byte(v.Lo >> 16), byte(v.Lo >> 8), byte(v.Lo)})
}

func ipv6Of(v Uint128) netip.Addr {
	var a [16]byte
	binary.BigEndian.PutUint64(a[:8], v.Hi)
	binary.BigEndian.PutUint64(a[8:], v.Lo)
	return netip.AddrFrom16(a)
}

func addrValue(a netip.Addr) Uint128 {
	if a.Is4() {
		b := a.As4()
		return Uint128{0, uint64(binary.BigEndian.Uint32(b[:]))}
	}

	b := a.As16()
	return Uint128{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

// oxmMaskBit is oxm_hasmask in the third byte of a header.
const oxmMaskBit = 1

// AppendField appends the OXM TLV, without padding.
//
//	 0               1               2               3
//	+-------------------------------+-------------+-+---------------+
//	|           oxm_class           |  oxm_field  |M|   oxm_length  |
//	+-------------------------------+-------------+-+---------------+
func AppendField(b []byte, f Field) ([]byte, error) {
	if f.id == FieldUnknown {
		if f.raw == "" {
			return b, fmt.Errorf("oxm: %w: empty Field", wire.ErrValue)
		}
		return append(b, f.raw...), nil
	}
	if f.id >= numFields {
		return b, fmt.Errorf("oxm: %w: field %d", wire.ErrValue, f.id)
	}

	info := &fieldTable[f.id]
	all := ones(8 * info.Bytes)
	if f.value.and(all) != f.value || f.mask.and(all) != f.mask {
		return b, fmt.Errorf("%s: %w: %#x%016x/%#x%016x does not fit in %d bits", info.Name,
			wire.ErrValue,
			f.value.Hi, f.value.Lo, f.mask.Hi, f.mask.Lo, 8*info.Bytes)
	}

	b = appendOXMHeader(b, info.wire[0], info.Bytes, f.masked)
	b = appendUint(b, f.value, info.Bytes)
	if f.masked {
		b = appendUint(b, f.mask, info.Bytes)
	}

	return b, nil
}

// appendOXMHeader appends the header of a field of n bytes.
func appendOXMHeader(b []byte, w oxmID, n int, masked bool) []byte {
	hasMask := uint8(0)
	if masked {
		n, hasMask = 2*n, oxmMaskBit
	}

	if w.class == classExperimenter {
		n += 4
	}

	b = binary.BigEndian.AppendUint16(b, w.class)
	b = append(b, w.field<<1|hasMask, byte(n))
	if w.class == classExperimenter {
		b = binary.BigEndian.AppendUint32(b, w.experimenter)
	}

	return b
}

// appendUint appends the n least significant bytes of v.
func appendUint(b []byte, v Uint128, n int) []byte {
	for i := n - 1; i >= 8; i-- {
		b = append(b, byte(v.Hi>>(8*(i-8))))
	}

	for i := min(n, 8) - 1; i >= 0; i-- {
		b = append(b, byte(v.Lo>>(8*i)))
	}

	return b
}

func uintOf(b []byte) Uint128 {
	var v Uint128
	for _, x := range b {
		v = Uint128{v.Hi<<8 | v.Lo>>56, v.Lo<<8 | uint64(x)}
	}
	return v
}

// ParseField reads one OXM TLV.
func ParseField(c *wire.Cursor) Field {
	start := c.Pos()
	id := oxmID{class: c.Uint16("oxm_class")}
	fieldAndMask := c.Uint8("oxm_field")
	id.field = fieldAndMask >> 1
	masked := fieldAndMask&oxmMaskBit != 0
	n := int(c.Uint8("oxm_length"))
	body := c.Sub(n, "oxm_length")
	if id.class == classExperimenter {
		id.experimenter = body.Uint32("oxm_experimenter")
	}

	if c.Err() != nil {
		return Field{}
	}

	fid := fieldByOXM.find(id)
	if fid == FieldUnknown {
		return Field{raw: string(c.Message()[start:c.Pos()])}
	}

	width := fieldTable[fid].Bytes
	want := width
	if masked {
		want = 2 * width
	}

	if body.Len() != want {
		c.Fail(start+3, "oxm_length",
			fmt.Errorf("%w: %d bytes for %s, want %d", wire.ErrLength, body.Len(), fid, want))
		return Field{}
	}

	f := Field{id: fid, masked: masked, value: uintOf(body.Take(width, fid.String()))}
	if masked {
		f.mask = uintOf(body.Take(width, fid.String()))
	}

	return f
}
