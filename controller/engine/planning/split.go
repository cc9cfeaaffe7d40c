package planning

import (
	"time"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

// migrationTime is how long a guest may stand on two hosts, as it does while it migrates, before
// that is an error.
const migrationTime = time.Minute

// disputeSplit disputes the NICs of a guest that has stood on two hosts for longer than a migration
// takes. They are mirrored at both places all the same. A guest that has just been found there is
// looked at again later.
func (q *Queue) disputeSplit(g *tap.Guest) {
	nics, why := q.places.Split(g, q.intent.Guests.ByID[g.ID] != nil)
	if nics == nil {
		delete(q.splits, g.ID)
		return
	}

	since, known := q.splits[g.ID]
	if !known {
		q.splits[g.ID] = time.Now()
		if q.Revisit != nil {
			q.Revisit(g.ID, migrationTime)
		}
		return
	}

	if time.Since(since) < migrationTime {
		return
	}

	for _, i := range nics {
		if g.NICs[i].Disputed == "" {
			g.NICs[i].Disputed = why
		}
	}
}
