package jsontext

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// ErrTooLarge says that a message exceeds the framer's limit. It ends the
// stream.
var ErrTooLarge = errors.New("JSON value larger than the limit")

// scanner finds the end of one array or object across any number of chunks.
type scanner struct {
	depth    int
	inString bool
	escaped  bool
}

// scan consumes bytes of b up to and including the end of the value. done
// reports whether it found the end; if not, all of b belongs to the value.
func (s *scanner) scan(b []byte) (n int, done bool) {
	for n < len(b) {
		if s.inString {
			n = s.scanString(b, n)
			continue
		}

		switch b[n] {
		case '"':
			s.inString = true
		case '{', '[':
			s.depth++
		case '}', ']':
			s.depth--
			if s.depth <= 0 {
				return n + 1, true
			}
		}

		n++
	}

	return n, false
}

// scanString goes on inside a string and returns where it stopped: behind the
// closing quote or at the end of b.
func (s *scanner) scanString(b []byte, n int) int {
	for n < len(b) {
		if s.escaped {
			s.escaped = false
			n++
			continue
		}

		end := bytes.IndexByte(b[n:], '"')
		if end < 0 {
			end = len(b) - n
		}

		if esc := bytes.IndexByte(b[n:n+end], '\\'); esc >= 0 {
			n += esc + 1
			s.escaped = true
			continue
		}

		if n += end; n < len(b) {
			s.inString = false
			n++
		}

		return n
	}

	return n
}

// firstRead is the size of an idle framer's buffer; keepBuffer is the largest buffer that it keeps
// after a message has been read.
const (
	firstRead  = 1 << 9
	keepBuffer = 2 << 10
)

// Framer cuts a stream into JSON objects. Memory stays within twice the
// larger of the limit and what has arrived.
type Framer struct {
	r          io.Reader
	max        int
	buf        []byte
	start, end int // of what has been read and not yet returned
	scanned    int // how far of that the scanner has come
	scan       scanner
	pending    error // from the reader, told once the buffer is used up
}

// NewFramer reads objects of at most max bytes from r.
func NewFramer(r io.Reader, max int) *Framer { return &Framer{r: r, max: max} }

// Next returns the next object, valid until the following call. It returns
// the reader's error as it is, io.ErrUnexpectedEOF where the stream ends
// inside an object, an error that wraps ErrTooLarge, or a *SyntaxError where
// something other than an object begins. After an error of the reader that is
// a timeout Next may be called again.
func (f *Framer) Next() ([]byte, error) {
	for {
		if msg, err := f.buffered(); msg != nil || err != nil {
			return msg, err
		}
		if err := f.pending; err != nil {
			f.pending = nil
			if err == io.EOF && f.start < f.end {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}

		f.makeRoom()
		n, err := f.r.Read(f.buf[f.end:])
		f.end += n
		f.pending = err
	}
}

// buffered returns the next object if all of it is in the buffer.
func (f *Framer) buffered() ([]byte, error) {
	if f.scanned == f.start { // between objects
		for f.start < f.end && bytes.IndexByte([]byte(" \t\r\n"), f.buf[f.start]) >= 0 {
			f.start++
		}

		f.scanned = f.start
		if f.start == f.end {
			return nil, nil
		}
		if b := f.buf[f.start]; b != '{' {
			return nil,
				&SyntaxError{Err: fmt.Errorf("message starts with %q; every message is an object",
					b)}
		}
	}

	n, done := f.scan.scan(f.buf[f.scanned:f.end])
	f.scanned += n
	if f.scanned-f.start > f.max || (!done && f.end-f.start >= f.max) {
		return nil, fmt.Errorf("%w of %d bytes", ErrTooLarge, f.max)
	}
	if !done {
		return nil, nil
	}

	msg := f.buf[f.start:f.scanned]
	f.start, f.scan = f.scanned, scanner{}
	return msg, nil
}

// makeRoom makes room in the buffer for the next read. It releases a large buffer as soon as
// nothing of it is in use.
func (f *Framer) makeRoom() {
	used := f.end - f.start
	to := f.buf
	switch {
	case used == 0 && (len(f.buf) == 0 || len(f.buf) > keepBuffer):
		to = make([]byte, firstRead)
	case used > 0 && f.end < len(f.buf):
		return
	case used > len(f.buf)/2:
		to = make([]byte, 2*len(f.buf))
	}

	copy(to, f.buf[f.start:f.end])
	f.buf = to
	f.scanned -= f.start
	f.start, f.end = 0, used
}
