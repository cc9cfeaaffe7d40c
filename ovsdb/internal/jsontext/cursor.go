package jsontext

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"strconv"
)

// DefaultMaxDepth bounds the nesting of arrays and objects. The deepest value
// of OVSDB, a schema inside a reply, needs 12.
const DefaultMaxDepth = 64

// Kind is the kind of a JSON value, named by the character that it starts with.
type Kind byte

// The kinds of JSON values.
const (
	Invalid Kind = 0
	Null    Kind = 'n'
	False   Kind = 'f'
	True    Kind = 't'
	Number  Kind = '0'
	String  Kind = '"'
	Object  Kind = '{'
	Array   Kind = '['
)

var kindNames = map[Kind]string{
	Invalid: "something that is not JSON", Null: "null", False: "a boolean", True: "a boolean",
	Number: "a number", String: "a string", Object: "an object", Array: "an array",
}

// String names the kind for an error message.
func (k Kind) String() string { return kindNames[k] }

// A SyntaxError says where a text stops being valid, and why.
type SyntaxError struct {
	Offset int // in bytes from the start of the text
	Err    error
}

// Error returns the offset and what is wrong there.
func (e *SyntaxError) Error() string { return fmt.Sprintf("at byte %d: %v", e.Offset, e.Err) }

// Unwrap returns what is wrong.
func (e *SyntaxError) Unwrap() error { return e.Err }

// Cursor reads one JSON value. Its methods consume what they return; after
// the first error they consume nothing and return zero values.
type Cursor struct {
	data  []byte
	pos   int
	depth int // levels that may still be opened
	err   error
}

// NewCursor reads data, at most DefaultMaxDepth levels deep.
func NewCursor(data []byte) *Cursor { return &Cursor{data: data, depth: DefaultMaxDepth} }

// Err is the first error, which is or wraps a *SyntaxError, or nil.
func (c *Cursor) Err() error { return c.err }

// Fail records an error at the present offset unless there is one already.
func (c *Cursor) Fail(err error) {
	if c.err == nil {
		c.err = &SyntaxError{Offset: c.pos, Err: err}
	}
}

// Wrap puts context in front of the first error. Call it once Err is not nil.
func (c *Cursor) Wrap(context string) { c.err = fmt.Errorf("%s: %w", context, c.err) }

func (c *Cursor) failf(format string, args ...any) { c.Fail(fmt.Errorf(format, args...)) }

// End returns the first error, or an error where text follows the value.
func (c *Cursor) End() error {
	if c.err == nil {
		if c.skipSpace(); c.pos < len(c.data) {
			c.failf("text follows the value")
		}
	}

	return c.err
}

func (c *Cursor) skipSpace() {
	for c.pos < len(c.data) {
		switch c.data[c.pos] {
		case ' ', '\t', '\n', '\r':
			c.pos++
		default:
			return
		}
	}
}

// peek is the next byte that is not space, or 0 at the end or after an error.
func (c *Cursor) peek() byte {
	if c.err != nil {
		return 0
	}

	c.skipSpace()
	if c.pos == len(c.data) {
		return 0
	}
	return c.data[c.pos]
}

// Kind returns the kind of the next value without consuming it.
func (c *Cursor) Kind() Kind {
	switch b := c.peek(); b {
	case 'n', 'f', 't', '"', '{', '[':
		return Kind(b)
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return Number
	}

	return Invalid
}

// expect fails unless the next value is of kind k.
func (c *Cursor) expect(k Kind) bool {
	if got := c.Kind(); got != k {
		if c.peek() == 0 && c.err == nil && c.pos == len(c.data) {
			c.failf("the text ends where %v should be", k)
		} else {
			c.failf("%v where %v should be", got, k)
		}

		return false
	}

	return true
}

func (c *Cursor) open(k Kind) bool {
	if !c.expect(k) {
		return false
	}
	if c.depth == 0 {
		c.failf("nested deeper than %d levels", DefaultMaxDepth)
		return false
	}

	c.depth--
	c.pos++
	return true
}

func (c *Cursor) tryClose(b byte) bool {
	if c.peek() != b {
		return false
	}

	c.pos++
	c.depth++
	return true
}

// next consumes the comma before another element (true) or the closing
// bracket (false).
func (c *Cursor) next(closing byte) bool {
	if c.peek() == ',' {
		c.pos++
		return true
	}

	if c.err == nil && !c.tryClose(closing) {
		c.failf("neither ',' nor %q after an element", closing)
	}

	return false
}

// Object yields the name of each member of the next object. The body of the loop may consume the
// member's value; if it does not, the value is skipped. Leave the loop early only after Fail.
func (c *Cursor) Object() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if !c.open(Object) || c.tryClose('}') {
			return
		}

		for {
			name := c.StringBytes()
			if c.peek() != ':' {
				c.failf("no ':' after a member's name")
				return
			}

			c.pos++
			start := c.pos
			if !yield(name) {
				return
			}

			if c.pos == start {
				c.Skip()
			}

			if c.err != nil || !c.next('}') {
				return
			}
		}
	}
}

// Array yields the index of each element of the next array, under the same rules as Object.
func (c *Cursor) Array() iter.Seq[int] {
	return func(yield func(int) bool) {
		if !c.open(Array) || c.tryClose(']') {
			return
		}

		for i := 0; ; i++ {
			start := c.pos
			if !yield(i) {
				return
			}

			if c.pos == start {
				c.Skip()
			}

			if c.err != nil || !c.next(']') {
				return
			}
		}
	}
}

// Bool consumes true or false.
func (c *Cursor) Bool() bool {
	switch c.Kind() {
	case True:
		c.literal("true")
		return c.err == nil
	case False:
		c.literal("false")
		return false
	}

	c.failf("%v where a boolean should be", c.Kind())
	return false
}

// Null consumes null.
func (c *Cursor) Null() {
	if c.expect(Null) {
		c.literal("null")
	}
}

func (c *Cursor) literal(word string) {
	if !bytes.HasPrefix(c.data[c.pos:], []byte(word)) {
		c.failf("misspelt %s", word)
		return
	}
	c.pos += len(word)
}

// NumberText consumes a number and returns its text, which is valid JSON.
func (c *Cursor) NumberText() []byte {
	if !c.expect(Number) {
		return nil
	}

	start := c.pos
	digits := func() bool {
		from := c.pos
		for c.pos < len(c.data) && '0' <= c.data[c.pos] && c.data[c.pos] <= '9' {
			c.pos++
		}
		return c.pos > from
	}

	accept := func(set string) bool {
		if c.pos < len(c.data) && bytes.IndexByte([]byte(set), c.data[c.pos]) >= 0 {
			c.pos++
			return true
		}
		return false
	}
	accept("-")
	ok := accept("0") || digits()
	if ok && accept(".") {
		ok = digits()
	}

	if ok && accept("eE") {
		accept("+-")
		ok = digits()
	}

	if !ok {
		c.failf("malformed number")
		return nil
	}

	return c.data[start:c.pos]
}

var errNotInteger = errors.New("a number that is not an integer of 64 bits")

// Int consumes an integer of 64 bits. As in Open vSwitch, 1.0 and 1e3 are
// integers.
func (c *Cursor) Int() int64 {
	text := c.NumberText()
	if c.err != nil {
		return 0
	}
	if n, err := strconv.ParseInt(string(text), 10, 64); err == nil {
		return n
	}

	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil || f != float64(int64(f)) || f >= 1<<63 || f < -1<<63 ||
		!bytes.ContainsAny(text, ".eE") {
		c.Fail(errNotInteger)
		return 0
	}

	return int64(f)
}

// Float consumes a number that fits a float64.
func (c *Cursor) Float() float64 {
	text := c.NumberText()
	if c.err != nil {
		return 0
	}

	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		c.failf("number %.40s does not fit 64 bits", text)
		return 0
	}

	return f
}

// Skip consumes and checks the next value.
func (c *Cursor) Skip() {
	switch c.Kind() {
	case Object:
		for range c.Object() {
		}
	case Array:
		for range c.Array() {
		}
	case String:
		c.StringBytes()
	case Number:
		c.NumberText()
	case True, False:
		c.Bool()
	case Null:
		c.Null()
	default:
		c.failf("%v where a value should be", Invalid)
	}
}

// Raw consumes the next value and returns its text. It only finds the end of the value: the text is
// checked when another cursor reads it.
func (c *Cursor) Raw() []byte {
	k := c.Kind()
	start := c.pos
	if k != Object && k != Array {
		if c.Skip(); c.err != nil {
			return nil
		}
		return c.data[start:c.pos]
	}

	var s scanner
	n, done := s.scan(c.data[c.pos:])
	if !done {
		c.failf("%v that does not end", k)
		return nil
	}

	c.pos += n
	return c.data[start:c.pos]
}
