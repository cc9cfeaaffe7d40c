package ovsdb

import (
	"bytes"
	"encoding/hex"
	"fmt"
)

// UUID identifies a row. The zero value identifies none.
type UUID [16]byte

// ParseUUID reads the 36 characters xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx, in
// either case.
func ParseUUID(s string) (UUID, error) { return parseUUID([]byte(s)) }

// uuidGroups are the five groups of a UUID: offset in the text, offset in the UUID, digits.
var uuidGroups = [5]struct{ text, bin, digits int }{
	{0, 0, 8}, {9, 4, 4}, {14, 6, 4}, {19, 8, 4}, {24, 10, 12},
}

func parseUUID(s []byte) (UUID, error) {
	var u UUID
	ok := len(s) == 36 && s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-'
	for _, g := range uuidGroups {
		if !ok {
			return UUID{}, fmt.Errorf("%.40q is not a UUID (xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx)",
				s)
		}
		_, err := hex.Decode(u[g.bin:], s[g.text:g.text+g.digits])
		ok = err == nil
	}

	if !ok {
		return UUID{}, fmt.Errorf("%.40q is not a UUID (xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx)", s)
	}

	return u, nil
}

// String returns the 36 characters in lower case.
func (u UUID) String() string { return string(u.appendText(make([]byte, 0, 36))) }

func (u UUID) appendText(b []byte) []byte {
	for i, g := range uuidGroups {
		if i > 0 {
			b = append(b, '-')
		}
		b = hex.AppendEncode(b, u[g.bin:g.bin+g.digits/2])
	}

	return b
}

// IsZero reports whether u identifies no row.
func (u UUID) IsZero() bool { return u == UUID{} }

// Compare orders UUIDs as their text is ordered.
func (u UUID) Compare(v UUID) int { return bytes.Compare(u[:], v[:]) }

// MarshalJSON returns the <uuid> notation ["uuid","..."] (RFC 7047, 5.1).
func (u UUID) MarshalJSON() ([]byte, error) { return u.appendJSON(nil), nil }

func (u UUID) appendJSON(b []byte) []byte {
	b = append(b, `["uuid","`...)
	return append(u.appendText(b), `"]`...)
}

// UnmarshalJSON reads the <uuid> notation.
func (u *UUID) UnmarshalJSON(text []byte) error {
	v, err := ParseValue(text, &ColumnType{Key: BaseType{Type: TypeUUID}, Min: 1, Max: 1})
	if err != nil {
		return err
	}

	id, ok := v.(UUID)
	if !ok {
		return fmt.Errorf("%s is no UUID", text)
	}

	*u = id
	return nil
}
