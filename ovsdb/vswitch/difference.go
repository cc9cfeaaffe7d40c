package vswitch

import (
	"fmt"
	"slices"
)

// Difference is a column in which two rows of a table differ, with both values as text for people.
type Difference struct {
	Column   string
	Was, Now string
}

// Differences returns the columns of configuration in which two rows differ, in the order of the
// row type's fields.
func Differences[T Row](was, now *T) []Difference {
	var out []Difference
	for _, c := range different(was, now) {
		out = append(out, Difference{c.name, c.text(was), c.text(now)})
	}
	return out
}

// DifferentColumns names the columns of [Differences].
func DifferentColumns[T Row](was, now *T) []string {
	var out []string
	for _, c := range different(was, now) {
		out = append(out, c.name)
	}
	return out
}

// Same reports whether two rows have the same contents, status and references included. A nil
// column equals an empty one.
func Same[T Row](a, b *T) bool {
	return !slices.ContainsFunc(columnsOf[T](), func(c column[T]) bool { return !c.equal(a, b) })
}

// different are the columns of configuration in which two rows differ.
func different[T Row](was, now *T) (out []*column[T]) {
	columns := columnsOf[T]()
	for i := range columns {
		if c := &columns[i]; c.access == config && !c.equal(was, now) {
			out = append(out, c)
		}
	}

	return out
}

func columnsOf[T Row]() []column[T] {
	var columns any

	switch any((*T)(nil)).(type) {
	case *OpenVSwitch:
		columns = openVSwitchColumns
	case *Datapath:
		columns = datapathColumns
	case *Bridge:
		columns = bridgeColumns
	case *Port:
		columns = portColumns
	case *Interface:
		columns = interfaceColumns
	case *Mirror:
		columns = mirrorColumns
	case *Controller:
		columns = controllerColumns
	case *Manager:
		columns = managerColumns
	}

	return columns.([]column[T])
}

// show formats a field for people; an empty column is [].
func show(v any) string {
	switch v := v.(type) {
	case string:
		return fmt.Sprintf("%q", v)
	case Pairs:
		return v.String()
	case *int:
		if v != nil {
			return fmt.Sprint(*v)
		}

	case *UUID:
		switch {
		case v == nil:
		case isPlaceholder(*v):
			return "a new row"
		default:
			return v.String()
		}

	default:
		return fmt.Sprint(v)
	}

	return "[]"
}
