package forecast

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
)

// Compare tells the difference between two outlooks.
func Compare(before, after Outlook) Forecast {
	var out Forecast
	for _, key := range sortedKeys(before.Resources, after.Resources) {
		if r, differs := compareResource(key, before, after); differs {
			out.Resources = append(out.Resources, r)
		}
	}

	for id := range union(before.Hosts, after.Hosts) {
		if h := compareHost(id, before.Hosts[id], after.Hosts[id]); len(h.Items) > 0 {
			out.Hosts = append(out.Hosts, h)
		}
	}

	slices.SortFunc(out.Hosts, func(a, b Host) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return out
}

func compareResource(key ResourceKey, before, after Outlook) (r Resource, differs bool) {
	was, existed := before.Resources[key]
	is, exists := after.Resources[key]
	r = Resource{Kind: key.Kind, ID: key.ID, Name: cmp.Or(is.Name, was.Name), Before: was.Health,
		After: is.Health, Members: len(is.Members)}
	r.Joins = without(is.Members, was.Members)
	r.Leaves = without(was.Members, is.Members)
	switch {
	case !existed:
		r.Action = "create"
	case !exists:
		r.Action = "delete"
	case !reflect.DeepEqual(was.Record, is.Record):
		r.Action = "update"
	case was.Health == is.Health && r.Joins == nil && r.Leaves == nil:
		return Resource{}, false
	}

	return r, true
}

// without returns what is in a sorted list and not in another.
func without(all, others []string) (rest []string) {
	for _, one := range all {
		if _, known := slices.BinarySearch(others, one); !known {
			rest = append(rest, one)
		}
	}
	return rest
}

func compareHost(id string, was, is Program) Host {
	out := Host{ID: id, Name: cmp.Or(is.Host, was.Host)}
	have, want := objects(was), objects(is)
	for key := range union(have, want) {
		if item, differs := compareItem(have[key], want[key]); differs {
			out.Items = append(out.Items, item)
		}
	}

	order := []string{"bridge", "port", "mirror", "tunnel", "meter", "group", "flow"}
	slices.SortFunc(out.Items, func(a, b Item) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.Kind), slices.Index(order, b.Kind)),
			cmp.Compare(a.Name, b.Name))
	})

	return out
}

func compareItem(have, want Item) (item Item, differs bool) {
	switch {
	case want.Kind == "":
		item, item.Action = have, "remove"
	case have.Kind == "":
		item, item.Action = want, "add"
	case have.Text != want.Text:
		item, item.Action, item.Was = want, "change", have.Text
	default:
		return Item{}, false
	}
	return item, true
}

func union[K comparable, A, B any](a map[K]A, b map[K]B) map[K]struct{} {
	out := map[K]struct{}{}
	for k := range a {
		out[k] = struct{}{}
	}
	for k := range b {
		out[k] = struct{}{}
	}
	return out
}

// sortedKeys are the keys of both, by kind, name and id.
func sortedKeys(a, b map[ResourceKey]ResourceState) []ResourceKey {
	order := []string{"host", "guest", "tap_service", "tap_flow"}
	name := func(k ResourceKey) string { return cmp.Or(b[k].Name, a[k].Name) }
	return slices.SortedFunc(maps.Keys(union(a, b)), func(x, y ResourceKey) int {
		return cmp.Or(cmp.Compare(slices.Index(order, x.Kind), slices.Index(order, y.Kind)),
			cmp.Compare(name(x), name(y)), cmp.Compare(x.ID, y.ID))
	})
}
