package tap

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// MAC is an Ethernet address. The zero MAC means "not set" and has the empty text form.
type MAC [6]byte

// ParseMAC reads six hexadecimal octets separated by ':' or '-'. The empty string is the zero MAC.
func ParseMAC(s string) (MAC, error) {
	var m MAC
	if s == "" {
		return m, nil
	}
	good := len(s) == len("52:54:00:12:34:56")
	for i := 0; good && i < len(m); i++ {
		octet := s[3*i:]
		_, err := hex.Decode(m[i:i+1], []byte{octet[0], octet[1]})
		good = err == nil && (len(octet) == 2 || octet[2] == ':' || octet[2] == '-')
	}
	if !good {
		return MAC{}, fmt.Errorf("%q is not a MAC address: want six octets such as 52:54:00:12:34:56", s)
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

// Direction selects traffic as seen from the source: from the guest for a vnic, from the host for a vswitch.
type Direction string

// The directions.
const (
	In   Direction = "IN"   // reaches the guest; arrives from the physical network
	Out  Direction = "OUT"  // leaves the guest; leaves to the physical network
	Both Direction = "BOTH" // the default
)

// ParseDirection reads a direction in any case; the empty string is [Both].
func ParseDirection(s string) (Direction, error) {
	switch d := Direction(strings.ToUpper(s)); d {
	case "":
		return Both, nil
	case In, Out, Both:
		return d, nil
	}
	return "", fmt.Errorf("%q is not a direction: want IN, OUT or BOTH", s)
}

// ServiceType says what a service delivers to.
type ServiceType string

// The types of a service.
const (
	ServiceGuest ServiceType = "guest" // an extra NIC of a guest
	ServiceHost  ServiceType = "host"  // an unused physical NIC of a host
)

// FlowType says what a flow mirrors.
type FlowType string

// The types of a flow.
const (
	FlowVNIC    FlowType = "vnic"    // one NIC of a guest
	FlowVSwitch FlowType = "vswitch" // the bridge that carries a wire on a host
)

// State is how far a service or a flow has come.
type State string

// The states. A planner answers StateDisabled, StatePending, StateError or StateProgrammed; what users see instead of
// StateProgrammed is StateReady once every switch involved has been read back, and StatePending before.
const (
	StateDisabled   State = "disabled"
	StatePending    State = "pending"
	StateProgrammed State = "programmed"
	StateReady      State = "ready"
	StateError      State = "error"
)

// MaxVLAN is the highest VLAN id that can be selected; 4095 is reserved (IEEE 802.1Q, table 9-2).
const MaxVLAN = 4094
