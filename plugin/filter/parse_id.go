package filter

import (
	"math/bits"
	"net/netip"
	"strconv"
	"strings"

	"github.com/tapline-sdn/tapline/openflow/oxm"
)

// id parses what qualifiers are about: an address, a port, a protocol, or several of them in
// parentheses.
func (p *parser) id(q qualifiers) (node, *Error) {
	t := p.peek()
	if err := p.enter(t); err != nil {
		return nil, err
	}
	defer p.leave()

	if t.kind == tokenEnd || t.kind == tokenSymbol && !t.is("(") {
		return nil, p.unexpected(t, q.want())
	}
	if q.kind == kindNone {
		return nil, t.at.fail(strconv.Quote(t.text)+" has no qualifier before it",
			"such as host, net or port")
	}

	if p.accept("not") {
		operand, err := p.id(q)
		if err != nil {
			return nil, err
		}
		return &negation{operand: operand, at: t.at.to(operand.span())}, nil
	}
	if p.accept("(") {
		return p.idGroup(q)
	}

	p.take()
	var found term
	var err *Error
	at := q.at.to(t.at)
	if t.at.offset < q.at.offset || p.last.at != q.at {
		at = t.at
	}
	switch q.kind {
	case kindPort, kindPortRange:
		found, err = q.port(t)
	case kindProto:
		return q.proto(t, at)
	default:
		found, err = p.address(q, t)
	}
	if err != nil {
		return nil, err
	}
	return &leaf{term: found, at: at.to(p.tokens[p.next-1].at)}, nil
}

// want says what an id may be, for error messages.
func (q qualifiers) want() string {
	switch q.kind {
	case kindPort:
		return "a port"
	case kindPortRange:
		return "a range of ports such as 6000-6063"
	case kindProto:
		return "a protocol"
	case kindNet:
		return "a network such as 10.0.0.0/8"
	case kindNone:
		return "a condition"
	}
	return "an address"
}

// idGroup parses the rest of "(80 or 443)".
func (p *parser) idGroup(q qualifiers) (node, *Error) {
	left, err := p.id(q)
	for err == nil {
		and := p.peek().is("and")
		if !p.accept("and", "or") {
			break
		}

		var right node
		right, err = p.id(q)
		left = &combination{and: and, left: left, right: right}
	}
	if err != nil {
		return nil, err
	}

	_, err = p.expect(")")
	return left, err
}

// port reads a port or a range of them.
func (q qualifiers) port(t token) (term, *Error) {
	over := transports{q.protocol == "tcp", q.protocol == "udp", q.protocol == "sctp"}
	if q.protocol == "" {
		over = transports{true, true, true}
	}

	low, hi := t, t
	if first, second, ok := strings.Cut(t.text, "-"); ok && q.kind == kindPortRange {
		if _, named := portNames[t.text]; !named {
			low, hi = subtoken(t, 0, first), subtoken(t, len(first)+1, second)
		}
	}

	from, over, err := q.portNumber(low, over)
	if err != nil {
		return nil, err
	}
	to, over, err := q.portNumber(hi, over)
	if err != nil {
		return nil, err
	}
	return portTerm{over: over, dir: q.dir, low: min(from, to), hi: max(from, to)}, nil
}

// subtoken is a part of a word, as a token of its own.
func subtoken(t token, at int, text string) token {
	part := token{kind: tokenWord, text: text, at: span{t.at.offset + at, len(text)}}
	if n, err := strconv.ParseUint(text, 0, 32); err == nil && isNumber(text) {
		part.kind, part.number = tokenNumber, n
	}
	return part
}

// portNumber reads one port. A name means the protocols that it is registered for.
func (q qualifiers) portNumber(t token, over transports) (uint16, transports, *Error) {
	if t.kind == tokenNumber {
		if t.number > 65535 {
			return 0, over, t.at.fail("port "+t.text+" does not exist", "ports are 0 to 65535")
		}
		return uint16(t.number), over, nil
	}
	if t.kind != tokenWord && t.kind != tokenEscaped {
		return 0, over, t.at.fail(strconv.Quote(t.text)+" is not a port", "")
	}

	name, ok := portNames[t.text]
	if !ok {
		hint := "write its number"
		if strings.Contains(t.text, "-") && q.kind == kindPort {
			hint = "ranges are written with portrange"
		}
		return 0, over, t.at.fail(strconv.Quote(t.text)+" is not a known port", hint)
	}

	switch {
	case name.tcp && name.udp:
	case q.protocol == "":
		over = transports{tcp: over.tcp && name.tcp, udp: over.udp && name.udp}
	case q.protocol == "tcp" && !name.tcp || q.protocol == "udp" && !name.udp ||
		q.protocol == "sctp":
		return 0, over, t.at.fail(strconv.Quote(t.text)+" is not a port of "+q.protocol,
			"write "+strconv.Itoa(int(name.number)))
	}
	return name.number, over, nil
}

// proto reads an IP protocol, or an Ethernet type after "ether".
func (q qualifiers) proto(t token, at span) (node, *Error) {
	if q.protocol == "ether" {
		return etherProto(t, at)
	}

	number := t.number
	switch t.kind {
	case tokenNumber:
	case tokenWord, tokenEscaped:
		word, isWord := protocolWords[t.text]
		name, isName := protocolNames[t.text]
		if !isWord && !isName {
			return nil, t.at.fail(strconv.Quote(t.text)+" is not a known protocol",
				"write its number")
		}
		number = uint64(max(word.number, name))
	default:
		return nil, t.at.fail(strconv.Quote(t.text)+" is not a protocol", "")
	}
	if number > 255 {
		return nil, t.at.fail("protocol "+t.text+" does not exist", "protocols are 0 to 255")
	}

	return protocolLeaf(protocolTerm{v4: q.protocol != "ip6", v6: q.protocol != "ip",
		number: uint8(number)}, at)
}

// etherProto reads an Ethernet type.
func etherProto(t token, at span) (node, *Error) {
	typ := uint64(etherTypes[t.text])
	switch {
	case t.kind == tokenNumber:
		typ = t.number
	case typ == 0:
		hint, ok := unsupported[t.text]
		if !ok {
			hint = "write its number"
		}
		return nil, t.at.fail(strconv.Quote(t.text)+" is not an Ethernet type that can be matched",
			hint)
	}

	switch {
	case typ > 65535:
		return nil, t.at.fail("Ethernet type "+t.text+" does not exist",
			"types are 0x600 to 0xffff")
	case typ < minEtherType:
		return nil, t.at.fail("Open vSwitch does not match LLC frames by their SAP",
			"types are 0x600 to 0xffff")
	}
	return &leaf{term: etherTypeTerm{uint16(typ)}, at: at}, nil
}

// address reads an address or network, with the prefix length or mask behind it.
func (p *parser) address(q qualifiers, t token) (term, *Error) {
	if q.protocol == "ether" {
		if t.kind != tokenMAC {
			return nil, t.at.fail(strconv.Quote(t.text)+" is not an Ethernet address", "")
		}
		return etherAddressTerm{dir: q.dir, value: t.mac, mask: broadcastAddress}, nil
	}

	switch t.kind {
	case tokenMAC:
		return nil, t.at.fail("an Ethernet address needs the qualifier ether",
			"write ether host "+t.text)
	case tokenIPv6:
		return p.ipv6Network(q, t)
	case tokenDotted, tokenNumber:
		return p.ipv4Network(q, t)
	}
	return nil, t.at.fail("names such as "+strconv.Quote(t.text)+" are not resolved",
		"write an address")
}

// ipv6Network reads an IPv6 address, or a network where the qualifiers allow one.
func (p *parser) ipv6Network(q qualifiers, t token) (term, *Error) {
	if q.protocol != "" && q.protocol != "ip6" {
		return nil, t.at.fail("an IPv6 address does not go with "+q.protocol, "write ip6")
	}

	length := uint64(128)
	at := t.at
	if p.accept("/") {
		n, err := p.prefixLength(128)
		if err != nil {
			return nil, err
		}
		length, at = n.number, t.at.to(n.at)
		if q.kind != kindNet && length != 128 {
			return nil, at.fail("a prefix length needs the qualifier net", "write net")
		}
	}

	b := t.addr.As16()
	var value oxm.Uint128
	for i := range 8 {
		value.Hi, value.Lo = value.Hi<<8|uint64(b[i]), value.Lo<<8|uint64(b[8+i])
	}

	mask := oxm.Uint128{Hi: ^uint64(0), Lo: ^uint64(0)}
	if length < 64 {
		mask = oxm.Uint128{Hi: ^(^uint64(0) >> length)}
	} else if length < 128 {
		mask.Lo = ^(^uint64(0) >> (length - 64))
	}
	if value.Hi&^mask.Hi != 0 || value.Lo&^mask.Lo != 0 {
		start := netip.PrefixFrom(t.addr, int(length)).Masked()
		return nil, at.fail("bits of the address are outside the network", "write "+start.String())
	}
	return networkTerm{family: familyIPv6, dir: q.dir, value: value, mask: mask}, nil
}

// prefixLength reads the number behind a slash.
func (p *parser) prefixLength(most uint64) (token, *Error) {
	t := p.peek()
	if t.kind != tokenNumber {
		return t, p.unexpected(t, "a prefix length")
	}
	if t.number > most {
		return t, t.at.fail("prefix length "+t.text+" is too large",
			"it is at most "+strconv.FormatUint(most, 10))
	}
	return p.take(), nil
}

// ipv4Network reads an IPv4 address or network. Missing octets make it a network: "dst 10.1" is
// "dst net 10.1.0.0/16".
func (p *parser) ipv4Network(q qualifiers, t token) (term, *Error) {
	families := map[string]family{"": familyAny, "ip": familyIPv4, "arp": familyARP,
		"rarp": familyRARP}
	found, ok := families[q.protocol]
	if !ok {
		return nil, t.at.fail("an IPv4 address does not go with "+q.protocol, "write ip")
	}

	masked := p.peek().is("/", "mask")
	value, mask := ipv4Value(t, q.kind == kindNet || masked)
	at := t.at
	if masked {
		if q.kind != kindNet {
			return nil, p.peek().at.fail("a mask needs the qualifier net", "write net")
		}

		var err *Error
		if mask, at, err = p.ipv4Mask(t); err != nil {
			return nil, err
		}
	}

	if value&^mask != 0 {
		network := ipv4Of(oxm.Uint128{Lo: uint64(value & mask)}).String()
		if ones := bits.LeadingZeros32(^mask); mask<<ones == 0 {
			network += "/" + strconv.Itoa(ones)
		}
		return nil, at.fail("bits of the address are outside the network", "write "+network)
	}
	return networkTerm{family: found, dir: q.dir, value: oxm.Uint128{Lo: uint64(value)},
		mask: oxm.Uint128{Lo: uint64(mask)}}, nil
}

// ipv4Mask reads what follows an address: "/8" or "mask 255.0.0.0".
func (p *parser) ipv4Mask(address token) (uint32, span, *Error) {
	if p.take().text == "/" {
		n, err := p.prefixLength(32)
		return ^uint32(uint64(1)<<(32-n.number) - 1), address.at.to(n.at), err
	}

	t := p.peek()
	if t.kind != tokenDotted && t.kind != tokenNumber {
		return 0, t.at, p.unexpected(t, "a mask such as 255.255.255.0")
	}
	p.take()
	mask, _ := ipv4Value(t, true)
	return mask, address.at.to(t.at), nil
}

// ipv4Value is the number of an address, and the mask of the octets that it has. A single number is
// an address of 32 bits, or as a network its first octets.
func ipv4Value(t token, network bool) (value, mask uint32) {
	if t.kind == tokenNumber {
		value, mask = uint32(t.number), 0xffffffff
		for network && value != 0 && value>>24 == 0 {
			value, mask = value<<8, mask<<8
		}
		return value, mask
	}

	for _, octet := range t.octets {
		value = value<<8 | uint32(octet)
	}
	missing := 8 * (4 - len(t.octets))
	return value << missing, 0xffffffff << missing
}
