package listing

import (
	"fmt"
	"path"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Selected is a filter by a selector over the name and the labels of objects.
func Selected[T any](subject func(T) (name string, labels map[string]string)) Column[T] {
	return Column[T]{
		check: func(text string) error {
			_, err := ParseSelector(text)
			return err
		},
		compile: func(text string) func(T) bool {
			selector, err := ParseSelector(text)
			return func(v T) bool {
				name, labels := subject(v)
				return err == nil && selector.Matches(name, labels)
			}
		},
	}
}

// Selector is a list of terms that all have to hold. Without terms it matches everything.
type Selector []term

// term is one condition on a name or a label.
type term struct {
	label   string // key; "" for the name
	present bool   // any value is right
	value   string // of the name: a pattern of [path.Match]
	not     bool   // the opposite has to hold
}

// labelKey matches the keys of labels.
var labelKey = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?$`)

// termForms says what terms look like.
const termForms = "want label.KEY=VALUE, label.KEY!=VALUE, label.KEY, !label.KEY, " +
	"name=PATTERN or name!=PATTERN"

// ParseSelector reads terms that are separated by commas. An error names the place, in characters
// from 1 on.
func ParseSelector(text string) (Selector, error) {
	if text == "" {
		return nil, nil
	}

	var out Selector
	at := 1
	for part := range strings.SplitSeq(text, ",") {
		term, err := parseTerm(part)
		if err != nil {
			return nil, fmt.Errorf("at character %d: %w", at, err)
		}
		out = append(out, term)
		at += utf8.RuneCountInString(part) + 1
	}
	return out, nil
}

func parseTerm(text string) (t term, err error) {
	field, value, compares := strings.Cut(text, "=")
	field, unequal := strings.CutSuffix(field, "!")
	t.value = value
	t.not = compares && unequal
	if !compares {
		t.present = true
		field, t.not = strings.CutPrefix(text, "!")
	}

	if field == "name" && compares {
		if _, err := path.Match(value, ""); err != nil {
			return t, fmt.Errorf("%q is not a pattern: '[' and '\\' need a partner", value)
		}
		return t, nil
	}

	key, isLabel := strings.CutPrefix(field, "label.")
	switch {
	case text == "":
		return t, fmt.Errorf("a term is missing: %s", termForms)
	case !isLabel:
		return t, fmt.Errorf("%q is not a term: %s", text, termForms)
	case !labelKey.MatchString(key):
		return t, fmt.Errorf("%q is not the key of a label: want 1 to 63 letters, digits, '.', "+
			"'_', '/' or '-', a letter or digit at its ends", key)
	}

	t.label = key
	return t, nil
}

// Matches reports whether all terms hold for an object.
func (s Selector) Matches(name string, labels map[string]string) bool {
	for _, t := range s {
		if t.holds(name, labels) == t.not {
			return false
		}
	}
	return true
}

// holds reports whether a term holds, its not aside.
func (t term) holds(name string, labels map[string]string) bool {
	if t.label == "" {
		matched, _ := path.Match(t.value, name)
		return matched
	}

	value, has := labels[t.label]
	return has && (t.present || value == t.value)
}
