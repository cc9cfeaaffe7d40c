package server

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"
)

// column is a field that a list can be filtered and ordered by.
type column[T any] struct {
	matches func(v T, wanted string) bool // nil: a list cannot be filtered by it
	key     func(T) string                // its text sorts as the field does
	// resolve turns the name in a filter into the id that objects carry; nil where the field is no reference.
	resolve func(ref string) string
}

func text[T any, S ~string](get func(T) S) column[T] {
	return column[T]{
		matches: func(v T, wanted string) bool { return string(get(v)) == wanted },
		key:     func(v T) string { return string(get(v)) },
	}
}

func flag[T any](get func(T) bool) column[T] {
	return text(func(v T) string { return strconv.FormatBool(get(v)) })
}

func date[T any](get func(T) time.Time) column[T] {
	return text(func(v T) string { return sortable(get(v)) })
}

// sortable is a time whose text sorts as the time does.
func sortable(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000000") }

func count[T any](get func(T) int) column[T] {
	return column[T]{key: func(v T) string { return fmt.Sprintf("%010d", get(v)) }}
}

// address orders by the first of an object's addresses, as numbers; objects without one come first.
func address[T any](get func(T) []netip.Addr) column[T] {
	return column[T]{key: func(v T) string {
		addresses := get(v)
		if len(addresses) == 0 {
			return ""
		}
		family := "4"
		if addresses[0].Is6() {
			family = "6"
		}
		bytes := addresses[0].As16()
		return family + string(bytes[:])
	}}
}

// reference is a field that holds an id; whoever filters by it may say a name.
func reference[T, V any](get func(T) string, find func(string) (V, error), id func(V) string) column[T] {
	c := text(get)
	c.resolve = resolver(find, id)
	return c
}

// references is a field that holds several ids; an order takes the first.
func references[T, V any](get func(T) []string, find func(string) (V, error), id func(V) string) column[T] {
	return column[T]{
		matches: func(v T, wanted string) bool { return slices.Contains(get(v), wanted) },
		key: func(v T) string {
			if ids := get(v); len(ids) > 0 {
				return ids[0]
			}
			return ""
		},
		resolve: resolver(find, id),
	}
}

func resolver[V any](find func(string) (V, error), id func(V) string) func(string) string {
	return func(ref string) string {
		if v, err := find(ref); err == nil {
			return id(v)
		}
		return ref
	}
}

// listing is how a kind of resource is listed.
type listing[V any] struct {
	filters, orders func(column string) bool // whether the list can be filtered, or ordered, by it
	choose          func(query map[string]string) chosen[V]
}

// chosen is what a list answers.
type chosen[V any] struct {
	n, total int                    // how many are on the page, and how many match
	views    func(from, to int) []V // of those on the page, without those that are gone by now
}

// listed lists views.
func listed[V any](list func() []V, columns map[string]column[V]) listing[V] {
	return chosenFrom(list, columns, func(views []V) []V { return views })
}

// chosenFrom lists views of rows, which say enough to choose and are cheaper.
func chosenFrom[R, V any](list func() []R, columns map[string]column[R], views func([]R) []V) listing[V] {
	return listing[V]{
		filters: func(name string) bool { return columns[name].matches != nil },
		orders:  func(name string) bool { return columns[name].key != nil },
		choose: func(query map[string]string) chosen[V] {
			rows, total := selectItems(list(), columns, query)
			return chosen[V]{len(rows), total, func(from, to int) []V { return views(rows[from:to]) }}
		},
	}
}

// selectItems filters, orders and cuts a list by the parameters of its request, and says how many matched. It may change the
// list's order, which is by name.
func selectItems[T any](items []T, columns map[string]column[T], query map[string]string) ([]T, int) {
	for name, wanted := range query {
		c := columns[name]
		if c.matches == nil {
			continue // order and paging
		}
		if c.resolve != nil {
			wanted = c.resolve(wanted)
		}
		items = slices.DeleteFunc(items, func(v T) bool { return !c.matches(v, wanted) })
	}
	items = order(items, columns, query)
	total := len(items)
	items = items[min(number(query["offset"]), total):]
	if limit := number(query["limit"]); limit > 0 {
		items = items[:min(limit, len(items))]
	}
	return items, total
}

// orders are the parameters that order a list, the most important first, besides order_by: each names its column.
func orders() [][2]string {
	return [][2]string{{"order_by_ip", "target_ip"}, {"order_by_flow_count", "flow_count"}}
}

// order sorts by what the request names; what is equal stays in the order of names.
func order[T any](items []T, columns map[string]column[T], query map[string]string) []T {
	type by struct {
		key  func(T) string
		sign int
	}
	direction := map[string]int{"": 1, "asc": 1, "desc": -1}
	var bys []by
	for _, o := range orders() {
		if way, given := query[o[0]]; given {
			bys = append(bys, by{columns[o[1]].key, direction[way]})
		}
	}
	if name, given := query["order_by"]; given {
		bys = append(bys, by{columns[name].key, direction[query["order"]]})
	}
	if len(bys) == 0 {
		if query["order"] == "desc" {
			slices.Reverse(items)
		}
		return items
	}
	type keyed struct {
		keys []string
		at   int
	}
	// Keys are made once for each object, not once for each comparison; objects are moved once.
	all, sorted := make([]keyed, len(items)), make([]T, len(items))
	keys := make([]string, 0, len(items)*len(bys))
	for i, v := range items {
		for _, b := range bys {
			keys = append(keys, b.key(v))
		}
		all[i] = keyed{keys[len(keys)-len(bys):], i}
	}
	slices.SortFunc(all, func(a, b keyed) int {
		for i, by := range bys {
			if c := cmp.Compare(a.keys[i], b.keys[i]); c != 0 {
				return by.sign * c
			}
		}
		return cmp.Compare(a.at, b.at)
	})
	for i, k := range all {
		sorted[i] = items[k.at]
	}
	return sorted
}

// number reads a parameter that the document has accepted; absent is 0.
func number(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}
