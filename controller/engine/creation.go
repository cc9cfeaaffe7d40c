package engine

import (
	"slices"
	"time"

	"github.com/tapline-sdn/tapline/controller/store"
)

// Creation is a record that was created with a key, by which the request is known again when it is repeated.
type Creation struct {
	store.Request
	ID string
	At time.Time
}

// Creations are those of all records that there are, the oldest first.
func (e *Engine) Creations() []Creation {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []Creation
	out = creations(out, e.intent.hosts)
	out = creations(out, e.intent.guests)
	out = creations(out, e.intent.services)
	out = creations(out, e.intent.flows)
	slices.SortFunc(out, func(a, b Creation) int { return a.At.Compare(b.At) })
	return out
}

func creations[T any](to []Creation, of *collection[T]) []Creation {
	for id, record := range of.byID {
		if meta := of.meta(record); meta.Request.Key != "" {
			to = append(to, Creation{meta.Request, id, meta.CreatedAt})
		}
	}
	return to
}
