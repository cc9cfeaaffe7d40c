package filter

import (
	"strconv"
)

// node is an expression: a *leaf, *negation or *combination.
type node interface{ span() span }

// leaf is a term where it stands.
type leaf struct {
	term term
	at   span
}

// negation is true where its operand is false.
type negation struct {
	operand node
	at      span
}

// combination is two operands joined by and, or by or.
type combination struct {
	and         bool
	left, right node
}

func (l *leaf) span() span        { return l.at }
func (n *negation) span() span    { return n.at }
func (c *combination) span() span { return c.left.span().to(c.right.span()) }

// Bounds on expressions, so that no text costs more than a moment.
const (
	maxLength = 16384 // octets
	maxDepth  = 200   // parentheses and negations around a term
)

// kind is the type of what an id stands for: what host, net, port and so on say.
type kind uint8

const (
	kindNone kind = iota // no qualifiers: an id means nothing
	kindDefault
	kindHost
	kindNet
	kindPort
	kindPortRange
	kindProto
)

// qualifiers say what an id means, such as "tcp dst port".
type qualifiers struct {
	protocol string // keyword, "" if there is none
	dir      direction
	kind     kind
	at       span
}

// parser is a recursive-descent parser of the grammar in pcap-filter(7).
type parser struct {
	tokens []token
	next   int
	depth  int

	// last are the qualifiers of the last term: "port 80 or 443" means "port 80 or port 443".
	last qualifiers
}

// parse parses an expression; nil stands for the empty one.
func parse(expr string) (node, *Error) {
	if len(expr) > maxLength {
		return nil, span{0, len(expr)}.fail("the expression is longer than "+
			strconv.Itoa(maxLength)+" octets", "")
	}

	tokens, err := scan(expr)
	if err != nil {
		return nil, err
	}

	p := &parser{tokens: tokens}
	if p.peek().kind == tokenEnd {
		return nil, nil
	}

	n, err := p.expression()
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != tokenEnd {
		return nil, p.unexpected(t, "and, or, or the end")
	}
	return n, nil
}

func (p *parser) peek() token { return p.tokens[p.next] }

// peekAt returns the token after n others, or the end.
func (p *parser) peekAt(n int) token {
	return p.tokens[min(p.next+n, len(p.tokens)-1)]
}

func (p *parser) take() token {
	t := p.peek()
	if t.kind != tokenEnd {
		p.next++
	}
	return t
}

// accept takes the next token if it is one of these keywords or symbols.
func (p *parser) accept(texts ...string) bool {
	if p.peek().is(texts...) {
		p.next++
		return true
	}
	return false
}

// expect takes a token that must be there.
func (p *parser) expect(text string) (token, *Error) {
	t := p.peek()
	if !t.is(text) {
		return t, p.unexpected(t, text)
	}
	return p.take(), nil
}

func (p *parser) unexpected(t token, want string) *Error {
	if t.kind == tokenEnd {
		return t.at.fail("the expression ends where "+want+" is expected", "")
	}
	return t.at.fail("unexpected "+strconv.Quote(t.text)+": want "+want, "")
}

// enter counts nesting, and refuses too much of it.
func (p *parser) enter(t token) *Error {
	if p.depth++; p.depth > maxDepth {
		return t.at.fail("the expression is nested more than "+strconv.Itoa(maxDepth)+" deep", "")
	}
	return nil
}

func (p *parser) leave() { p.depth-- }

// expression parses terms joined by and and or, which have one precedence and group to the left.
func (p *parser) expression() (node, *Error) {
	left, err := p.term()
	for err == nil {
		and := p.peek().is("and")
		if !p.accept("and", "or") {
			return left, nil
		}

		var right node
		if p.startsID() {
			right, err = p.id(p.last)
		} else {
			right, err = p.term()
		}
		left = &combination{and: and, left: left, right: right}
	}
	return nil, err
}

// startsID reports whether an id follows, perhaps behind not and parentheses, and no complete term.
func (p *parser) startsID() bool {
	n := 0
	for p.peekAt(n).is("not", "(") {
		n++
	}

	switch t := p.peekAt(n); t.kind {
	case tokenDotted, tokenIPv6, tokenMAC, tokenEscaped:
		return true
	case tokenNumber:
		return !p.startsArithmetic(n)
	case tokenWord:
		return !isKeyword(t.text)
	}
	return false
}

// startsArithmetic reports whether the number after n tokens is part of a calculation or relation.
// A slash is not: it is that of a prefix.
func (p *parser) startsArithmetic(n int) bool {
	for n++; p.peekAt(n).is(")"); n++ {
		// The number may be in parentheses.
	}
	return p.peekAt(n).is("=", "!=", "<", ">", "<=", ">=", "+", "-", "*", "%", "&", "|", "^",
		"<<", ">>")
}

// isKeyword reports whether a word has a meaning of its own in the language.
func isKeyword(word string) bool {
	switch word {
	case "and", "or", "not", "host", "net", "port", "portrange", "proto", "src", "dst", "ether",
		"link", "ip", "ip6", "arp", "rarp", "vlan", "mask", "broadcast", "multicast",
		"moprc", "mopdl", "decnet", "lat", "sca":
		return true
	}

	_, isProtocol := protocolWords[word]
	_, isConstant := constants[word]
	_, isUnsupported := unsupported[word]
	return isProtocol || isConstant || isUnsupported
}

// term parses not, parentheses, and single terms.
func (p *parser) term() (node, *Error) {
	t := p.peek()
	if err := p.enter(t); err != nil {
		return nil, err
	}
	defer p.leave()

	switch {
	case p.accept("not"):
		operand, err := p.term()
		if err != nil {
			return nil, err
		}
		return &negation{operand: operand, at: t.at.to(operand.span())}, nil

	case p.startsRelation():
		return p.relation()

	case p.accept("("):
		before := p.last
		n, err := p.expression()
		if err != nil {
			return nil, err
		}
		if _, err := p.expect(")"); err != nil {
			return nil, err
		}
		p.last = before // as in libpcap: the qualifiers are those before the parenthesis
		return n, nil
	}

	return p.primitive()
}

// primitive parses a keyword and what belongs to it.
func (p *parser) primitive() (node, *Error) {
	t := p.peek()
	if t.kind == tokenEnd {
		return nil, p.unexpected(t, "a condition")
	}
	if t.kind != tokenWord {
		return nil, t.at.fail("unexpected "+strconv.Quote(t.text)+": want a condition",
			addressHint(t))
	}
	if hint, ok := unsupported[t.text]; ok {
		return nil, t.at.fail(strconv.Quote(t.text)+" cannot be matched by Open vSwitch", hint)
	}
	if t.text == "vlan" {
		return p.vlan()
	}

	return p.qualified()
}

// addressHint helps those who leave out host or port.
func addressHint(t token) string {
	switch t.kind {
	case tokenDotted, tokenIPv6:
		return "write host " + t.text
	case tokenNumber:
		return "write port " + t.text
	case tokenMAC:
		return "write ether host " + t.text
	}
	return ""
}

// vlan parses "vlan" and "vlan 30".
func (p *parser) vlan() (node, *Error) {
	at := p.take().at
	p.last = qualifiers{}
	if t := p.peek(); t.kind != tokenNumber && !(t.is("(") && p.peekAt(1).kind == tokenNumber) {
		return &leaf{term: vlanTerm{any: true}, at: at}, nil
	}

	closing := p.accept("(")
	t := p.take()
	if t.number > 4095 {
		return nil, t.at.fail("VLAN "+t.text+" does not exist", "VLANs are 0 to 4095")
	}
	if closing {
		if _, err := p.expect(")"); err != nil {
			return nil, err
		}
	}
	return &leaf{term: vlanTerm{id: uint16(t.number)}, at: at.to(t.at)}, nil
}
