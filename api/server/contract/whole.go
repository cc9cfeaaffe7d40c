package contract

import (
	"encoding/json"
	"reflect"
	"slices"
)

// reduce reduces a patch whose body is a whole resource, which has an id, to the fields that differ
// from the current ones. Fields that are only observed do not count: they change by themselves. It
// reports whether no field is left.
func (o *Operation) reduce(req *Request, current Current) bool {
	fields, ok := req.Value.(map[string]any)
	if !ok || fields["id"] == nil {
		return false
	}

	now := current()
	if now == nil || fields["id"] != now["id"] {
		return false
	}

	changed := make(map[string]any, len(fields))
	for name, value := range fields {
		if slices.Contains(o.observed, name) {
			continue
		}
		if difference, differs := differenceOf(value, now[name]); differs {
			changed[name] = difference
		}
	}

	text, err := json.Marshal(changed)
	if err != nil {
		return false // It was parsed from JSON, so this cannot happen.
	}

	req.Body, req.Value = text, changed
	return len(changed) == 0
}

// differenceOf returns what of a value differs from the current one. Objects are compared field by
// field, as a merge patch changes them.
func differenceOf(value, now any) (difference any, differs bool) {
	if reflect.DeepEqual(value, now) {
		return nil, false
	}

	object, isObject := value.(map[string]any)
	current, wasObject := now.(map[string]any)
	if !isObject || !wasObject {
		return value, true
	}

	changed := make(map[string]any)
	for name, v := range object {
		if d, differs := differenceOf(v, current[name]); differs {
			changed[name] = d
		}
	}

	return changed, len(changed) > 0
}
