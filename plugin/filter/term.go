package filter

import (
	"fmt"
	"math/bits"
	"net/netip"

	"github.com/tapline-sdn/tapline/openflow/oxm"
)

// term is one condition of an expression, resolved: names have become numbers. Terms are comparable
// with ==. String writes the term as an expression that is parsed to an equal one.
type term interface {
	fmt.Stringer
	isTerm()
}

// direction is which of the two addresses or ports of a frame a term is about.
type direction uint8

const (
	either direction = iota // src or dst
	source
	destination
	both // src and dst
)

// prefix is the direction as it stands before a type such as host.
func (d direction) prefix() string {
	return [...]string{"", "src ", "dst ", "src and dst "}[d]
}

// etherTypeTerm matches the type of the frame, behind its tag.
type etherTypeTerm struct{ typ uint16 }

// etherAddressTerm matches bits of Ethernet addresses.
type etherAddressTerm struct {
	dir         direction
	value, mask uint64
}

// family is the protocols whose addresses a networkTerm means.
type family uint8

const (
	familyAny family = iota // IPv4, ARP and RARP
	familyIPv4
	familyARP
	familyRARP
	familyIPv6
)

func (f family) prefix() string { return [...]string{"", "ip ", "arp ", "rarp ", "ip6 "}[f] }

// networkTerm matches bits of the addresses of IP, or of the protocol addresses of ARP.
type networkTerm struct {
	family      family
	dir         direction
	value, mask oxm.Uint128 // of IPv4 the lower 32 bits
}

// protocolTerm matches the protocol in an IP packet.
type protocolTerm struct {
	v4, v6 bool
	number uint8
}

// transports is a set of transport protocols.
type transports struct{ tcp, udp, sctp bool }

// portTerm matches a range of ports over IPv4 and IPv6.
type portTerm struct {
	over    transports
	dir     direction
	low, hi uint16 // inclusive
}

// vlanTerm matches the outer VLAN tag.
type vlanTerm struct {
	any bool
	id  uint16
}

// headerByte is an octet of a header that flows can match.
type headerByte uint8

const (
	tcpFlags headerByte = iota
	icmpType
	icmpCode
	icmp6Type
	icmp6Code
)

// headerBytes are the octets that flows can match, and how expressions name them.
var headerBytes = []struct {
	protocol string
	offset   uint64
}{
	tcpFlags: {"tcp", 13}, icmpType: {"icmp", 0}, icmpCode: {"icmp", 1},
	icmp6Type: {"icmp6", 0}, icmp6Code: {"icmp6", 1},
}

// relation is an operator that compares.
type relation string

// headerTerm compares an octet of a header with a number. As in tcpdump, tcp[..] and icmp[..] are
// about IPv4, and icmp6[..] is about IPv6.
type headerTerm struct {
	octet headerByte
	mask  uint8 // 0xff compares the whole octet
	op    relation
	value uint32
}

func (etherTypeTerm) isTerm()    {}
func (etherAddressTerm) isTerm() {}
func (networkTerm) isTerm()      {}
func (protocolTerm) isTerm()     {}
func (portTerm) isTerm()         {}
func (vlanTerm) isTerm()         {}
func (headerTerm) isTerm()       {}

// String implements [term].
func (t etherTypeTerm) String() string {
	switch t.typ {
	case typeIPv4:
		return "ip"
	case typeIPv6:
		return "ip6"
	case typeARP:
		return "arp"
	case typeRARP:
		return "rarp"
	}
	return fmt.Sprintf("ether proto %#04x", t.typ)
}

// multicastBit is the bit of an Ethernet address that makes it one of a group.
const multicastBit = 1 << 40

// String implements [term].
func (t etherAddressTerm) String() string {
	if t.mask == multicastBit {
		return "ether multicast"
	}

	what := t.dir.prefix()
	if t.dir == either {
		what = "host "
	}
	return "ether " + what + macText(t.value)
}

// String implements [term].
func (t networkTerm) String() string {
	text := t.family.prefix() + t.dir.prefix()
	if t.family == familyIPv6 {
		if length := bits.OnesCount64(t.mask.Hi) + bits.OnesCount64(t.mask.Lo); length < 128 {
			return fmt.Sprintf("%snet %v/%d", text, ipv6Of(t.value), length)
		}
		return text + "host " + ipv6Of(t.value).String()
	}

	mask := uint32(t.mask.Lo)
	length := bits.LeadingZeros32(^mask)
	switch {
	case length == 32:
		return text + "host " + ipv4Of(t.value).String()
	case mask<<length == 0:
		return fmt.Sprintf("%snet %v/%d", text, ipv4Of(t.value), length)
	}
	return fmt.Sprintf("%snet %v mask %v", text, ipv4Of(t.value), ipv4Of(t.mask))
}

func ipv4Of(v oxm.Uint128) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(v.Lo >> 24), byte(v.Lo >> 16), byte(v.Lo >> 8), byte(v.Lo)})
}

func ipv6Of(v oxm.Uint128) netip.Addr {
	var b [16]byte
	for i := range 8 {
		b[i], b[8+i] = byte(v.Hi>>(56-8*i)), byte(v.Lo>>(56-8*i))
	}
	return netip.AddrFrom16(b)
}

// String implements [term].
func (t protocolTerm) String() string {
	for name, word := range protocolWords {
		if word == protocolWord(t) && name != "carp" {
			return name
		}
	}

	switch {
	case t.v4 && t.v6:
		return fmt.Sprintf("proto %d", t.number)
	case t.v4:
		return fmt.Sprintf("ip proto %d", t.number)
	}
	return fmt.Sprintf("ip6 proto %d", t.number)
}

// String implements [term].
func (t portTerm) String() string {
	text := map[transports]string{{tcp: true}: "tcp ", {udp: true}: "udp ",
		{sctp: true}: "sctp "}[t.over] + t.dir.prefix()
	if t.low == t.hi {
		return fmt.Sprintf("%sport %d", text, t.low)
	}
	return fmt.Sprintf("%sportrange %d-%d", text, t.low, t.hi)
}

// String implements [term].
func (t vlanTerm) String() string {
	if t.any {
		return "vlan"
	}
	return fmt.Sprintf("vlan %d", t.id)
}

// String implements [term].
func (t headerTerm) String() string {
	octet := headerBytes[t.octet]
	text := fmt.Sprintf("%s[%d]", octet.protocol, octet.offset)
	if t.mask != 0xff {
		text += fmt.Sprintf(" & %#02x", t.mask)
	}
	return fmt.Sprintf("%s %s %d", text, t.op, t.value)
}

// values returns the values of the octet with which the relation holds.
func (t headerTerm) values() (set octetSet) {
	for v := range 256 {
		if t.holds(uint8(v)) {
			set.add(uint8(v))
		}
	}
	return set
}

// holds reports whether the relation holds for a value of the octet.
func (t headerTerm) holds(octet uint8) bool {
	switch masked := uint32(octet & t.mask); t.op {
	case "=":
		return masked == t.value
	case "!=":
		return masked != t.value
	case "<":
		return masked < t.value
	case "<=":
		return masked <= t.value
	case ">":
		return masked > t.value
	}
	return uint32(octet&t.mask) >= t.value
}
