package filter

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/tapline-sdn/tapline/openflow/wire"
)

// tokenKind is what a token is, by its form alone.
type tokenKind uint8

const (
	tokenEnd     tokenKind = iota
	tokenNumber            // 80, 0x50, 0120
	tokenDotted            // 10.1, 10.0.0.1
	tokenIPv6              // 2001:db8::1
	tokenMAC               // 52:54:00:00:00:01, 52-54-00-00-00-01, 5254.0000.0001
	tokenWord              // keywords and names
	tokenEscaped           // \tcp: a name, though it is a keyword
	tokenSymbol            // operators and brackets
)

// span is a part of the expression, in octets.
type span struct{ offset, length int }

// to is the span from the start of s to the end of t.
func (s span) to(t span) span { return span{s.offset, t.offset + t.length - s.offset} }

// fail is an error about the span.
func (s span) fail(problem, hint string) *Error {
	return &Error{Offset: s.offset, Length: s.length, Problem: problem, Hint: hint}
}

// token is a word of the expression.
type token struct {
	kind tokenKind
	text string // as written; of an escaped name without the backslash; && || ! as words
	at   span

	number uint64     // of tokenNumber, at most 32 bits
	addr   netip.Addr // of tokenIPv6
	mac    uint64     // of tokenMAC
	octets []byte     // of tokenDotted, 2 to 4
}

// is reports whether the token is a keyword or a symbol.
func (t token) is(texts ...string) bool {
	if t.kind != tokenWord && t.kind != tokenSymbol {
		return false
	}
	for _, text := range texts {
		if t.text == text {
			return true
		}
	}
	return false
}

// symbols are the operators and brackets, longest first, and how they are spelled in tokens.
var symbols = []struct{ text, means string }{
	{"&&", "and"}, {"||", "or"}, {"!=", "!="}, {"<=", "<="}, {">=", ">="}, {"==", "="},
	{"<<", "<<"}, {">>", ">>"}, {"!", "not"}, {"=", "="}, {"<", "<"}, {">", ">"}, {"(", "("},
	{")", ")"}, {"[", "["}, {"]", "]"}, {":", ":"}, {"&", "&"}, {"|", "|"}, {"^", "^"},
	{"+", "+"}, {"-", "-"}, {"*", "*"}, {"/", "/"}, {"%", "%"},
}

// scan splits an expression into tokens. The last one is of kind tokenEnd.
func scan(expr string) ([]token, *Error) {
	var tokens []token
	for at := 0; ; {
		for at < len(expr) && strings.IndexByte(" \t\r\n", expr[at]) >= 0 {
			at++
		}
		if at == len(expr) {
			return append(tokens, token{kind: tokenEnd, at: span{at, 0}}), nil
		}

		t, err := scanOne(expr[at:], at)
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, t)
		at += t.at.length
	}
}

// scanOne reads the token at the start of rest, which is not empty.
func scanOne(rest string, at int) (token, *Error) {
	if address := leading(rest, isAddressByte); strings.Count(address, ":") >= 2 {
		return scanColons(address, span{at, len(address)})
	}

	if rest[0] == '\\' {
		name := leading(rest[1:], func(c byte) bool {
			return strings.IndexByte(" !()\n\t", c) < 0
		})
		if name == "" {
			return token{}, span{at, 1}.fail(`\ is not followed by a name`, "")
		}
		return token{kind: tokenEscaped, text: name, at: span{at, 1 + len(name)}}, nil
	}

	if isAlphanumeric(rest[0]) {
		word := leading(rest, isWordByte)
		word = strings.TrimRight(word, "-_")
		return scanWord(word, span{at, len(word)})
	}

	for _, s := range symbols {
		if strings.HasPrefix(rest, s.text) {
			t := token{kind: tokenSymbol, text: s.means, at: span{at, len(s.text)}}
			if s.means == "and" || s.means == "or" || s.means == "not" {
				t.kind = tokenWord
			}
			return t, nil
		}
	}

	size := 1 // one character, of several octets where it is not ASCII
	for size < len(rest) && rest[size]&0xc0 == 0x80 {
		size++
	}
	return token{}, span{at, size}.fail("unexpected character "+strconv.Quote(rest[:size]), "")
}

// scanColons reads an IPv6 or Ethernet address.
func scanColons(text string, at span) (token, *Error) {
	if mac, ok := parseMAC(text, ":"); ok {
		return token{kind: tokenMAC, text: text, at: at, mac: mac}, nil
	}

	addr, err := netip.ParseAddr(text)
	if err != nil {
		return token{}, at.fail(strconv.Quote(text)+
			" is neither an IPv6 nor an Ethernet address", "")
	}
	return token{kind: tokenIPv6, text: text, at: at, addr: addr}, nil
}

// scanWord reads what starts with a letter or digit: a number, an address, or a name.
func scanWord(text string, at span) (token, *Error) {
	t := token{kind: tokenWord, text: text, at: at}
	for _, separator := range []string{"-", "."} {
		if mac, ok := parseMAC(text, separator); ok {
			t.kind, t.mac = tokenMAC, mac
			return t, nil
		}
	}

	switch {
	case isNumber(text):
		n, err := strconv.ParseUint(text, 0, 32)
		if err != nil {
			return t, at.fail(text+" is not a number of 32 bits", "octal numbers begin with 0")
		}
		t.kind, t.number = tokenNumber, n
	case strings.Trim(text, "0123456789.") == "":
		octets, ok := parseDotted(text)
		if !ok {
			return t, at.fail(text+" is not an IPv4 address", "")
		}
		t.kind, t.octets = tokenDotted, octets
	}

	return t, nil
}

// parseDotted reads 2 to 4 decimal octets, such as 10.1. Leading zeros do not make them octal.
func parseDotted(text string) ([]byte, bool) {
	var octets []byte
	for part := range strings.SplitSeq(text, ".") {
		n, err := strconv.ParseUint(part, 10, 8)
		if err != nil {
			return nil, false
		}
		octets = append(octets, byte(n))
	}
	return octets, len(octets) >= 2 && len(octets) <= 4
}

// parseMAC reads six octets of one or two digits each, or with dots three groups of four digits.
func parseMAC(text, separator string) (uint64, bool) {
	parts, digits := strings.Split(text, separator), 2
	switch {
	case separator == "." && len(parts) == 3 && len(text) == len("5254.0000.0001"):
		digits = 4
	case separator != "." && len(parts) == 6:
	default:
		return 0, false
	}

	var mac uint64
	for _, part := range parts {
		if len(part) > digits {
			return 0, false
		}
		n, err := strconv.ParseUint(part, 16, 4*digits)
		if err != nil {
			return 0, false
		}
		mac = mac<<(4*digits) | n
	}
	return mac, true
}

// isNumber reports whether a word is a number as libpcap reads it: decimal, octal with a leading 0,
// or hexadecimal with 0x.
func isNumber(text string) bool {
	if hex, ok := strings.CutPrefix(strings.ToLower(text), "0x"); ok {
		return hex != "" && strings.Trim(hex, "0123456789abcdef") == ""
	}
	return strings.Trim(text, "0123456789") == ""
}

// leading returns the octets at the start of text that satisfy a condition.
func leading(text string, ok func(byte) bool) string {
	for i := range len(text) {
		if !ok(text[i]) {
			return text[:i]
		}
	}
	return text
}

func isAlphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func isWordByte(c byte) bool { return isAlphanumeric(c) || strings.IndexByte("-_.", c) >= 0 }

func isAddressByte(c byte) bool { return strings.IndexByte("0123456789abcdefABCDEF:.", c) >= 0 }

// macText writes an Ethernet address.
func macText(mac uint64) string { return wire.MACOf(mac).String() }
