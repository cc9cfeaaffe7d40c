package openflow

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Errors that a [*ParseError] wraps.
var (
	// ErrTruncated says that a structure ends before its last field.
	ErrTruncated = errors.New("truncated")
	// ErrLength says that a length field contradicts the bytes around it.
	ErrLength = errors.New("bad length")
	// ErrValue says that a field holds a value that the protocol forbids.
	ErrValue = errors.New("bad value")
	// ErrVersion says that the message is not of OpenFlow 1.3.
	ErrVersion = errors.New("unsupported version")
)

// A ParseError says why and where a message is malformed. It concerns one
// message; framing is intact, so the connection need not end.
type ParseError struct {
	Message string // Name of the message, such as "FLOW_MOD".
	Offset  int    // Bytes from the start of the message.
	Field   string // Field of the specification, such as "match.length".
	Err     error  // One of the Err* variables, wrapped with details.
}

// Error implements error.
func (e *ParseError) Error() string {
	return fmt.Sprintf("openflow: %s: offset %d: %s: %v", e.Message, e.Offset, e.Field, e.Err)
}

// Unwrap returns the cause.
func (e *ParseError) Unwrap() error { return e.Err }

// cursor reads big-endian fields from a window of a message. The first failed
// read is kept, and from then on every read of this cursor and of all cursors
// over the same message yields zero and len is 0, so that decoders need no
// check per field and their loops end.
type cursor struct {
	msg      []byte // the whole message
	pos, end int    // the window that is still to be read
	sticky   *ParseError
	failed   *bool
}

func newCursor(msg []byte, name string) cursor {
	st := &struct {
		err    ParseError
		failed bool
	}{err: ParseError{Message: name}}
	return cursor{msg: msg, pos: 0, end: len(msg), sticky: &st.err, failed: &st.failed}
}

// fail records the first error, at the offset given.
func (c *cursor) fail(offset int, field string, err error) {
	if *c.failed {
		return
	}
	*c.failed = true
	c.sticky.Offset, c.sticky.Field, c.sticky.Err = offset, field, err
}

// err returns the first error of this message, or nil.
func (c *cursor) err() error {
	if *c.failed {
		return c.sticky
	}
	return nil
}

// len is the number of unread bytes, and 0 after a failure.
func (c *cursor) len() int {
	if *c.failed {
		return 0
	}
	return c.end - c.pos
}

// take returns the next n bytes, aliasing the message, or nil.
func (c *cursor) take(n int, field string) []byte {
	if *c.failed {
		return nil
	}
	if n < 0 || c.end-c.pos < n {
		c.fail(c.pos, field, fmt.Errorf("%w: %d bytes needed, %d left", ErrTruncated, n, c.end-c.pos))
		return nil
	}
	b := c.msg[c.pos : c.pos+n : c.pos+n]
	c.pos += n
	return b
}

func (c *cursor) u8(field string) uint8 {
	if b := c.take(1, field); b != nil {
		return b[0]
	}
	return 0
}

func (c *cursor) u16(field string) uint16 {
	if b := c.take(2, field); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (c *cursor) u32(field string) uint32 {
	if b := c.take(4, field); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (c *cursor) u64(field string) uint64 {
	if b := c.take(8, field); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// skip ignores n bytes of padding.
func (c *cursor) skip(n int) { c.take(n, "pad") }

// align skips the padding that brings the distance from start to a multiple
// of 8.
func (c *cursor) align(start int) { c.skip(padding(c.pos - start)) }

// rest returns a copy of all unread bytes; nil if there are none.
func (c *cursor) rest() []byte {
	b := c.take(c.len(), "data")
	if len(b) == 0 {
		return nil
	}
	return append([]byte(nil), b...)
}

// str reads a fixed field of n bytes that holds a string padded with zeros.
func (c *cursor) str(n int, field string) string {
	b := c.take(n, field)
	for i, x := range b {
		if x == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}

// sub returns a cursor over the next n bytes and moves past them.
func (c *cursor) sub(n int, field string) cursor {
	s := *c
	s.end = s.pos
	if c.take(n, field) != nil {
		s.end = s.pos + n
	}
	return s
}

// tlv opens the structure that starts at the current position, whose length
// (read as uint16 at byte offset lenAt) counts itself from its first byte and
// must be at least min and a multiple of align.
func (c *cursor) tlv(lenAt, min, align int, field string) cursor {
	if *c.failed {
		return *c
	}
	if c.end-c.pos < lenAt+2 {
		c.fail(c.pos, field, fmt.Errorf("%w: %d bytes needed, %d left", ErrTruncated, lenAt+2, c.end-c.pos))
		return *c
	}
	n := int(binary.BigEndian.Uint16(c.msg[c.pos+lenAt:]))
	if n < min || n > c.end-c.pos || n%align != 0 {
		c.fail(c.pos+lenAt, field+".length",
			fmt.Errorf("%w: %d, want a multiple of %d from %d to %d", ErrLength, n, align, min, c.end-c.pos))
		return *c
	}
	return c.sub(n, field)
}

// done fails if bytes are left over.
func (c *cursor) done(field string) {
	if n := c.len(); n > 0 {
		c.fail(c.pos, field, fmt.Errorf("%w: %d bytes left over", ErrLength, n))
	}
}

// padding is the number of bytes from n to the next multiple of 8.
func padding(n int) int { return -n & 7 }

// appendPad appends zeros until the bytes from start on are a multiple of 8.
func appendPad(b []byte, start int) []byte {
	return appendZeros(b, padding(len(b)-start))
}

func appendZeros(b []byte, n int) []byte {
	for range n {
		b = append(b, 0)
	}
	return b
}

// appendString appends s in a field of n bytes, padded with zeros. A string
// that fills its field has no terminator; str reads it the same way.
func appendString(b []byte, s string, n int, field string) ([]byte, error) {
	if len(s) > n {
		return b, fmt.Errorf("%s: %w: %d bytes, want at most %d", field, ErrLength, len(s), n)
	}
	return appendZeros(append(b, s...), n-len(s)), nil
}

// putLength writes the number of bytes from start on as uint16 at byte at.
func putLength(b []byte, start, at int, field string) error {
	n := len(b) - start
	if n > maxMessage {
		return fmt.Errorf("%s: %w: %d bytes, want at most %d", field, ErrLength, n, maxMessage)
	}
	binary.BigEndian.PutUint16(b[at:], uint16(n))
	return nil
}
