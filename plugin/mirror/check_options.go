package mirror

import (
	"errors"
	"math"

	"github.com/tapline-sdn/tapline/plugin/filter"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// checkOptions refuses options that no switch can carry out, and brings them into the form in which
// they are stored.
func checkOptions(f *tap.Flow) *tap.Rejection {
	o := &f.Options
	switch {
	case o.Snaplen != 0 && (o.Snaplen < tap.MinSnaplen || o.Snaplen > tap.MaxSnaplen):
		return invalid("snaplen", "%d is out of range: want %d to %d octets, or 0 for whole frames",
			o.Snaplen, tap.MinSnaplen, tap.MaxSnaplen)
	case o.Sample > tap.MaxSample:
		return invalid("sample", "%d is out of range: want one connection in 2 to %d, or 0 for all",
			o.Sample, tap.MaxSample)
	}
	if vid, push := o.Tag.Push(); push && vid > tap.MaxVLAN {
		return invalid("vlan", "%d is not a VLAN id: want keep, strip, or 1 to %d", vid,
			tap.MaxVLAN)
	}

	*o = o.Normalized()
	return checkFilter(o.Filter)
}

// checkFilter refuses an expression that cannot be compiled, and says where in it the fault is.
func checkFilter(expression string) *tap.Rejection {
	if expression == "" {
		return nil
	}

	_, err := filter.Compile(expression)
	var bad *filter.Error
	switch {
	case errors.As(err, &bad):
		return &tap.Rejection{
			Field: "filter", Message: bad.Problem,
			Offset: bad.Offset, Length: bad.Length, Hint: bad.Hint,
		}
	case err != nil:
		return invalid("filter", "%v", err)
	}
	return nil
}

// checkRateLimit refuses a rate that no meter can have.
func checkRateLimit(r tap.RateLimit) *tap.Rejection {
	switch {
	case r.Bits != 0 && r.Packets != 0:
		return invalid("rate_limit", "want a rate in bits or in packets, not both")
	case r.Bits != 0 && (r.Bits < tap.MinRateBits || r.Bits > tap.MaxRateBits):
		return invalid("rate_limit", "%d bit/s is out of range: want %d to %d", r.Bits,
			uint64(tap.MinRateBits), uint64(tap.MaxRateBits))
	case r.Packets > math.MaxUint32:
		return invalid("rate_limit", "%d packets a second are out of range: want at most %d",
			r.Packets, uint64(tap.MaxRatePackets))
	}
	return nil
}
