package jsontext

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// String consumes a string.
func (c *Cursor) String() string { return string(c.StringBytes()) }

// StringBytes consumes a string. The bytes may alias the text.
func (c *Cursor) StringBytes() []byte {
	if !c.expect(String) {
		return nil
	}

	body := c.data[c.pos+1:]
	ascii := true
	for i, b := range body {
		switch {
		case b == '"':
			s := body[:i]
			if !ascii && !utf8.Valid(s) {
				c.failf("string is not UTF-8")
				return nil
			}

			c.pos += i + 2
			return s

		case b == '\\':
			return c.unescape(body, i)
		case b < ' ':
			c.failf("control character %#02x in a string; it must be escaped", b)
			return nil
		case b >= utf8.RuneSelf:
			ascii = false
		}
	}

	c.failf("string does not end")
	return nil
}

var escapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r',
	't': '\t'}

// unescape consumes a string whose first backslash is at body[i].
func (c *Cursor) unescape(body []byte, i int) []byte {
	out := append(make([]byte, 0, i+32), body[:i]...)
	for i < len(body) {
		switch b := body[i]; {
		case b == '"':
			if !utf8.Valid(out) {
				c.failf("string is not UTF-8")
				return nil
			}

			c.pos += i + 2
			return out

		case b < ' ':
			c.failf("control character %#02x in a string; it must be escaped", b)
			return nil
		case b != '\\':
			out = append(out, b)
			i++
		case i+1 < len(body) && body[i+1] == 'u':
			r, n := unicodeEscape(body[i:])
			if n == 0 {
				c.failf(`malformed \u escape in a string`)
				return nil
			}

			out = utf8.AppendRune(out, r)
			i += n

		case i+1 < len(body) && escapes[body[i+1]] != 0:
			out = append(out, escapes[body[i+1]])
			i += 2
		default:
			c.failf("unknown escape in a string")
			return nil
		}
	}

	c.failf("string does not end")
	return nil
}

// unicodeEscape decodes \uXXXX, or the two of a surrogate pair, at the start
// of b. It returns the length, or 0 where b is malformed.
func unicodeEscape(b []byte) (r rune, n int) {
	r, ok := hex4(b)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(r) {
		return r, 6
	}

	low, ok := hex4(b[6:])
	if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
		return 0, 0
	}

	return r, 12
}

func hex4(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}

	var r rune
	for _, d := range b[2:6] {
		v := bytes.IndexByte([]byte("0123456789abcdef"), d|0x20)
		if v < 0 || d < '0' {
			return 0, false
		}
		r = r<<4 | rune(v)
	}

	return r, true
}

const hexDigits = "0123456789abcdef"

// AppendString appends s as a JSON string. Bytes that are not UTF-8 become
// U+FFFD; a caller that minds checks first.
func AppendString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}

		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				b = append(b, s[start:i]...)
				b = append(b, "\uFFFD"...)
				start = i + 1
			}

			i += n
			continue
		}

		b = append(b, s[start:i]...)

		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}

		i++
		start = i
	}

	b = append(b, s[start:]...)
	return append(b, '"')
}
