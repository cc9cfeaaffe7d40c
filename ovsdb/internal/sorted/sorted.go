// Package sorted works on sets that are kept as sorted slices, each element once.
package sorted

import "slices"

// Toggle returns the elements that only one of the two sets has. So it applies a difference to a
// set (ovsdb-server(7), 4.1.14). The result is a new slice.
func Toggle[S ~[]E, E any](a, b S, compare func(E, E) int) S {
	out := make(S, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch c := compare(a[0], b[0]); {
		case c < 0:
			out, a = append(out, a[0]), a[1:]
		case c > 0:
			out, b = append(out, b[0]), b[1:]
		default:
			a, b = a[1:], b[1:]
		}
	}

	return slices.Clip(append(append(out, a...), b...))
}
