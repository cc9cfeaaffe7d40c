package plugin

import (
	"fmt"
	"math"
	"net/netip"
	"unique"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

// The convert files convert between package tap and the wire. Only the encoding of a flow-mod can
// fail towards the wire. From the wire everything is checked, since the peer is another program.

// intern returns a shared copy of a text. Hosts, bridges, ports and services are named many times
// in a message, and both ends keep what they receive. Handles are not kept, so a garbage collection
// while a message is converted may leave a second copy.
func intern(text string) string { return unique.Make(text).Value() }

func internAll(texts []string) []string {
	for i, text := range texts {
		texts[i] = intern(text)
	}
	return texts
}

// convertAll converts a slice; nil stays nil.
func convertAll[A, B any](in []A, f func(*A) B) []B {
	if in == nil {
		return nil
	}

	out := make([]B, len(in))
	for i := range in {
		out[i] = f(&in[i])
	}
	return out
}

// tryConvertAll converts a slice of messages until one fails.
func tryConvertAll[A, B any](in []A, f func(A) (B, error)) ([]B, error) {
	if len(in) == 0 {
		return nil, nil
	}

	out := make([]B, len(in))
	for i := range in {
		var err error
		if out[i], err = f(in[i]); err != nil {
			return nil, fmt.Errorf("[%d]: %w", i, err)
		}
	}

	return out, nil
}

// fieldReader converts fields that may be malformed, and keeps the first error.
type fieldReader struct{ err error }

func (r *fieldReader) fail(field string, err error) {
	if r.err == nil {
		r.err = fmt.Errorf("%s: %w", field, err)
	}
}

func (r *fieldReader) mac(field string, b []byte) (m tap.MAC) {
	if len(b) != 0 && len(b) != len(m) {
		r.fail(field, fmt.Errorf("%d octets: want 6", len(b)))
		return m
	}

	copy(m[:], b)
	return m
}

func (r *fieldReader) addr(field string, b []byte) netip.Addr {
	if len(b) == 0 {
		return netip.Addr{}
	}

	a, ok := netip.AddrFromSlice(b)
	if !ok {
		r.fail(field, fmt.Errorf("%d octets: want 4 or 16", len(b)))
	}
	return a
}

func (r *fieldReader) uint16(field string, v uint32) uint16 {
	if v > math.MaxUint16 {
		r.fail(field, fmt.Errorf("%d does not fit 16 bits", v))
		return 0
	}
	return uint16(v)
}

func macToPB(m tap.MAC) []byte {
	if m.IsZero() {
		return nil
	}
	return m[:]
}

func addrToPB(a netip.Addr) []byte { return a.AsSlice() }

func uint16ToPB(v *uint16) uint32 { return uint32(*v) }
