package tap

import (
	"fmt"
	"strings"
)

// Direction selects traffic as seen from the source: from the guest for a vnic, from the host for a
// vswitch.
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
