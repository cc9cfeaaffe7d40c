package filter

import "github.com/tapline-sdn/tapline/openflow/oxm"

// Expr is a parsed expression.
type Expr struct{ text string }

// Parse parses an expression of pcap-filter(7). The empty expression selects every frame. Every
// error is an [*Error].
func Parse(expr string) (*Expr, error) {
	if expr != "" {
		return nil, &Error{Length: len(expr), Problem: "this part of the language is not known yet"}
	}
	return &Expr{text: expr}, nil
}

// String returns an expression that [Parse] turns into an equal Expr. It spells out what the
// original may have left to the reader, such as qualifiers and parentheses.
func (e *Expr) String() string { return e.text }

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
	return &Program{Rules: []Rule{{Match: oxm.Match(nil), Accept: true}}}, nil
}
