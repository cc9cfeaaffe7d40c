package convert

import (
	"time"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/controller/store"
)

// editNotes applies a patch to the notes of a record.
func editNotes(
	n *store.Notes, labels api.Field[map[string]*string], description api.Field[string],
) {
	n.Description = after(n.Description, description)

	switch {
	case !labels.Given:
	case labels.Value == nil:
		n.Labels = nil
	default:
		n.Labels = merged(n.Labels, *labels.Value)
	}
}

// after returns a value after a merge patch (RFC 7396). One that is removed is zero.
func after[T any](value T, patch api.Field[T]) T {
	switch {
	case !patch.Given:
		return value
	case patch.Value == nil:
		return *new(T)
	}
	return *patch.Value
}

// moment is a time of a request; zero for nil.
func moment(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}
