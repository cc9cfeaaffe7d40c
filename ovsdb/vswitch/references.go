package vswitch

import "slices"

// Sets of references are sorted, as rows have them.

// without is the elements of a set that another one does not have; nil if there are none.
func without(set, other []UUID) (out []UUID) {
	for _, id := range set {
		for len(other) > 0 && other[0].Compare(id) < 0 {
			other = other[1:]
		}
		if len(other) == 0 || other[0] != id {
			out = append(out, id)
		}
	}
	return out
}

// toggle is the elements that one of two sets has and the other has not; nil if there are none.
func toggle(a, b []UUID) []UUID {
	out := make([]UUID, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch c := a[0].Compare(b[0]); {
		case c < 0:
			out, a = append(out, a[0]), a[1:]
		case c > 0:
			out, b = append(out, b[0]), b[1:]
		default:
			a, b = a[1:], b[1:]
		}
	}
	if out = append(append(out, a...), b...); len(out) == 0 {
		return nil
	}
	return slices.Clip(out)
}

// inOrder is a set of references as rows have them, of a list in any order.
func inOrder(list []UUID) []UUID {
	if slices.IsSortedFunc(list, UUID.Compare) {
		return list
	}
	return slices.Compact(slices.SortedFunc(slices.Values(list), UUID.Compare))
}

func containsSorted(set []UUID, id UUID) bool {
	_, found := slices.BinarySearchFunc(set, id, UUID.Compare)
	return found
}
