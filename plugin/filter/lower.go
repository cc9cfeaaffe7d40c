package filter

import ()

// lower rewrites literals so that each is one set of cubes: it takes ports of either direction
// apart, and asks for what is outside a range, or a set, where that takes fewer flows.
func (f *formula) lower() *formula {
	return f.rewrite(func(f *formula) *formula {
		var positive *formula
		switch t := f.term.(type) {
		case portTerm:
			positive = t.lower(f.at)
		case headerTerm:
			positive = t.lower(f.at)
		default:
			return f
		}

		if f.negated {
			return positive.negate()
		}
		return positive
	})
}

// negate returns the opposite of a formula.
func (f *formula) negate() *formula {
	switch f.form {
	case formTrue:
		return never
	case formFalse:
		return always
	case formLiteral:
		return f.not()
	}

	operands := make([]*formula, len(f.operands))
	for i, operand := range f.operands {
		operands[i] = operand.negate()
	}
	if f.form == formAnd {
		return one(operands...)
	}
	return all(operands...)
}

func (t portTerm) lower(at span) *formula {
	src, dst := t, t
	src.dir, dst.dir = source, destination
	switch t.dir {
	case either:
		return one(src.lower(at), dst.lower(at))
	case both:
		return all(src.lower(at), dst.lower(at))
	}

	inside := coverRange(int(t.low), int(t.hi))
	below, above := coverRange(0, int(t.low)-1), coverRange(int(t.hi)+1, 65535)
	if len(inside) <= len(below)+len(above)+1 {
		return literal(t, false, at)
	}

	parts := []*formula{t.over.formula(true, true, at)}
	if len(below) > 0 {
		parts = append(parts, literal(portTerm{t.over, t.dir, 0, t.low - 1}, true, at))
	}
	if len(above) > 0 {
		parts = append(parts, literal(portTerm{t.over, t.dir, t.hi + 1, 65535}, true, at))
	}
	return all(parts...)
}

// numbers are the IP protocols of the set.
func (s transports) numbers() (numbers []uint8) {
	if s.tcp {
		numbers = append(numbers, protoTCP)
	}
	if s.udp {
		numbers = append(numbers, protoUDP)
	}
	if s.sctp {
		numbers = append(numbers, protoSCTP)
	}
	return numbers
}

// formula asks for one of the protocols.
func (s transports) formula(v4, v6 bool, at span) *formula {
	var any []*formula
	for _, number := range s.numbers() {
		any = append(any, literal(protocolTerm{v4: v4, v6: v6, number: number}, false, at))
	}
	return one(any...)
}

func (t headerTerm) lower(at span) *formula {
	inside := t.values()
	outside := inside.complement()
	if len(t.flowValues(&inside)) <= len(t.flowValues(&outside))+1 {
		return literal(t, false, at)
	}

	opposite := map[relation]relation{"=": "!=", "!=": "=", "<": ">=", ">=": "<", ">": "<=",
		"<=": ">"}
	rest := t
	rest.op = opposite[t.op]
	return all(literal(t.octet.protocol(), false, at), literal(rest, true, at))
}

// protocol is the term for the protocol whose header has the octet.
func (b headerByte) protocol() protocolTerm {
	switch b {
	case tcpFlags:
		return protocolTerm{v4: true, number: protoTCP}
	case icmpType, icmpCode:
		return protocolTerm{v4: true, number: protoICMP}
	}
	return protocolTerm{v6: true, number: protoICMPv6}
}

// flowValues are the values that flows match for a set: TCP flags can be masked, ICMP cannot.
func (t headerTerm) flowValues(set *octetSet) []masked {
	if t.octet == tcpFlags {
		return set.cover(t.mask)
	}
	return set.exact()
}

// cubes returns the frames of a term, which lower has left. Ports are of one direction.
func cubes(t term) []cube {
	switch t := t.(type) {
	case etherTypeTerm:
		return []cube{cube{}.withType(t.typ)}
	case etherAddressTerm:
		return t.dir.apply(cube{}, func(c cube, src bool) cube {
			word := wordEthDst
			if src {
				word = wordEthSrc
			}
			return c.with(word, 0, t.value, t.mask)
		})
	case networkTerm:
		return t.cubes()
	case protocolTerm:
		return t.cubes()
	case portTerm:
		return t.cubes()
	case vlanTerm:
		if t.any {
			return []cube{cube{}.with(wordMeta, shiftVLAN, vlanPresent, vlanPresent)}
		}
		return []cube{cube{}.with(wordMeta, shiftVLAN, vlanPresent|uint64(t.id), 0x1fff)}
	case headerTerm:
		return t.cubes()
	}
	panic("unknown term")
}

// apply narrows a cube for the source, the destination, or both.
func (d direction) apply(c cube, narrow func(c cube, src bool) cube) []cube {
	switch d {
	case source:
		return []cube{narrow(c, true)}
	case destination:
		return []cube{narrow(c, false)}
	case both:
		return []cube{narrow(narrow(c, true), false)}
	}
	return []cube{narrow(c, true), narrow(c, false)}
}

func (t networkTerm) cubes() (all []cube) {
	types := map[family][]uint16{
		familyAny:  {typeIPv4, typeARP, typeRARP},
		familyIPv4: {typeIPv4}, familyARP: {typeARP}, familyRARP: {typeRARP},
		familyIPv6: {typeIPv6},
	}[t.family]
	for _, typ := range types {
		all = append(all, t.dir.apply(cube{}.withType(typ), func(c cube, src bool) cube {
			hi, lo := wordDstHi, wordDstLo
			if src {
				hi, lo = wordSrcHi, wordSrcLo
			}
			return c.with(hi, 0, t.value.Hi, t.mask.Hi).with(lo, 0, t.value.Lo, t.mask.Lo)
		})...)
	}
	return all
}

func (t protocolTerm) cubes() (all []cube) {
	if t.v4 {
		all = append(all, cube{}.withType(typeIPv4).withProto(t.number))
	}
	if t.v6 {
		c := cube{}.withType(typeIPv6)
		if t.number == protoFragment {
			// Open vSwitch looks behind the header, but tells fragments.
			c = c.with(wordMeta, shiftFrag, fragAny, fragAny)
		} else {
			c = c.withProto(t.number)
		}
		all = append(all, c)
	}
	return all
}

func (t portTerm) cubes() (all []cube) {
	shift := shiftPortDst
	if t.dir == source {
		shift = shiftPortSrc
	}
	for _, number := range t.over.numbers() {
		for _, typ := range []uint16{typeIPv4, typeIPv6} {
			for _, port := range coverRange(int(t.low), int(t.hi)) {
				all = append(all, cube{}.withType(typ).withProto(number).
					with(wordL4, shift, port.value, port.mask))
			}
		}
	}
	return all
}

func (t headerTerm) cubes() (all []cube) {
	set := t.values()
	whole := t.octet.protocol().cubes()[0]
	for _, v := range t.flowValues(&set) {
		switch t.octet {
		case tcpFlags:
			all = append(all, whole.with(wordL4, shiftFlags, v.value, v.mask))
		case icmpType, icmp6Type:
			all = append(all, whole.with(wordL4, shiftPortSrc, v.value, 0xffff))
		default:
			all = append(all, whole.with(wordL4, shiftPortDst, v.value, 0xffff))
		}
	}
	return all
}
