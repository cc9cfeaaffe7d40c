package wire

import (
	"encoding/binary"
	"fmt"
)

// MaxMessage is the longest message that the 16-bit length field can express.
const MaxMessage = 1<<16 - 1

// Experimenters whose extensions Open vSwitch speaks.
const (
	ExperimenterONF    = 0x4f4e4600
	ExperimenterNicira = 0x00002320
)

// Padding is the number of bytes from n to the next multiple of 8.
func Padding(n int) int { return -n & 7 }

// AppendPad appends zeros until the bytes from start on are a multiple of 8.
func AppendPad(b []byte, start int) []byte {
	return AppendZeros(b, Padding(len(b)-start))
}

// AppendZeros appends n zeros.
func AppendZeros(b []byte, n int) []byte {
	for range n {
		b = append(b, 0)
	}
	return b
}

// AppendText appends s in a field of n bytes, padded with zeros. A string that fills its field has
// no terminator; [Cursor.Text] reads it the same way.
func AppendText(b []byte, s string, n int, field string) ([]byte, error) {
	if len(s) > n {
		return b, fmt.Errorf("%s: %w: %d bytes, want at most %d", field, ErrLength, len(s), n)
	}
	return AppendZeros(append(b, s...), n-len(s)), nil
}

// PutLength writes the number of bytes from start on as the uint16 at index at.
func PutLength(b []byte, start, at int, field string) error {
	n := len(b) - start
	if n > MaxMessage {
		return fmt.Errorf("%s: %w: %d bytes, want at most %d", field, ErrLength, n, MaxMessage)
	}

	binary.BigEndian.PutUint16(b[at:], uint16(n))
	return nil
}
