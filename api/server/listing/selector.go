package listing

import "github.com/tapline-sdn/tapline/controller/selector"

// Selected is a filter by a selector over the name and the labels of objects.
func Selected[T any](subject func(T) (name string, labels map[string]string)) Column[T] {
	return Column[T]{
		check: func(text string) error {
			_, err := selector.ParseRows(text)
			return err
		},
		compile: func(text string) func(T) bool {
			wanted, err := selector.ParseRows(text)
			return func(v T) bool {
				name, labels := subject(v)
				return err == nil &&
					wanted.MatchesGuest(&selector.Guest{Name: name, Labels: labels})
			}
		},
	}
}
