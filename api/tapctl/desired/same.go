package desired

import (
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"slices"
)

// same reports whether two values of a field mean the same, however they are written.
func same(field string, was, is any) bool {
	if field == "nics" {
		return reflect.DeepEqual(nicsByKey(was), nicsByKey(is))
	}
	if field == "members" {
		return reflect.DeepEqual(sortedTexts(was), sortedTexts(is))
	}
	if field == "rate_limit" {
		a, unit, isRate := rate(was)
		b, other, wantsRate := rate(is)
		return isRate && wantsRate && a == b && unit == other || was == is
	}
	if a, b := address(was), address(is); a.IsValid() && b.IsValid() {
		return a == b
	}
	if isEmpty(was) && isEmpty(is) {
		return true
	}
	return reflect.DeepEqual(was, is)
}

// sortedTexts are the texts of a list, sorted.
func sortedTexts(v any) []string {
	list, _ := v.([]any)
	texts := make([]string, len(list))
	for i, item := range list {
		texts[i] = fmt.Sprint(item)
	}
	slices.Sort(texts)
	return texts
}

func isEmpty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return false
}

// nicsByKey are the NICs of a list without their order, with IP addresses in one form.
func nicsByKey(v any) map[string]any {
	out := map[string]any{}
	list, _ := v.([]any)
	for i, item := range list {
		fields, ok := item.(map[string]any)
		if !ok {
			out[fmt.Sprint(i)] = item
			continue
		}

		fields = maps.Clone(fields)
		if a := address(fields["ip"]); a.IsValid() {
			fields["ip"] = a.String()
		}

		out[fmt.Sprint(fields["name"], fields["mac"], fields["ifname"])] = fields
	}

	return out
}

// address is the IP address that a value holds; it is not valid if the value holds none.
func address(v any) netip.Addr {
	s, _ := v.(string)
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap()
}
