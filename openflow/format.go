package openflow

import (
	"encoding/hex"
	"fmt"
	"math/bits"
	"net/netip"
	"strconv"
	"strings"
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

func (f Field) valueString(v Uint128) string {
	switch fieldTable[f.id].format {
	case formatPort:
		return PortNo(v.Lo).String()
	case formatMAC:
		return macOf(v.Lo).String()
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

// actionName is the name of a field in actions, where in_port is that of 16
// bits and the one of OpenFlow 1.3 is in_port_oxm (ovs-fields(7)).
func (id FieldID) actionName() string {
	if id == FieldInPort {
		return "in_port_oxm"
	}
	return id.String()
}

// String implements [Action].
func (a Output) String() string {
	if a.Port == PortController {
		return fmt.Sprintf("CONTROLLER:%d", a.MaxLen)
	}
	return "output:" + a.Port.String()
}

// String implements [Action].
func (a SetField) String() string {
	f := a.Field
	if f.id == FieldUnknown || f.id >= numFields {
		return "set_field:" + f.String()
	}
	s := "set_field:" + f.valueString(f.value)
	if f.masked {
		s += "/" + f.valueString(f.mask)
	}
	return s + "->" + f.id.actionName()
}

// String implements [Action].
func (a Group) String() string { return fmt.Sprintf("group:%d", a.ID) }

// String implements [Action].
func (a SetQueue) String() string { return fmt.Sprintf("set_queue:%d", a.Queue) }

// String implements [Action].
func (a PushVLAN) String() string { return fmt.Sprintf("push_vlan:%#04x", a.EtherType) }

// String implements [Action].
func (PopVLAN) String() string { return "pop_vlan" }

// String implements [Action].
func (a PushMPLS) String() string { return fmt.Sprintf("push_mpls:%#04x", a.EtherType) }

// String implements [Action].
func (a PopMPLS) String() string { return fmt.Sprintf("pop_mpls:%#04x", a.EtherType) }

// String implements [Action].
func (a PushPBB) String() string { return fmt.Sprintf("push_pbb:%#04x", a.EtherType) }

// String implements [Action].
func (PopPBB) String() string { return "pop_pbb" }

// String implements [Action].
func (a SetMPLSTTL) String() string { return fmt.Sprintf("set_mpls_ttl(%d)", a.TTL) }

// String implements [Action].
func (DecMPLSTTL) String() string { return "dec_mpls_ttl" }

// String implements [Action].
func (a SetTTL) String() string { return fmt.Sprintf("mod_nw_ttl:%d", a.TTL) }

// String implements [Action].
func (DecTTL) String() string { return "dec_ttl" }

// String implements [Action].
func (CopyTTLOut) String() string { return "copy_ttl_out" }

// String implements [Action].
func (CopyTTLIn) String() string { return "copy_ttl_in" }

// String implements [Action].
func (a RawAction) String() string {
	return fmt.Sprintf("raw(type=%d,data=%x)", a.Type, a.Data)
}

// String implements [Action].
func (a Resubmit) String() string {
	port, table := "", ""
	if a.InPort != PortInPort {
		port = a.InPort.String()
	}
	if a.Table != TableAll {
		table = strconv.Itoa(int(a.Table))
	}
	return "resubmit(" + port + "," + table + ")"
}

// String implements [Action].
func (a OutputReg) String() string { return "output:" + a.Source.String() }

// String implements [Action].
func (a OutputTrunc) String() string {
	return fmt.Sprintf("output(port=%v,max_len=%d)", a.Port, a.MaxLen)
}

// String implements [Action].
func (a RegLoad) String() string { return fmt.Sprintf("load:%#x->%v", a.Value, a.Dst) }

// String implements [Action].
func (a RegMove) String() string { return fmt.Sprintf("move:%v->%v", a.Src, a.Dst) }

// String implements [Action].
func (a Clone) String() string { return "clone(" + joinActions(a.Actions) + ")" }

// String implements [Action].
func (a Conjunction) String() string {
	return fmt.Sprintf("conjunction(%d,%d/%d)", a.ID, a.Clause, a.Clauses)
}

// String implements [Action]. The specs are written in hexadecimal, which
// ovs-ofctl does not read.
func (a Learn) String() string {
	return fmt.Sprintf("learn(table=%d,idle_timeout=%d,hard_timeout=%d,priority=%d,cookie=%v,specs=%x)",
		a.Table, a.IdleTimeout, a.HardTimeout, a.Priority, a.Cookie, a.Specs)
}

// String implements [Action].
func (Exit) String() string { return "exit" }

func joinActions(actions []Action) string {
	parts := make([]string, len(actions))
	for i, a := range actions {
		parts[i] = a.String()
	}
	return strings.Join(parts, ",")
}

// String implements [Instruction].
func (i GotoTable) String() string { return fmt.Sprintf("goto_table:%d", i.Table) }

// String implements [Instruction].
func (i WriteMetadata) String() string {
	return fmt.Sprintf("write_metadata:%#x/%#x", i.Value, i.Mask)
}

// String implements [Instruction].
func (i WriteActions) String() string { return "write_actions(" + joinActions(i) + ")" }

// String implements [Instruction].
func (i ApplyActions) String() string { return joinActions(i) }

// String implements [Instruction].
func (ClearActions) String() string { return "clear_actions" }

// String implements [Instruction].
func (i Meter) String() string { return fmt.Sprintf("meter:%d", i.ID) }

// String implements [Instruction].
func (i RawInstruction) String() string {
	return fmt.Sprintf("raw(type=%d,data=%x)", i.Type, i.Data)
}
