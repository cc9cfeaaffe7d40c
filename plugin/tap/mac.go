package tap

import (
	"encoding/hex"
	"fmt"
)

// MAC is an Ethernet address. The zero MAC means "not set" and has the empty text form.
type MAC [6]byte

// ParseMAC reads six hexadecimal octets separated by ':' or '-'. The empty string is the zero MAC.
func ParseMAC(s string) (MAC, error) {
	var m MAC
	if s == "" {
		return m, nil
	}

	valid := len(s) == len("52:54:00:12:34:56")
	for i := 0; valid && i < len(m); i++ {
		octet := s[3*i:]
		_, err := hex.Decode(m[i:i+1], []byte{octet[0], octet[1]})
		valid = err == nil && (len(octet) == 2 || octet[2] == ':' || octet[2] == '-')
	}

	if !valid {
		return MAC{}, fmt.Errorf("%q is not a MAC address: want six octets such as "+
			"52:54:00:12:34:56", s)
	}

	return m, nil
}

// IsZero reports whether the address is not set.
func (m MAC) IsZero() bool { return m == MAC{} }

// IsMulticast reports whether the group bit is set; no NIC has such an address.
func (m MAC) IsMulticast() bool { return m[0]&1 != 0 }

// String is the lower-case form with colons, or "" for the zero MAC.
func (m MAC) String() string {
	if m.IsZero() {
		return ""
	}

	const digits = "0123456789abcdef"
	text := []byte("00:00:00:00:00:00")
	for i, b := range m {
		text[3*i], text[3*i+1] = digits[b>>4], digits[b&15]
	}

	return string(text)
}

// MarshalText implements encoding.TextMarshaler.
func (m MAC) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (m *MAC) UnmarshalText(text []byte) error {
	v, err := ParseMAC(string(text))
	if err != nil {
		return err
	}
	*m = v
	return nil
}
