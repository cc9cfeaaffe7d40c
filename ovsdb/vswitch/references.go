package vswitch

import (
	"slices"

	"github.com/tapline-sdn/tapline/ovsdb/internal/sorted"
)

// Sets of references are sorted, as rows have them.

// without returns the elements of a set that the other one does not have; nil if there are none.
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

// toggle applies a difference to a set. An empty result is nil.
func toggle(set, diff []UUID) []UUID {
	if out := sorted.Toggle(set, diff, UUID.Compare); len(out) > 0 {
		return out
	}
	return nil
}

// inOrder returns a list of references as a set: sorted and without duplicates.
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
