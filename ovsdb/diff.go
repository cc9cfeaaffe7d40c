package ovsdb

import (
	"fmt"
	"slices"

	"github.com/tapline-sdn/tapline/ovsdb/internal/sorted"
)

// ApplyDiff returns old with a difference applied, as an "update2" has it for a column of type t
// (ovsdb-server(7), 4.1.14). Of a column of at most one
// element the difference is the new value; of a set, the elements that are in
// one of old and new; of a map, the pairs whose key is in one of them, and the
// new pairs of keys whose value changed.
//
// Old is not changed. Nil stands for the default of t.
func ApplyDiff(old, diff Value, t *ColumnType) (Value, error) {
	if old == nil {
		old = t.Default()
	}

	switch old := old.(type) {
	case Set:
		if d, ok := diff.(Set); ok {
			if t.Max == 1 {
				return d, nil
			}
			return sorted.Toggle(old, d, CompareAtoms), nil
		}

	case Map:
		if d, ok := diff.(Map); ok {
			if t.Max == 1 {
				return d, nil
			}
			return diffMap(old, d), nil
		}

	case Atom:
		if d, ok := diff.(Atom); ok {
			return d, nil
		}
	}

	return nil, fmt.Errorf("a difference of %T for a column that holds %T", diff, old)
}

func diffMap(a, b Map) Map {
	out := make(Map, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch c := CompareAtoms(a[0].Key, b[0].Key); {
		case c < 0:
			out, a = append(out, a[0]), a[1:]
		case c > 0:
			out, b = append(out, b[0]), b[1:]
		default:
			if a[0].Value != b[0].Value {
				out = append(out, b[0])
			}
			a, b = a[1:], b[1:]
		}
	}

	return slices.Clip(append(append(out, a...), b...))
}
