package listing

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"
)

// Column is a field by which a list can be filtered or ordered.
type Column[T any] struct {
	matches func(v T, wanted string) bool // nil: a list cannot be filtered by it
	key     func(T) string                // sorts as the field does; nil: no list is ordered by it
	// check finds what is wrong with a filter that the document accepts; nil: nothing can be.
	check func(wanted string) error
	// compile, where matches is nil, turns a checked filter into what it matches.
	compile func(wanted string) func(T) bool
	// resolve turns the name in a filter into the id that objects have; nil if the field is no
	// reference.
	resolve func(ref string) string
}

// Text is a field that is a string.
func Text[T any, S ~string](get func(T) S) Column[T] {
	return Column[T]{
		matches: func(v T, wanted string) bool { return string(get(v)) == wanted },
		key:     func(v T) string { return string(get(v)) },
	}
}

// Flag is a field that is true or false.
func Flag[T any](get func(T) bool) Column[T] {
	return Text(func(v T) string { return strconv.FormatBool(get(v)) })
}

// Date is a field that is a point in time.
func Date[T any](get func(T) time.Time) Column[T] {
	return Text(func(v T) string { return SortableTime(get(v)) })
}

// SortableTime returns a text that sorts as the time does.
func SortableTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000000") }

// Count is a number that a list can be ordered by.
func Count[T any](get func(T) int) Column[T] {
	return Column[T]{key: func(v T) string { return fmt.Sprintf("%010d", get(v)) }}
}

// Address orders by the first address of an object, as a number. Objects without one come first.
func Address[T any](get func(T) []netip.Addr) Column[T] {
	return Column[T]{key: func(v T) string {
		addresses := get(v)
		if len(addresses) == 0 {
			return ""
		}

		family := "4"
		if addresses[0].Is6() {
			family = "6"
		}
		octets := addresses[0].As16()
		return family + string(octets[:])
	}}
}

// Reference is a field with the id of another resource. A filter may name it by its id or name,
// which resolve turns into the id.
func Reference[T any](get func(T) string, resolve func(ref string) string) Column[T] {
	c := Text(get)
	c.resolve = resolve

	return c
}

// References is a field with several ids. A filter matches any of them; an order uses the first.
func References[T any](get func(T) []string, resolve func(ref string) string) Column[T] {
	return Column[T]{
		matches: func(v T, wanted string) bool { return slices.Contains(get(v), wanted) },
		key: func(v T) string {
			if ids := get(v); len(ids) > 0 {
				return ids[0]
			}
			return ""
		},
		resolve: resolve,
	}
}

// Resolver returns a function that turns an id or name into the id, if find knows the resource.
func Resolver[V any](find func(ref string) (V, error), id func(V) string) func(ref string) string {
	return func(ref string) string {
		if v, err := find(ref); err == nil {
			return id(v)
		}
		return ref
	}
}
