package server

import (
	"cmp"
	"slices"
	"strconv"
)

// column is a field that a list can be filtered and ordered by.
type column[T any] struct {
	// values of an object; a filter matches any of them, an order takes the first.
	values func(T) []string
	// resolve turns the name in a filter into the id that objects carry; nil where the field is no reference.
	resolve func(ref string) string
}

func text[T any, S ~string](get func(T) S) column[T] {
	return column[T]{values: func(v T) []string { return []string{string(get(v))} }}
}

func flag[T any](get func(T) bool) column[T] {
	return column[T]{values: func(v T) []string { return []string{strconv.FormatBool(get(v))} }}
}

// reference is a field that holds an id; whoever filters by it may say a name.
func reference[T, V any](get func(T) string, find func(string) (V, error), id func(V) string) column[T] {
	return references(func(v T) []string { return []string{get(v)} }, find, id)
}

func references[T, V any](get func(T) []string, find func(string) (V, error), id func(V) string) column[T] {
	return column[T]{values: get, resolve: func(ref string) string {
		if v, err := find(ref); err == nil {
			return id(v)
		}
		return ref
	}}
}

// selectItems filters, orders and cuts a list by the parameters of its request, and says how many matched.
func selectItems[T any](items []T, columns map[string]column[T], query map[string]string) ([]T, int) {
	for name, wanted := range query {
		c, ok := columns[name]
		if !ok {
			continue // order and paging
		}
		if c.resolve != nil {
			wanted = c.resolve(wanted)
		}
		items = slices.DeleteFunc(items, func(v T) bool { return !slices.Contains(c.values(v), wanted) })
	}
	if c, ok := columns[query["order_by"]]; ok {
		first := func(v T) string {
			if values := c.values(v); len(values) > 0 {
				return values[0]
			}
			return ""
		}
		direction := 1
		if query["order"] == "desc" {
			direction = -1
		}
		slices.SortStableFunc(items, func(a, b T) int { return direction * cmp.Compare(first(a), first(b)) })
	} else if query["order"] == "desc" {
		slices.Reverse(items) // the engine lists by name
	}
	total := len(items)
	items = items[min(number(query["offset"]), total):]
	if limit := number(query["limit"]); limit > 0 {
		items = items[:min(limit, len(items))]
	}
	return items, total
}

// number reads a parameter that the document has accepted; absent is 0.
func number(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}
