package filter

import (
	"strconv"

	"github.com/tapline-sdn/tapline/openflow/oxm"
)

// broadcastAddress is that of Ethernet, and the mask of whole addresses.
const broadcastAddress = 1<<48 - 1

// qualified parses a term that begins with qualifiers: "tcp dst port 80", "ether multicast", "ip".
func (p *parser) qualified() (node, *Error) {
	first := p.peek()
	q := qualifiers{at: first.at}
	if isProtocolQualifier(first.text) {
		q.protocol = p.take().text
		if q.protocol == "link" {
			q.protocol = "ether"
		}
	}

	if t := p.peek(); t.is("broadcast", "multicast") {
		p.take()
		p.last = qualifiers{}
		return group(q.protocol, t, first.at.to(t.at))
	}

	known, err := p.direction(&q)
	if err != nil {
		return nil, err
	}

	t := p.peek()
	switch named := kinds[t.text]; {
	case named != kindNone && t.kind == tokenWord:
		q.kind = named
	case known:
		q.kind = kindDefault
	case q.protocol != "":
		p.last = qualifiers{}
		return p.abbreviation(first)
	case t.is("gateway", "protochain"):
		return p.primitive()
	default:
		return nil, p.unknownTerm(t)
	}

	if q.kind != kindDefault {
		q.at = first.at.to(p.take().at)
	}
	if err := q.check(known); err != nil {
		return nil, err
	}

	p.last = q
	return p.id(q)
}

// kinds are the keywords for types of ids.
var kinds = map[string]kind{"host": kindHost, "net": kindNet, "port": kindPort,
	"portrange": kindPortRange, "proto": kindProto}

// isProtocolQualifier reports whether a word may stand before host, port and so on.
func isProtocolQualifier(word string) bool {
	if _, ok := protocolWords[word]; ok {
		return true
	}
	if _, ok := etherTypes[word]; ok {
		return true
	}
	return word == "ether" || word == "link"
}

// unknownTerm is the error for a word that begins no term.
func (p *parser) unknownTerm(t token) *Error {
	if _, ok := constants[t.text]; ok || isKeyword(t.text) || t.kind != tokenWord {
		return p.unexpected(t, "a condition")
	}
	return t.at.fail(strconv.Quote(t.text)+" is neither a keyword nor has a qualifier before it",
		"such as host, net or port")
}

// direction parses src, dst, and both joined by or and and. It reports whether there is one.
func (p *parser) direction(q *qualifiers) (bool, *Error) {
	t := p.peek()
	if !t.is("src", "dst") {
		return false, nil
	}
	p.take()

	q.dir = source
	other := "dst"
	if t.text == "dst" {
		q.dir, other = destination, "src"
	}

	if p.peekAt(1).is(other) && p.peek().is("or", "and") {
		q.dir = either
		if p.take().text == "and" {
			q.dir = both
		}
		p.take()
	}
	q.at = q.at.to(p.tokens[p.next-1].at)
	return true, nil
}

// group parses what stands before broadcast and multicast.
func group(protocol string, word token, at span) (node, *Error) {
	var t term
	switch multicast := word.text == "multicast"; {
	case protocol == "" || protocol == "ether":
		t = etherAddressTerm{dir: destination, value: broadcastAddress, mask: broadcastAddress}
		if multicast {
			t = etherAddressTerm{dir: destination, value: multicastBit, mask: multicastBit}
		}
	case protocol == "ip" && multicast:
		// libpcap asks for a first octet of at least 224, which takes 240.0.0.0/4 in.
		t = networkTerm{family: familyIPv4, dir: destination,
			value: oxm.Uint128{Lo: 0xe0000000}, mask: oxm.Uint128{Lo: 0xe0000000}}
	case protocol == "ip6" && multicast:
		t = networkTerm{family: familyIPv6, dir: destination,
			value: oxm.Uint128{Hi: 0xff << 56}, mask: oxm.Uint128{Hi: 0xff << 56}}
	case protocol == "ip":
		return nil, at.fail("ip broadcast depends on the netmask, which is not known",
			"write ether broadcast, or dst host and the network's broadcast address")
	default:
		return nil, at.fail("there is no "+protocol+" "+word.text, "write ether "+word.text)
	}
	return &leaf{term: t, at: at}, nil
}

// abbreviation is a protocol that stands alone.
func (p *parser) abbreviation(t token) (node, *Error) {
	if typ, ok := etherTypes[t.text]; ok {
		return &leaf{term: etherTypeTerm{typ}, at: t.at}, nil
	}
	if word, ok := protocolWords[t.text]; ok {
		return protocolLeaf(protocolTerm(word), t.at)
	}
	return nil, p.unexpected(p.peek(), "host, src, dst, proto, broadcast or multicast")
}

// protocolLeaf is a leaf of a protocol, if flows can match it: behind an IPv6 header, Open vSwitch
// takes some for extension headers and shows the protocol that follows.
func protocolLeaf(t protocolTerm, at span) (node, *Error) {
	if t.v6 {
		switch t.number {
		case protoHopByHop, protoRouting, protoAH, protoDestination:
			hint := "ip proto " + strconv.Itoa(int(t.number)) + " matches it in IPv4"
			if t.number != protoAH {
				hint = "proto and ports look behind such headers"
			}
			return nil, at.fail("Open vSwitch skips this extension header of IPv6", hint)
		}
	}
	return &leaf{term: t, at: at}, nil
}

// check refuses combinations of qualifiers that mean nothing.
func (q *qualifiers) check(directed bool) *Error {
	refuse := func(hint string) *Error {
		return q.at.fail("these qualifiers do not go together", hint)
	}

	_, isIP := protocolWords[q.protocol]
	switch q.kind {
	case kindDefault, kindHost, kindNet:
		switch {
		case isIP:
			return refuse("write " + q.protocol + " and " + q.dir.prefix() + "host ADDRESS")
		case q.protocol == "ether" && q.kind == kindNet:
			return refuse("Ethernet has no networks; write ether host MAC")
		}
		switch q.protocol {
		case "", "ether", "ip", "ip6", "arp", "rarp":
			return nil
		}
		return refuse("addresses of " + q.protocol + " cannot be matched")
	case kindPort, kindPortRange:
		switch q.protocol {
		case "", "tcp", "udp", "sctp":
			return nil
		}
		return refuse("port goes with tcp, udp and sctp; write " + q.protocol + " and port NUMBER")
	}

	switch {
	case directed:
		return refuse("a protocol has no direction")
	case q.protocol != "" && q.protocol != "ether" && q.protocol != "ip" && q.protocol != "ip6":
		return refuse("proto goes with ether, ip and ip6")
	}
	return nil
}
