package filter

import (
	"strconv"
)

// quantity is one side of a relation, or a part of it: a number, or bits of an octet of a header.
type quantity struct {
	constant bool
	number   uint32   // of a constant
	octet    accessor // otherwise
	mask     uint32   // the bits of the octet that count
	at       span
}

// accessor is "tcp[13]" as written.
type accessor struct {
	protocol string
	offset   uint64
	size     uint64
}

// relations are the operators that compare, and what they become if the sides are exchanged.
var relations = map[string]relation{"=": "=", "!=": "!=", "<": ">", ">": "<", "<=": ">=",
	">=": "<="}

// startsRelation reports whether a relation follows: a number, a constant, or a header's octet, or
// a parenthesis that is part of a calculation.
func (p *parser) startsRelation() bool {
	t := p.peek()
	if _, ok := constants[t.text]; ok && t.kind == tokenWord {
		return true
	}
	if t.kind == tokenNumber {
		return p.startsArithmetic(0)
	}
	if t.kind == tokenWord && p.peekAt(1).is("[") {
		return true
	}
	if !t.is("(") {
		return false
	}

	depth := 0
	for n := 0; ; n++ {
		switch t := p.peekAt(n); {
		case t.kind == tokenEnd:
			return false
		case t.is("("):
			depth++
		case t.is(")"):
			if depth--; depth == 0 {
				return p.startsArithmetic(n)
			}
		}
	}
}

// relation parses "tcp[13] & 2 != 0".
func (p *parser) relation() (node, *Error) {
	p.last = qualifiers{}
	left, err := p.arithmetic(0)
	if err != nil {
		return nil, err
	}

	operator := p.peek()
	mirrored, ok := relations[operator.text]
	if !ok || operator.kind != tokenSymbol {
		return nil, p.unexpected(operator, "a comparison such as = or !=")
	}
	p.take()

	right, err := p.arithmetic(0)
	if err != nil {
		return nil, err
	}

	at := left.at.to(right.at)
	op := relation(operator.text)
	if left.constant {
		left, right, op = right, left, mirrored
	}
	switch {
	case left.constant:
		return nil, at.fail("two numbers are compared",
			"compare an octet of a header, such as tcp[tcpflags]")
	case !right.constant:
		return nil, at.fail("Open vSwitch cannot compare two parts of a frame", payloadHint)
	}

	octet, err := left.header()
	if err != nil {
		return nil, err
	}
	return &leaf{at: at, term: headerTerm{octet: octet, mask: uint8(left.mask), op: op,
		value: right.number}}, nil
}

// header is the octet of a header that a quantity means, if flows can match it.
func (q quantity) header() (headerByte, *Error) {
	for octet, known := range headerBytes {
		if q.octet == (accessor{known.protocol, known.offset, 1}) {
			return headerByte(octet), nil
		}
	}
	return 0, q.at.fail("Open vSwitch cannot match these octets", "tcp[tcpflags], "+
		"icmp[icmptype], icmp[icmpcode], icmp6[icmp6type] and icmp6[icmp6code] can be matched")
}

// operators are those of calculations, by precedence from the lowest (grammar.y of libpcap).
var operators = [][]string{{"|", "^"}, {"&"}, {"<<", ">>"}, {"+", "-"}, {"*", "/", "%"}}

// arithmetic parses a calculation with operators of at least a level.
func (p *parser) arithmetic(level int) (quantity, *Error) {
	if level == len(operators) {
		return p.operand()
	}

	left, err := p.arithmetic(level + 1)
	for err == nil {
		operator := p.peek()
		if !p.accept(operators[level]...) {
			return left, nil
		}

		var right quantity
		if right, err = p.arithmetic(level + 1); err == nil {
			left, err = calculate(left, operator, right)
		}
	}
	return quantity{}, err
}

// operand parses a number, a constant, an octet, or a calculation in parentheses.
func (p *parser) operand() (quantity, *Error) {
	t := p.peek()
	if err := p.enter(t); err != nil {
		return quantity{}, err
	}
	defer p.leave()

	if value, ok := constants[t.text]; ok && t.kind == tokenWord {
		p.take()
		return quantity{constant: true, number: uint32(value), at: t.at}, nil
	}

	switch {
	case t.kind == tokenNumber:
		p.take()
		return quantity{constant: true, number: uint32(t.number), at: t.at}, nil

	case p.accept("("):
		q, err := p.arithmetic(0)
		if err != nil {
			return q, err
		}
		_, err = p.expect(")")
		return q, err

	case t.kind == tokenWord && p.peekAt(1).is("["):
		return p.accessor()
	}

	if hint, ok := unsupported[t.text]; ok && t.kind == tokenWord {
		return quantity{}, t.at.fail(strconv.Quote(t.text)+" cannot be matched by Open vSwitch",
			hint)
	}
	return quantity{}, p.unexpected(t, "a number or an octet such as tcp[tcpflags]")
}

// accessor parses "tcp[13]" and "ip[6:2]".
func (p *parser) accessor() (quantity, *Error) {
	name := p.take()
	p.take() // [
	offset, err := p.arithmetic(0)
	if err != nil {
		return offset, err
	}
	if !offset.constant {
		return offset, offset.at.fail("Open vSwitch cannot calculate offsets", payloadHint)
	}

	q := quantity{mask: 0xff, octet: accessor{name.text, uint64(offset.number), 1}}
	if p.accept(":") {
		size := p.peek()
		if size.kind != tokenNumber {
			return q, p.unexpected(size, "1, 2 or 4 octets")
		}
		p.take()
		q.octet.size, q.mask = size.number, 0xffffffff
		if size.number == 1 {
			q.mask = 0xff
		}
	}

	closing, err := p.expect("]")
	q.at = name.at.to(closing.at)
	return q, err
}

// calculate applies an operator. All that flows can do with an octet is to mask it.
func calculate(left quantity, operator token, right quantity) (quantity, *Error) {
	at := left.at.to(right.at)
	if left.constant && right.constant {
		if right.number == 0 && operator.is("/", "%") {
			return left, at.fail("division by zero", "")
		}
		left.number, left.at = constantResult(left.number, operator.text, right.number), at
		return left, nil
	}

	if left.constant {
		left, right = right, left
	}
	if !right.constant || !operator.is("&") {
		return left, at.fail("Open vSwitch cannot calculate with parts of frames",
			"an octet can be masked with & and compared with a number")
	}
	left.mask &= right.number
	left.at = at
	return left, nil
}

// constantResult calculates with 32 bits, like libpcap.
func constantResult(a uint32, operator string, b uint32) uint32 {
	switch operator {
	case "|":
		return a | b
	case "^":
		return a ^ b
	case "&":
		return a & b
	case "<<":
		return a << b
	case ">>":
		return a >> b
	case "+":
		return a + b
	case "-":
		return a - b
	case "*":
		return a * b
	case "/":
		return a / b
	}
	return a % b
}
