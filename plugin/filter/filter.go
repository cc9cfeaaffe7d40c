package filter

// Expr is a parsed expression.
type Expr struct {
	root node // nil selects every frame
}

// Parse parses an expression of pcap-filter(7). The empty expression selects every frame. Every
// error is an [*Error].
func Parse(expr string) (*Expr, error) {
	root, err := parse(expr)
	if err != nil {
		return nil, err
	}
	return &Expr{root}, nil
}

// String returns an expression that [Parse] turns into an equal Expr. It spells out what the
// original may have left to the reader, such as qualifiers and parentheses.
func (e *Expr) String() string {
	if e.root == nil {
		return ""
	}
	return text(e.root)
}

func text(n node) string {
	switch n := n.(type) {
	case *leaf:
		return n.term.String()
	case *negation:
		return "not " + operandText(n.operand)
	}

	c := n.(*combination)
	operator := " or "
	if c.and {
		operator = " and "
	}
	left := text(c.left)
	if inner, ok := c.left.(*combination); ok && inner.and != c.and {
		left = "(" + left + ")"
	}
	return left + operator + operandText(c.right)
}

// operandText puts parentheses around combinations.
func operandText(n node) string {
	if _, ok := n.(*combination); ok {
		return "(" + text(n) + ")"
	}
	return text(n)
}

// Compile parses an expression and compiles it. Every error is an [*Error].
func Compile(expr string) (*Program, error) {
	e, err := Parse(expr)
	if err != nil {
		return nil, err
	}
	return e.Compile()
}

// Compile compiles the expression. Every error is an [*Error].
func (e *Expr) Compile() (*Program, error) {
	program, err := compile(e.root)
	if err != nil {
		return nil, err
	}
	return program, nil
}

// Equal reports whether two expressions are the same once written in full. Their places in the
// texts do not count.
func (e *Expr) Equal(o *Expr) bool { return equal(e.root, o.root) }

func equal(a, b node) bool {
	switch a := a.(type) {
	case nil:
		return b == nil
	case *leaf:
		b, ok := b.(*leaf)
		return ok && a.term == b.term
	case *negation:
		b, ok := b.(*negation)
		return ok && equal(a.operand, b.operand)
	}

	x := a.(*combination)
	y, ok := b.(*combination)
	return ok && x.and == y.and && equal(x.left, y.left) && equal(x.right, y.right)
}
