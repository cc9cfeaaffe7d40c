package tap

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// RateLimit is how much each source host may send to a service in a second: bits or packets, of
// which at most one is set. The zero value limits nothing.
type RateLimit struct{ Bits, Packets uint64 }

// Bounds of a [RateLimit]: a meter of OpenFlow counts whole kbit/s or packets in 32 bits.
const (
	MinRateBits    = 1000
	MaxRateBits    = math.MaxUint32 * 1000
	MaxRatePackets = math.MaxUint32
)

// IsZero reports whether nothing is limited.
func (r RateLimit) IsZero() bool { return r == RateLimit{} }

// rateUnits are the suffixes of a rate, each before those that end like it.
var rateUnits = []struct {
	suffix string
	factor uint64
	bits   bool
}{
	{"Gbit/s", 1e9, true}, {"Mbit/s", 1e6, true}, {"kbit/s", 1e3, true}, {"Kbit/s", 1e3, true},
	{"bit/s", 1, true},
	{"Gpps", 1e9, false}, {"Mpps", 1e6, false}, {"kpps", 1e3, false}, {"Kpps", 1e3, false},
	{"pps", 1, false},
}

// ParseRateLimit reads a rate such as "10Mbit/s" or "2000pps". The empty string is the zero
// RateLimit. Bits are rounded down to whole kbit.
func ParseRateLimit(text string) (RateLimit, error) {
	if text == "" {
		return RateLimit{}, nil
	}

	for _, unit := range rateUnits {
		digits, found := strings.CutSuffix(text, unit.suffix)
		if !found {
			continue
		}

		n, err := strconv.ParseUint(strings.TrimSuffix(digits, " "), 10, 64)
		if err != nil || n > math.MaxUint64/unit.factor {
			break
		}
		return newRateLimit(text, n*unit.factor, unit.bits)
	}

	return RateLimit{}, fmt.Errorf("%q is not a rate: want a whole number with a unit, such as "+
		"10Mbit/s, 500kbit/s or 2000pps", text)
}

func newRateLimit(text string, rate uint64, bits bool) (RateLimit, error) {
	switch {
	case bits && (rate < MinRateBits || rate > MaxRateBits):
		return RateLimit{}, fmt.Errorf("rate %s: want 1kbit/s to %dGbit/s", text,
			MaxRateBits/int(1e9))
	case bits:
		return RateLimit{Bits: rate - rate%1000}, nil
	case rate < 1 || rate > MaxRatePackets:
		return RateLimit{}, fmt.Errorf("rate %s: want 1pps to %dpps", text, MaxRatePackets)
	}
	return RateLimit{Packets: rate}, nil
}

// String is the form that [ParseRateLimit] reads, in the largest unit that loses nothing; "" for
// the zero RateLimit.
func (r RateLimit) String() string {
	if r.IsZero() {
		return ""
	}

	rate, bits := r.Packets, r.Bits != 0
	if bits {
		rate = r.Bits
	}

	for _, unit := range rateUnits {
		large := bits || unit.factor == 1 // Packets are counted in ones.
		if large && unit.bits == bits && rate%unit.factor == 0 {
			return strconv.FormatUint(rate/unit.factor, 10) + unit.suffix
		}
	}
	return ""
}

// MarshalText implements encoding.TextMarshaler.
func (r RateLimit) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *RateLimit) UnmarshalText(text []byte) error {
	limit, err := ParseRateLimit(string(text))
	if err != nil {
		return err
	}
	*r = limit
	return nil
}
