package filter

import (
	"fmt"
	"slices"
	"strings"
)

// formula is an expression in negation normal form: a term, perhaps negated, or the conjunction or
// disjunction of at least two formulas of another form.
type formula struct {
	form     form
	term     term // of a literal
	negated  bool // of a literal
	at       span // of a literal, its place in the expression
	operands []*formula
}

type form uint8

const (
	formTrue form = iota
	formFalse
	formLiteral
	formAnd
	formOr
)

var (
	always = &formula{form: formTrue}
	never  = &formula{form: formFalse}
)

func literal(t term, negated bool, at span) *formula {
	return &formula{form: formLiteral, term: t, negated: negated, at: at}
}

// not returns the literal of the other sign.
func (f *formula) not() *formula { return literal(f.term, !f.negated, f.at) }

// all is the conjunction of formulas, and one of them the disjunction. Constants and terms that
// appear twice are left out, and operands of the same form are taken apart.
func all(operands ...*formula) *formula { return join(formAnd, always, never, operands) }

func one(operands ...*formula) *formula { return join(formOr, never, always, operands) }

func join(as form, neutral, absorbing *formula, operands []*formula) *formula {
	var flat []*formula
	for _, f := range operands {
		switch f.form {
		case absorbing.form:
			return absorbing
		case neutral.form:
		case as:
			flat = append(flat, f.operands...)
		default:
			flat = append(flat, f)
		}
	}

	type sign struct {
		term    term
		negated bool
	}
	seen := make(map[sign]bool, len(flat))
	flat = slices.DeleteFunc(flat, func(f *formula) bool {
		if f.form != formLiteral {
			return false
		}
		again := seen[sign{f.term, f.negated}]
		seen[sign{f.term, f.negated}] = true
		return again
	})

	switch len(flat) {
	case 0:
		return neutral
	case 1:
		return flat[0]
	}
	return &formula{form: as, operands: flat}
}

// key is equal for equal formulas.
func (f *formula) key() string {
	switch f.form {
	case formTrue:
		return "true"
	case formFalse:
		return "false"
	case formLiteral:
		if f.negated {
			return "not " + f.term.String()
		}
		return f.term.String()
	}

	parts := make([]string, len(f.operands))
	for i, operand := range f.operands {
		parts[i] = operand.key()
	}
	return fmt.Sprintf("%d(%s)", f.form, strings.Join(parts, ", "))
}

// normalize brings an expression into negation normal form.
func normalize(n node, negated bool) *formula {
	switch n := n.(type) {
	case *leaf:
		return literal(n.term, negated, n.at)
	case *negation:
		return normalize(n.operand, !negated)
	}

	// A chain of one operator leans to the left, and is taken apart without recursion.
	c := n.(*combination)
	var operands []*formula
	and := c.and
	for {
		operands = append(operands, normalize(c.right, negated))
		left, ok := c.left.(*combination)
		if !ok || left.and != and {
			operands = append(operands, normalize(c.left, negated))
			break
		}
		c = left
	}

	slices.Reverse(operands)
	if and != negated {
		return all(operands...)
	}
	return one(operands...)
}

// neutral is the form of the constant that changes nothing among the operands of a formula.
func (f *formula) neutral() form {
	if f.form == formOr {
		return formFalse
	}
	return formTrue
}

// split divides the operands into those that ask for nothing that later fragments lack, and the
// rest.
func (f *formula) split() (known, rest *formula) {
	var parts [2][]*formula
	for _, operand := range f.operands {
		v4, v6 := operand.lacks()
		i := 0
		if v4 || v6 {
			i = 1
		}
		parts[i] = append(parts[i], operand)
	}
	if f.form == formAnd {
		return all(parts[0]...), all(parts[1]...)
	}
	return one(parts[0]...), one(parts[1]...)
}

// literals calls a function for each literal.
func (f *formula) literals(visit func(*formula)) {
	if f.form == formLiteral {
		visit(f)
	}
	for _, operand := range f.operands {
		operand.literals(visit)
	}
}

// rewrite replaces each literal.
func (f *formula) rewrite(replace func(*formula) *formula) *formula {
	switch f.form {
	case formLiteral:
		return replace(f)
	case formTrue, formFalse:
		return f
	}

	operands := make([]*formula, len(f.operands))
	for i, operand := range f.operands {
		operands[i] = operand.rewrite(replace)
	}
	if f.form == formAnd {
		return all(operands...)
	}
	return one(operands...)
}

// vlanTwice returns a literal that asks for a tag where another one that must hold as well has
// asked already. In tcpdump it would mean an inner tag.
func (f *formula) vlanTwice() *formula {
	for _, operand := range f.operands {
		if found := operand.vlanTwice(); found != nil {
			return found
		}
	}
	if f.form != formAnd {
		return nil
	}

	asked := false
	for _, operand := range f.operands {
		if literal := operand.asksVLAN(); literal != nil {
			if asked {
				return literal
			}
			asked = true
		}
	}
	return nil
}

// asksVLAN returns a literal if only frames with a tag can fulfil the formula.
func (f *formula) asksVLAN() *formula {
	switch f.form {
	case formLiteral:
		if _, ok := f.term.(vlanTerm); ok && !f.negated {
			return f
		}
	case formAnd:
		for _, operand := range f.operands {
			if found := operand.asksVLAN(); found != nil {
				return found
			}
		}
	case formOr:
		for _, operand := range f.operands {
			if operand.asksVLAN() == nil {
				return nil
			}
		}
		return f.operands[0].asksVLAN()
	}
	return nil
}
