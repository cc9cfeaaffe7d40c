package intent

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/store"
)

// Limits on notes. Lists carry the notes of all their objects.
const (
	maxLabels      = 32
	maxLabelValue  = 128  // characters
	maxDescription = 1024 // characters
)

// labelKey matches the keys of labels, which selectors and flags name without quotes.
var labelKey = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?$`)

// CheckNotes returns an Invalid error about a label or a description that is not accepted.
func CheckNotes(n store.Notes) error {
	if len(n.Labels) > maxLabels {
		return view.Errorf(view.Invalid, "labels", "there are %d labels: at most %d are kept",
			len(n.Labels), maxLabels)
	}

	for _, key := range slices.Sorted(maps.Keys(n.Labels)) {
		if !labelKey.MatchString(key) {
			return view.Errorf(view.Invalid, "labels", "%q is not the key of a label: want 1 to "+
				"63 letters, digits, '.', '_', '/' or '-', a letter or digit at its ends", key)
		}
		if !isLabelValue(n.Labels[key]) {
			return view.Errorf(view.Invalid, "labels."+key, "%q is not the value of a label: want "+
				"up to %d printable characters without ',' and without blanks at the ends",
				n.Labels[key], maxLabelValue)
		}
	}

	if !utf8.ValidString(n.Description) || utf8.RuneCountInString(n.Description) > maxDescription {
		return view.Errorf(view.Invalid, "description",
			"the description is too long: want up to %d characters", maxDescription)
	}
	return nil
}

// isLabelValue reports whether a selector can ask for a value.
func isLabelValue(value string) bool {
	if !utf8.ValidString(value) || utf8.RuneCountInString(value) > maxLabelValue ||
		strings.TrimSpace(value) != value {
		return false
	}
	for _, r := range value {
		if r == ',' || !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}
