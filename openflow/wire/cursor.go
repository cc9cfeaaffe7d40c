package wire

import (
	"encoding/binary"
	"fmt"
)

// A Cursor reads big-endian fields from a window of a message.
//
// The first read that fails is kept. From then on every read of this cursor, and of all cursors
// over the same message, returns zero, and Len returns 0. So decoders check for errors once, at
// the end, and their loops terminate.
type Cursor struct {
	msg      []byte // The whole message.
	pos, end int    // The window that is not read yet.
	first    *ParseError
	failed   *bool
}

// NewCursor returns a cursor over all of msg. Errors call the message by name.
func NewCursor(msg []byte, name string) Cursor {
	state := &struct {
		first  ParseError
		failed bool
	}{first: ParseError{Message: name}}

	return Cursor{msg: msg, pos: 0, end: len(msg), first: &state.first, failed: &state.failed}
}

// SetName changes the name of the message in errors.
func (c *Cursor) SetName(name string) { c.first.Message = name }

// Message returns the whole message, which the cursor aliases.
func (c *Cursor) Message() []byte { return c.msg }

// Pos returns the offset of the next unread byte from the start of the message.
func (c *Cursor) Pos() int { return c.pos }

// Unread returns the rest of the window without reading it, aliasing the message.
func (c *Cursor) Unread() []byte { return c.msg[c.pos:c.end] }

// Fail records an error at an offset, unless there is an earlier one.
func (c *Cursor) Fail(offset int, field string, err error) {
	if *c.failed {
		return
	}

	*c.failed = true
	c.first.Offset, c.first.Field, c.first.Err = offset, field, err
}

// Err returns the first error of this message, or nil.
func (c *Cursor) Err() error {
	if *c.failed {
		return c.first
	}
	return nil
}

// Len returns the number of unread bytes, and 0 after a failure.
func (c *Cursor) Len() int {
	if *c.failed {
		return 0
	}
	return c.end - c.pos
}

// Take reads n bytes, aliasing the message. It returns nil on failure.
func (c *Cursor) Take(n int, field string) []byte {
	if *c.failed {
		return nil
	}
	if n < 0 || c.end-c.pos < n {
		c.Fail(c.pos, field,
			fmt.Errorf("%w: %d bytes needed, %d left", ErrTruncated, n, c.end-c.pos))
		return nil
	}

	b := c.msg[c.pos : c.pos+n : c.pos+n]
	c.pos += n
	return b
}

// Uint8 reads 1 byte.
func (c *Cursor) Uint8(field string) uint8 {
	if b := c.Take(1, field); b != nil {
		return b[0]
	}
	return 0
}

// Uint16 reads 2 bytes.
func (c *Cursor) Uint16(field string) uint16 {
	if b := c.Take(2, field); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

// Uint32 reads 4 bytes.
func (c *Cursor) Uint32(field string) uint32 {
	if b := c.Take(4, field); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

// Uint64 reads 8 bytes.
func (c *Cursor) Uint64(field string) uint64 {
	if b := c.Take(8, field); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// Skip ignores n bytes of padding.
func (c *Cursor) Skip(n int) { c.Take(n, "pad") }

// Align skips the padding that brings the distance from start to a multiple of 8.
func (c *Cursor) Align(start int) { c.Skip(Padding(c.pos - start)) }

// Rest reads all unread bytes and returns a copy of them, or nil if there are none.
func (c *Cursor) Rest() []byte {
	b := c.Take(c.Len(), "data")
	if len(b) == 0 {
		return nil
	}
	return append([]byte(nil), b...)
}

// Text reads a fixed field of n bytes that holds a string padded with zeros.
func (c *Cursor) Text(n int, field string) string {
	b := c.Take(n, field)
	for i, x := range b {
		if x == 0 {
			return string(b[:i])
		}
	}

	return string(b)
}

// Sub returns a cursor over the next n bytes and moves past them.
func (c *Cursor) Sub(n int, field string) Cursor {
	sub := *c
	sub.end = sub.pos
	if c.Take(n, field) != nil {
		sub.end = sub.pos + n
	}

	return sub
}

// TLV returns a cursor over the structure that starts at the current position, and moves past it.
// The structure's length is the uint16 at byte offset lenAt. It counts the whole structure, is at
// least min and a multiple of align.
func (c *Cursor) TLV(lenAt, min, align int, field string) Cursor {
	if *c.failed {
		return *c
	}

	left := c.end - c.pos
	if left < lenAt+2 {
		c.Fail(c.pos, field,
			fmt.Errorf("%w: %d bytes needed, %d left", ErrTruncated, lenAt+2, left))
		return *c
	}

	n := int(binary.BigEndian.Uint16(c.msg[c.pos+lenAt:]))
	if n < min || n > left || n%align != 0 {
		c.Fail(c.pos+lenAt, field+".length",
			fmt.Errorf("%w: %d, want a multiple of %d from %d to %d", ErrLength, n, align, min,
				left))
		return *c
	}

	return c.Sub(n, field)
}

// Done fails if bytes are left over.
func (c *Cursor) Done(field string) {
	if n := c.Len(); n > 0 {
		c.Fail(c.pos, field, fmt.Errorf("%w: %d bytes left over", ErrLength, n))
	}
}
