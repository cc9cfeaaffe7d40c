package ofconn

import (
	"fmt"
	"io"

	"github.com/tapline-sdn/tapline/openflow"
)

// framer cuts a byte stream into messages by the length in their headers. It keeps one buffer of at
// most 128 KiB. Most connections are idle most of the time: a small buffer is enough for echoes.
type framer struct {
	r          io.Reader
	buf        []byte
	start, end int // Unconsumed bytes.
}

const (
	framerBufferMin = 1 << 10
	framerBuffer    = 16 << 10
	framerBufferMax = 128 << 10
)

// next returns the next whole message. It is valid until the next call. After
// a timeout next may be called again: what has arrived is not lost.
func (f *framer) next() ([]byte, error) {
	need := openflow.HeaderLen
	for {
		have := f.end - f.start
		if have >= openflow.HeaderLen {
			need = openflow.PeekLength(f.buf[f.start:f.end])
			if need < openflow.HeaderLen {
				return nil, fmt.Errorf("%w: header claims %d bytes, want at least %d", ErrProtocol,
					need, openflow.HeaderLen)
			}
			if have >= need {
				m := f.buf[f.start : f.start+need : f.start+need]
				f.start += need
				return m, nil
			}
		}

		f.reserve(need)
		n, err := f.r.Read(f.buf[f.end:])
		f.end += n
		if err != nil && n == 0 {
			if err == io.EOF && f.end > f.start {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
}

// reserve makes room for a message of n bytes at start.
func (f *framer) reserve(n int) {
	if f.buf == nil {
		f.buf = make([]byte, framerBufferMin)
	}

	if f.start == f.end {
		f.start, f.end = 0, 0
	}

	if f.start+n <= len(f.buf) && f.end < len(f.buf) {
		return
	}

	buf := f.buf
	switch {
	case n > framerBuffer && len(buf) < framerBufferMax:
		buf = make([]byte, framerBufferMax)
	case len(buf) < framerBuffer:
		buf = make([]byte, framerBuffer)
	}

	f.end = copy(buf, f.buf[f.start:f.end])
	f.start, f.buf = 0, buf
}

// shrink gives an empty buffer back.
func (f *framer) shrink() {
	if f.start == f.end {
		f.buf, f.start, f.end = nil, 0, 0
	}
}
