package intent

import (
	"slices"
	"time"

	"github.com/tapline-sdn/tapline/controller/store"
)

// Creation is a record that was created with an idempotency key, by which a repetition of the
// request is recognised.
type Creation struct {
	store.Request
	ID string
	At time.Time
}

// Creations returns the creations of all records, the oldest first.
func (in *Intent) Creations() []Creation {
	var out []Creation
	out = creations(out, in.Hosts)
	out = creations(out, in.Guests)
	out = creations(out, in.Services)
	out = creations(out, in.Flows)

	slices.SortFunc(out, func(a, b Creation) int { return a.At.Compare(b.At) })
	return out
}

func creations[T any](to []Creation, of *Collection[T]) []Creation {
	for id, record := range of.ByID {
		if meta := of.Meta(record); meta.Request.Key != "" {
			to = append(to, Creation{meta.Request, id, meta.CreatedAt})
		}
	}
	return to
}
