package convert

import (
	"maps"
	"net/netip"
	"time"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/server/contract"
	"github.com/tapline-sdn/tapline/api/server/problem"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Status returns a state as users see it. What a planner calls programmed is pending: nothing is
// ready that was not read back from the switch.
func Status(s tap.State) api.Status {
	if s == tap.StateProgrammed {
		return api.Pending
	}

	return api.Status(s)
}

// Time returns a time in UTC, nil if it is zero.
func Time(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}

	t = t.UTC()
	return &t
}

// TimeText returns a time in RFC 3339, "" if it is zero.
func TimeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}

	return t.UTC().Format(time.RFC3339Nano)
}

func addrText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}

	return a.String()
}

func addrTexts(addresses []netip.Addr) []string {
	out := make([]string, len(addresses))
	for i, a := range addresses {
		out[i] = a.String()
	}

	return out
}

// orEmpty returns an empty map for nil.
func orEmpty[V any](m map[string]V) map[string]V {
	if m == nil {
		return map[string]V{}
	}

	return m
}

// orNone returns an empty slice for nil.
func orNone(s []string) []string {
	if s == nil {
		return []string{}
	}

	return s
}

// setGiven sets a field that a patch gives.
func setGiven[T any](field *T, given *T) {
	if given != nil {
		*field = *given
	}
}

// merged returns a map after a merge patch (RFC 7396), in which nil deletes a key. The map itself
// stays as it is, since others may read it.
func merged[V any](m map[string]V, patch map[string]*V) map[string]V {
	if len(patch) == 0 {
		return m
	}

	out := make(map[string]V, len(m)+len(patch))
	maps.Copy(out, m)
	for k, v := range patch {
		if v == nil {
			delete(out, k)
		} else {
			out[k] = *v
		}
	}
	return out
}

// optionalMAC parses the value of a field; "" is none.
func optionalMAC(field, s string) (tap.MAC, error) {
	if s == "" {
		return tap.MAC{}, nil
	}

	m, err := contract.ParseMAC(s)
	if err != nil {
		return tap.MAC{}, problem.Invalid(field, err)
	}
	return m, nil
}

// optionalIP parses the value of a field; "" is none.
func optionalIP(field, s string) (netip.Addr, error) {
	if s == "" {
		return netip.Addr{}, nil
	}

	a, err := contract.ParseIP(s)
	if err != nil {
		return netip.Addr{}, problem.Invalid(field, err)
	}
	return a, nil
}
