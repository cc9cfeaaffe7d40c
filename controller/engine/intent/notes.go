package intent

import (
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/selector"
	"github.com/tapline-sdn/tapline/controller/store"
)

// Limits on notes. Lists carry the notes of all their objects.
const (
	maxLabels      = 32
	maxDescription = 1024 // characters
)

// CheckNotes returns an Invalid error about a label or a description that is not accepted.
func CheckNotes(n store.Notes) error {
	if len(n.Labels) > maxLabels {
		return view.Errorf(view.Invalid, "labels", "there are %d labels: at most %d are kept",
			len(n.Labels), maxLabels)
	}

	for _, key := range slices.Sorted(maps.Keys(n.Labels)) {
		if !selector.IsLabelKey(key) {
			return view.Errorf(view.Invalid, "labels", "%q is not the key of a label: %s", key,
				selector.KeyWants)
		}
		if !selector.IsLabelValue(n.Labels[key]) {
			return view.Errorf(view.Invalid, "labels."+key, "%q is not the value of a label: want "+
				"up to %d printable characters without ',' and without blanks at the ends",
				n.Labels[key], selector.MaxLabelValue)
		}
	}

	if !utf8.ValidString(n.Description) || utf8.RuneCountInString(n.Description) > maxDescription {
		return view.Errorf(view.Invalid, "description",
			"the description is too long: want up to %d characters", maxDescription)
	}
	return nil
}
