package selector

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxLabelValue is the length of the longest value of a label, in characters.
const MaxLabelValue = 128

// labelKey matches the keys of labels, which selectors and flags name without quotes.
var labelKey = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?$`)

// KeyWants says what the key of a label looks like.
const KeyWants = "want 1 to 63 letters, digits, '.', '_', '/' or '-', a letter or digit at its ends"

// IsLabelKey reports whether a text can be the key of a label.
func IsLabelKey(key string) bool { return labelKey.MatchString(key) }

// IsLabelValue reports whether a selector can ask for a value: it is short, printable, and has
// neither commas nor blanks at its ends.
func IsLabelValue(value string) bool {
	if !utf8.ValidString(value) || utf8.RuneCountInString(value) > MaxLabelValue ||
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

// notInKeys matches characters that the keys of labels do not have.
var notInKeys = regexp.MustCompile(`[^A-Za-z0-9._/-]`)

// LabelKeyOf returns the key of the label that another system's key becomes: what cannot stand in
// the key of a label is a '.', as in neutron.device_id for neutron:device_id. It is false if even
// that is none.
func LabelKeyOf(foreign string) (key string, valid bool) {
	key = notInKeys.ReplaceAllString(foreign, ".")
	return key, IsLabelKey(key)
}
