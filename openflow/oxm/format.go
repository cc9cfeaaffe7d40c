package oxm

import (
	"encoding/hex"
	"fmt"
	"math/bits"
	"net/netip"
	"strconv"
	"strings"

	"github.com/tapline-sdn/tapline/openflow/wire"
)

// String writes the match in the syntax of ovs-ofctl(8), such as
// "in_port=1,tun_id=0x5,tun_src=192.0.2.1".
func (m Match) String() string {
	parts := make([]string, len(m))
	for i, f := range m {
		parts[i] = f.String()
	}
	return strings.Join(parts, ",")
}

// String writes the field in the syntax of ovs-ofctl(8). A field kept raw is
// written as the hexadecimal digits of its TLV.
func (f Field) String() string {
	if f.id == FieldUnknown || f.id >= numFields {
		return "oxm(" + hex.EncodeToString([]byte(f.raw)) + ")"
	}

	name := fieldTable[f.id].Name
	switch format := fieldTable[f.id].format; {
	case format == formatVLAN && !f.masked && f.value.Lo&vlanPresent != 0:
		return fmt.Sprintf("dl_vlan=%d", f.value.Lo&^vlanPresent)
	case (format == formatIPv4 || format == formatIPv6) && f.masked:
		return name + "=" + f.addrString()
	case format == formatFrag:
		return name + "=" + f.fragString()
	case format == formatTunFlags || format == formatCTState:
		return name + "=" + flagString(format, f.value.Lo, f.Mask().Lo)
	}

	s := name + "=" + f.valueString(f.value)
	if f.masked {
		s += "/" + f.valueString(f.mask)
	}

	return s
}

// Assignment writes the field in the syntax of set_field in ovs-actions(7), such as
// "0x5/0xf->reg0". A field kept raw is written as by String.
func (f Field) Assignment() string {
	if f.id == FieldUnknown || f.id >= numFields {
		return f.String()
	}

	s := f.valueString(f.value)
	if f.masked {
		s += "/" + f.valueString(f.mask)
	}

	return s + "->" + f.id.actionName()
}

func (f Field) valueString(v Uint128) string {
	switch fieldTable[f.id].format {
	case formatPort:
		return wire.PortNo(v.Lo).String()
	case formatMAC:
		return wire.MACOf(v.Lo).String()
	case formatIPv4:
		return ipv4Of(v).String()
	case formatIPv6:
		return ipv6Of(v).String()
	case formatDecimal:
		if !f.masked {
			return strconv.FormatUint(v.Lo, 10)
		}
	}

	if v.Hi != 0 {
		return fmt.Sprintf("%#x%016x", v.Hi, v.Lo)
	}

	return fmt.Sprintf("%#x", v.Lo)
}

// addrString writes a prefix, or address/mask where the mask is no prefix.
func (f Field) addrString() string {
	a, _ := f.Addr()
	width := fieldTable[f.id].Bits
	n := bits.OnesCount64(f.mask.Hi) + bits.OnesCount64(f.mask.Lo)
	host := ones(width - n)
	if all := ones(width); f.mask == (Uint128{all.Hi &^ host.Hi, all.Lo &^ host.Lo}) {
		return netip.PrefixFrom(a, n).String()
	}
	return a.String() + "/" + f.valueString(f.mask)
}

// fragString writes nw_frag (ovs-fields(7), "Fragments").
func (f Field) fragString() string {
	switch v, mask := f.value.Lo&3, f.Mask().Lo&3; {
	case mask == 1 && v == 0:
		return "no"
	case mask == 1:
		return "yes"
	case mask == 2 && v == 0:
		return "not_later"
	case mask == 2 || v == 3:
		return "later"
	case v == 1:
		return "first"
	}

	return "no"
}

var flagNames = map[fieldFormat][]string{
	formatTunFlags: {"oam"},
	formatCTState:  {"new", "est", "rel", "rpl", "inv", "trk", "snat", "dnat"},
}

// flagString writes "+new-est": bits that must be set, and bits that must not.
// Bits without a name are written as value/mask.
func flagString(format fieldFormat, v, mask uint64) string {
	names := flagNames[format]
	if mask>>len(names) != 0 {
		return fmt.Sprintf("%#x/%#x", v, mask)
	}

	var s strings.Builder
	for i, name := range names {
		switch bit := uint64(1) << i; {
		case mask&bit == 0:
		case v&bit != 0:
			s.WriteString("+" + name)
		default:
			s.WriteString("-" + name)
		}
	}

	return s.String()
}

// actionName is the name of a field in actions, where in_port is that of 16
// bits and the one of OpenFlow 1.3 is in_port_oxm (ovs-fields(7)).
func (id FieldID) actionName() string {
	if id == FieldInPort {
		return "in_port_oxm"
	}
	return id.String()
}
