package listing

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"

	"github.com/tapline-sdn/tapline/api/server/problem"
)

// List is how resources of one kind are listed.
type List[V any] struct {
	filters, orders func(column string) bool
	check           func(query map[string]string) error
	choose          func(query map[string]string) Page[V]
}

// Page is what a request chooses from a list.
type Page[V any] struct {
	Len   int // number of items on the page
	Total int // number of items that match
	// Views returns the items [from, to) of the page. Items that were deleted meanwhile are left
	// out.
	Views func(from, to int) []V
}

// Of lists views. The list function returns a new slice, ordered by name.
func Of[V any](list func() []V, columns map[string]Column[V]) List[V] {
	return FromRows(list, columns, func(views []V) []V { return views })
}

// FromRows lists rows, of which only those on the page become views. Rows are cheaper, and say
// enough to choose by. The list function returns a new slice, ordered by name.
func FromRows[R, V any](
	list func() []R, columns map[string]Column[R], views func([]R) []V,
) List[V] {
	return List[V]{
		filters: func(name string) bool {
			return columns[name].matches != nil || columns[name].compile != nil
		},
		check:  func(query map[string]string) error { return check(columns, query) },
		orders: func(name string) bool { return columns[name].key != nil },
		choose: func(query map[string]string) Page[V] {
			rows, total := choose(list(), columns, query)
			return Page[V]{
				Len: len(rows), Total: total,
				Views: func(from, to int) []V { return views(rows[from:to]) },
			}
		},
	}
}

// Filters reports whether the list can be filtered by a column.
func (l List[V]) Filters(column string) bool { return l.filters(column) }

// Orders reports whether the list can be ordered by a column.
func (l List[V]) Orders(column string) bool { return l.orders(column) }

// Check returns what is wrong with the filters of a request that satisfy the document, as a refusal
// with the place; nil if nothing is.
func (l List[V]) Check(query map[string]string) error { return l.check(query) }

func check[T any](columns map[string]Column[T], query map[string]string) error {
	for name, wanted := range query {
		c := columns[name]
		if c.check == nil {
			continue
		}
		if err := c.check(wanted); err != nil {
			return problem.Refuse(http.StatusBadRequest, name, "%v", err)
		}
	}
	return nil
}

// Choose filters, orders and pages the list by the parameters of a request.
func (l List[V]) Choose(query map[string]string) Page[V] { return l.choose(query) }

// choose returns the items of the page, and how many items match. It may reorder items.
func choose[T any](items []T, columns map[string]Column[T], query map[string]string) ([]T, int) {
	for name, wanted := range query {
		c := columns[name]
		if c.compile != nil {
			matches := c.compile(wanted)
			items = slices.DeleteFunc(items, func(v T) bool { return !matches(v) })
		}
		if c.matches == nil {
			continue // The parameter orders or pages.
		}
		if c.resolve != nil {
			wanted = c.resolve(wanted)
		}
		items = slices.DeleteFunc(items, func(v T) bool { return !c.matches(v, wanted) })
	}

	items = order(items, columns, query)

	total := len(items)
	items = items[min(Number(query["offset"]), total):]
	if limit := Number(query["limit"]); limit > 0 {
		items = items[:min(limit, len(items))]
	}
	return items, total
}

// Special are the parameters besides order_by that order a list, the most important first, each
// with its column. Their value is asc or desc.
func Special() [][2]string {
	return [][2]string{{"order_by_ip", "target_ip"}, {"order_by_flow_count", "flow_count"}}
}

// criterion is one column of an order.
type criterion[T any] struct {
	key  func(T) string
	sign int // 1 ascending, -1 descending
}

func criteria[T any](columns map[string]Column[T], query map[string]string) []criterion[T] {
	signs := map[string]int{"": 1, "asc": 1, "desc": -1}

	var out []criterion[T]
	for _, o := range Special() {
		if direction, given := query[o[0]]; given {
			out = append(out, criterion[T]{columns[o[1]].key, signs[direction]})
		}
	}

	if name, given := query["order_by"]; given {
		out = append(out, criterion[T]{columns[name].key, signs[query["order"]]})
	}
	return out
}

// order sorts by what the request names. Equal items stay in the order of their names.
func order[T any](items []T, columns map[string]Column[T], query map[string]string) []T {
	by := criteria(columns, query)
	if len(by) == 0 {
		if query["order"] == "desc" {
			slices.Reverse(items)
		}
		return items
	}

	// Keys are computed once for each item, not once for each comparison, and items are moved once.
	type keyed struct {
		keys []string
		at   int // index in items
	}
	all := make([]keyed, len(items))
	keys := make([]string, 0, len(items)*len(by))
	for i, v := range items {
		for _, c := range by {
			keys = append(keys, c.key(v))
		}
		all[i] = keyed{keys[len(keys)-len(by):], i}
	}

	slices.SortFunc(all, func(a, b keyed) int {
		for i, c := range by {
			if result := cmp.Compare(a.keys[i], b.keys[i]); result != 0 {
				return c.sign * result
			}
		}
		return cmp.Compare(a.at, b.at)
	})

	sorted := make([]T, len(items))
	for i, k := range all {
		sorted[i] = items[k.at]
	}
	return sorted
}

// Number returns a numeric parameter that the document has accepted; an absent one is 0.
func Number(s string) int {
	n, _ := strconv.Atoi(s)

	return n
}
