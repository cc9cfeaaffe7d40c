package filter

// Later fragments lack the header of the transport protocol, and in IPv6 Open vSwitch does not show
// the protocol either. They are accepted if some value of what they lack would make the expression
// true. So a list has up to three parts: for later fragments of IPv4, for those of IPv6, and for
// everything else, of which the first two are left out where they would decide like the third.

// laterFragments returns the blocks that decide about later fragments, if these need blocks of
// their own.
func (a *algebra) laterFragments(f *formula) list {
	lacksV4, lacksV6 := f.lacks()

	// Ports and flags of later fragments are zero to flows.
	later := cube{}.with(wordMeta, shiftFrag, fragLater, fragLater).with(wordL4, 0, 0, ^uint64(0))
	var blocks list
	if lacksV4 {
		blocks = append(blocks, a.within(a.evaluate(a.may(f, false).lower()),
			later.withType(typeIPv4))...)
	}
	if lacksV6 {
		blocks = append(blocks, a.within(a.evaluate(a.may(f, true).lower()),
			later.withType(typeIPv6).withProto(protoFragment))...)
	}
	return blocks
}

// lacks reports whether a formula asks for what later fragments of IPv4 lack, and of IPv6.
func (f *formula) lacks() (v4, v6 bool) {
	f.literals(func(l *formula) {
		v4 = v4 || lacking(l.term, false) != 0
		v6 = v6 || lacking(l.term, true) != 0
	})
	return v4, v6
}

// lack is a set of fields that a later fragment lacks.
type lack uint8

const (
	lacksProto lack = 1 << iota
	lacksSrc
	lacksDst
	lacksFlags
	lacksType
	lacksCode
)

// lacking returns what a term asks for and a later fragment lacks.
func lacking(t term, v6 bool) lack {
	switch t := t.(type) {
	case protocolTerm:
		if v6 && t.v6 && t.number != protoFragment {
			return lacksProto
		}
	case portTerm:
		ports := [...]lack{lacksSrc | lacksDst, lacksSrc, lacksDst, lacksSrc | lacksDst}[t.dir]
		if v6 {
			return ports | lacksProto
		}
		return ports
	case headerTerm:
		fields := [...]lack{lacksFlags, lacksType, lacksCode, lacksType, lacksCode}[t.octet]
		switch {
		case v6 && t.octet.protocol().v6:
			return fields | lacksProto
		case !v6 && t.octet.protocol().v4:
			return fields
		}
	}
	return 0
}

// lacking is the union of what the literals of a formula lack.
func (f *formula) lacking(v6 bool) (fields lack) {
	f.literals(func(l *formula) { fields |= lacking(l.term, v6) })
	return fields
}

// may returns a formula that asks for nothing that later fragments lack, and is true for one if the
// formula is true for some value of what it lacks.
func (a *algebra) may(f *formula, v6 bool) *formula {
	switch f.form {
	case formTrue, formFalse:
		return f
	case formLiteral:
		if lacking(f.term, v6) == 0 {
			return f
		}
		return mayLiteral(f, v6)
	case formOr:
		operands := make([]*formula, len(f.operands))
		for i, operand := range f.operands {
			operands[i] = a.may(operand, v6)
		}
		return one(operands...)
	}

	// Operands that lack different fields are independent of each other.
	var operands []*formula
	for _, group := range independent(f.operands, v6) {
		if len(group) == 1 {
			operands = append(operands, a.may(group[0], v6))
		} else {
			operands = append(operands, a.mayAll(group, v6))
		}
	}
	return all(operands...)
}

// independent groups formulas so that no two groups lack the same field.
func independent(operands []*formula, v6 bool) [][]*formula {
	type group struct {
		fields  lack
		members []*formula
	}
	var groups []group
	for _, f := range operands {
		joined := group{f.lacking(v6), []*formula{f}}
		kept := groups[:0:0]
		for _, g := range groups {
			if g.fields&joined.fields != 0 {
				joined.fields |= g.fields
				joined.members = append(g.members, joined.members...)
			} else {
				kept = append(kept, g)
			}
		}
		groups = append(kept, joined)
	}

	result := make([][]*formula, len(groups))
	for i, g := range groups {
		result[i] = g.members
	}
	return result
}

// mayLiteral is may of a literal whose term asks for what is lacking.
func mayLiteral(f *formula, v6 bool) *formula {
	protocol, some, every := always, true, false
	switch t := f.term.(type) {
	case portTerm:
		every = t.low == 0 && t.hi == 65535
		if !v6 {
			protocol = t.over.formula(true, false, f.at)
		}
	case headerTerm:
		values := t.values()
		some, every = values.len() > 0, values.len() == 256
		if !v6 {
			protocol = literal(t.octet.protocol(), false, f.at)
		}
	}

	switch {
	case !f.negated && !some:
		return never
	case !f.negated:
		return protocol
	case every && !v6:
		return protocol.negate()
	}
	return always
}
