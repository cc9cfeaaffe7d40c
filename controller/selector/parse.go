package selector

import (
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds of a selector.
const (
	MaxLength = 2048 // octets
	MaxTerms  = 32
	MaxValues = 64 // of all terms together
)

// Error says what is wrong with a selector, and where.
type Error struct {
	Offset, Length int // place of the fault, in octets
	At             int // the same in characters, from 1 on
	Message        string
	Hint           string // what would be possible there; may be ""
}

// Error implements error.
func (e *Error) Error() string {
	if e.Hint == "" {
		return fmt.Sprintf("at character %d: %s", e.At, e.Message)
	}
	return fmt.Sprintf("at character %d: %s: %s", e.At, e.Message, e.Hint)
}

// ofRows are the fields that rows of all lists have.
var ofRows = []Field{Name}

// ofNICs are all fields but Label.
var ofNICs = []Field{Name, Wire, Host, Net, Switch, Group}

// Parse reads a selector over guests and their NICs. Every error is an [*Error].
func Parse(text string) (Selector, error) { return parse(text, ofNICs) }

// ParseRows reads a selector over the rows of a list, which have names and labels only. Every error
// is an [*Error].
func ParseRows(text string) (Selector, error) { return parse(text, ofRows) }

// parser reads one selector.
type parser struct {
	text   string
	fields []Field
	values int // so far
}

// part is a piece of the text and its place, in octets.
type part struct {
	text string
	at   int
}

// trim leaves out blanks at both ends.
func (p part) trim() part {
	left := strings.TrimLeft(p.text, " ")
	return part{strings.TrimRight(left, " "), p.at + len(p.text) - len(left)}
}

// from is the part without its first octets.
func (p part) from(n int) part { return part{p.text[n:], p.at + n} }

// until is the first octets of the part.
func (p part) until(n int) part { return part{p.text[:n], p.at} }

func parse(text string, fields []Field) (Selector, error) {
	p := parser{text: text, fields: fields}
	if len(text) > MaxLength {
		return Selector{}, p.fail(part{text, 0}, "", "it has %d octets: at most %d are read",
			len(text), MaxLength)
	}
	if !utf8.ValidString(text) {
		return Selector{}, p.fail(part{text, 0}, "", "it is not UTF-8")
	}
	if text == "" {
		return Selector{}, nil
	}

	var out Selector
	for _, piece := range split(part{text, 0}, ',', false) {
		if len(out.terms) == MaxTerms {
			return Selector{}, p.fail(piece, "", "there are more than %d terms", MaxTerms)
		}
		term, err := p.term(piece.trim())
		if err != nil {
			return Selector{}, err
		}
		out.terms = append(out.terms, term)
	}
	return out, nil
}

// split cuts a part at a separator. With escapes, '\' before a character takes its meaning away.
func split(whole part, separator byte, escapes bool) []part {
	var out []part
	from := 0
	for i := 0; i < len(whole.text); i++ {
		switch {
		case escapes && whole.text[i] == '\\':
			i++
		case whole.text[i] == separator:
			out = append(out, whole.until(i).from(from))
			from = i + 1
		}
	}
	return append(out, whole.from(from))
}

// term reads one term.
func (p *parser) term(whole part) (Term, error) {
	if whole.text == "" {
		return Term{}, p.fail(whole, p.forms(), "a term is missing")
	}

	equals := strings.IndexByte(whole.text, '=')
	if equals < 0 {
		return p.presence(whole)
	}

	left := whole.until(equals)
	negated := strings.HasSuffix(left.text, "!")
	if negated {
		left = left.until(equals - 1)
	}
	left = left.trim()

	t, err := p.field(left, whole)
	if err != nil {
		return Term{}, err
	}
	t.Not = negated

	escapes := t.Field != Net
	for _, value := range split(whole.from(equals+1), '|', escapes) {
		if p.values++; p.values > MaxValues {
			return Term{}, p.fail(value, "", "there are more than %d values", MaxValues)
		}
		if err := p.value(&t, value.trim()); err != nil {
			return Term{}, err
		}
	}
	return t, nil
}

// presence reads "label.K" or "!label.K".
func (p *parser) presence(whole part) (Term, error) {
	key := whole
	negated := strings.HasPrefix(key.text, "!")
	if negated {
		key = key.from(1).trim()
	}

	if !strings.HasPrefix(key.text, "label.") {
		return Term{}, p.fail(whole, p.forms(), "%q is not a term", whole.text)
	}
	t, err := p.field(key, whole)
	t.Present, t.Not = true, negated
	return t, err
}

// field reads what a term compares.
func (p *parser) field(name, whole part) (Term, error) {
	if strings.HasPrefix(name.text, "label.") {
		key := name.from(len("label."))
		if !IsLabelKey(key.text) {
			return Term{}, p.fail(key, KeyWants, "%q is not the key of a label", key.text)
		}
		return Term{Field: Label, Key: key.text}, nil
	}

	if slices.Contains(p.fields, Field(name.text)) {
		return Term{Field: Field(name.text)}, nil
	}
	if slices.Contains(ofNICs, Field(name.text)) {
		return Term{}, p.fail(name, p.forms(), "%q is a field of guests' NICs alone", name.text)
	}
	return Term{}, p.fail(whole, p.forms(), "%q is not a term", whole.text)
}

// value adds a value to a term.
func (p *parser) value(t *Term, value part) error {
	switch t.Field {
	case Label:
		t.Values = append(t.Values, strings.ReplaceAll(value.text, `\|`, "|"))
		return nil
	case Net:
		network, err := p.network(value)
		t.Nets = append(t.Nets, network)
		return err
	}

	if value.text == "" {
		return p.fail(value, "want a name, or a pattern with '*' and '?'", "a value is missing")
	}
	if _, err := path.Match(value.text, ""); err != nil {
		return p.fail(value, `'[' and '\' need a partner`, "%q is not a pattern", value.text)
	}
	t.Values = append(t.Values, value.text)
	return nil
}

// network reads a network, or an address that stands for itself.
func (p *parser) network(value part) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(value.text); err == nil && addr.Zone() == "" && !addr.Is4In6() {
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}

	network, err := netip.ParsePrefix(value.text)
	if err != nil || network.Addr().Is4In6() {
		return netip.Prefix{}, p.fail(value, "want one such as 10.0.0.0/24 or 2001:db8::/32",
			"%q is not a network", value.text)
	}
	if network != network.Masked() {
		return netip.Prefix{}, p.fail(value, fmt.Sprintf("the network is %s", network.Masked()),
			"%s has bits beyond its prefix", value.text)
	}
	return network, nil
}

// forms says what terms look like.
func (p *parser) forms() string {
	names := make([]string, len(p.fields))
	for i, field := range p.fields {
		names[i] = string(field)
	}
	return "want label.KEY=VALUE, label.KEY!=VALUE, label.KEY, !label.KEY, or one of " +
		strings.Join(names, ", ") + " with =VALUE or !=VALUE; several values with '|'"
}

func (p *parser) fail(at part, hint, format string, args ...any) *Error {
	return &Error{
		Offset: at.at, Length: len(at.text), At: utf8.RuneCountInString(p.text[:at.at]) + 1,
		Message: fmt.Sprintf(format, args...), Hint: hint,
	}
}

// matches reports whether a pattern that [Parse] has accepted fits a value.
func matches(pattern, value string) bool {
	fits, _ := path.Match(pattern, value)
	return fits
}

// Literal returns the value that a pattern fits, if it fits that one alone.
func Literal(pattern string) (value string, literal bool) {
	prefix := Prefix(pattern)
	return prefix, len(prefix) == len(pattern)
}

// Prefix returns the characters with which everything begins that a pattern fits.
func Prefix(pattern string) string {
	if end := strings.IndexAny(pattern, `*?[\`); end >= 0 {
		return pattern[:end]
	}
	return pattern
}
