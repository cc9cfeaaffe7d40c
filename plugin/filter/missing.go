package filter

import "slices"

// missing is one choice of what a later fragment lacks.
type missing struct {
	proto            uint8 // of IPv6
	src, dst         uint16
	flags, typ, code uint8
}

// choices are values of each field that between them tell apart whatever some literals can.
type choices struct {
	protos, flags, types, codes []uint8
	src, dst                    []uint16
}

// maxChoices bounds the combinations that are tried. Where there are more, or where the expression
// is so large that they would take too long, each operand is asked by itself: so fragments may pass
// that no value would make pass, but none are lost.
const maxChoices = 4096

// mayAll is may of a conjunction whose operands lack the same fields: it tries the values.
func (a *algebra) mayAll(operands []*formula, v6 bool) *formula {
	f := all(operands...)
	c := choicesOf(f, v6)
	size := 0
	f.literals(func(*formula) { size++ })

	if n := c.count(); n > maxChoices || !a.affords(20*n*size) {
		asked := make([]*formula, len(operands))
		for i, operand := range operands {
			asked[i] = a.may(operand, v6)
		}
		return all(asked...)
	}

	found := map[string]*formula{}
	var distinct []*formula
	c.each(func(m missing) bool {
		given := f.rewrite(func(l *formula) *formula { return l.given(m, v6) })
		if key := given.key(); found[key] == nil {
			found[key] = given
			distinct = append(distinct, given)
		}
		return given.form != formTrue
	})
	return one(distinct...)
}

// given is a literal once what is missing is known.
func (f *formula) given(m missing, v6 bool) *formula {
	if lacking(f.term, v6) == 0 {
		return f
	}

	var result *formula
	switch t := f.term.(type) {
	case protocolTerm:
		result = truth(t.number == m.proto)
	case portTerm:
		result = truth(t.holds(m.src, m.dst))
		switch {
		case result.form == formFalse:
		case v6:
			result = truth(slices.Contains(t.over.numbers(), m.proto))
		default:
			result = t.over.formula(true, false, f.at)
		}
	case headerTerm:
		result = truth(t.holds(m.octet(t.octet)))
		switch {
		case result.form == formFalse:
		case v6:
			result = truth(m.proto == protoICMPv6)
		default:
			result = literal(t.octet.protocol(), false, f.at)
		}
	}

	if f.negated {
		return result.negate()
	}
	return result
}

func truth(b bool) *formula {
	if b {
		return always
	}
	return never
}

// holds reports whether the ports of a packet are in the range.
func (t portTerm) holds(src, dst uint16) bool {
	fromRange := src >= t.low && src <= t.hi
	toRange := dst >= t.low && dst <= t.hi
	return [...]bool{fromRange || toRange, fromRange, toRange, fromRange && toRange}[t.dir]
}

func (m missing) octet(b headerByte) uint8 {
	switch b {
	case tcpFlags:
		return m.flags
	case icmpType, icmp6Type:
		return m.typ
	}
	return m.code
}

// choicesOf collects the values where the literals of a formula change their mind.
func choicesOf(f *formula, v6 bool) choices {
	c := choices{src: []uint16{0}, dst: []uint16{0}}
	sets := map[headerByte][]octetSet{}
	f.literals(func(l *formula) {
		if lacking(l.term, v6) == 0 {
			return
		}
		switch t := l.term.(type) {
		case protocolTerm:
			c.protos = append(c.protos, t.number)
		case portTerm:
			c.protos = append(c.protos, t.over.numbers()...)
			c.src, c.dst = append(c.src, t.low), append(c.dst, t.low)
			if t.hi < 65535 {
				c.src, c.dst = append(c.src, t.hi+1), append(c.dst, t.hi+1)
			}
		case headerTerm:
			c.protos = append(c.protos, t.octet.protocol().number)
			octet := t.octet
			if octet != tcpFlags {
				octet = icmpType + (octet-icmpType)%2
			}
			sets[octet] = append(sets[octet], t.values())
		}
	})

	c.flags, c.types, c.codes = distinct(sets[tcpFlags]), distinct(sets[icmpType]),
		distinct(sets[icmpCode])
	c.protos = distinctProtocols(c.protos, v6)
	slices.Sort(c.src)
	slices.Sort(c.dst)
	c.src, c.dst = slices.Compact(c.src), slices.Compact(c.dst)
	return c
}

// distinctProtocols returns protocols once each, and one that is not among them. Of IPv4 the
// protocol is not missing.
func distinctProtocols(protocols []uint8, v6 bool) []uint8 {
	if !v6 {
		return []uint8{0}
	}

	slices.Sort(protocols)
	protocols = slices.Compact(protocols)
	other := uint8(255)
	for slices.Contains(protocols, other) {
		other--
	}
	return append(protocols, other)
}

// distinct returns one value of each class of octets that are in the same sets.
func distinct(sets []octetSet) (values []uint8) {
	seen := map[string]bool{}
	for v := range 256 {
		class := make([]byte, len(sets))
		for i := range sets {
			if sets[i].has(uint8(v)) {
				class[i] = 1
			}
		}
		if !seen[string(class)] {
			seen[string(class)] = true
			values = append(values, uint8(v))
		}
	}
	return values
}

func (c *choices) count() int {
	n := 1
	for _, options := range []int{len(c.protos), len(c.src), len(c.dst), len(c.flags),
		len(c.types), len(c.codes)} {
		n = min(n*options, maxChoices+1)
	}
	return n
}

// each calls next with every combination, until it returns false.
func (c *choices) each(next func(missing) bool) {
	for i := range c.count() {
		m := missing{
			proto: digit(&i, c.protos), src: digit(&i, c.src), dst: digit(&i, c.dst),
			flags: digit(&i, c.flags), typ: digit(&i, c.types), code: digit(&i, c.codes),
		}
		if !next(m) {
			return
		}
	}
}

// digit takes the last digit off a number, to the base of the number of options.
func digit[T any](number *int, options []T) T {
	option := options[*number%len(options)]
	*number /= len(options)
	return option
}
