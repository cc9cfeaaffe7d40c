package repair

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/reconcile"
)

// TestQuarrels: the same repair is free for a while, and then waits ever longer.
func TestQuarrels(t *testing.T) {
	var q Quarrels
	now := time.Unix(1000, 0)
	mirror := reconcile.Change{Owner: "cap1", Object: "mirror tl-1 on br0", What: "select_all",
		Detail: func() string { return "select_all is true, want false" }}

	port := reconcile.Change{Owner: "cap1", Object: "port tlm-1 on br0", What: "missing"}
	repaired := func(c ...reconcile.Change) bool { return len(q.Repaired(c, now)) > 0 }
	for range FreeRepairs {
		assert.False(t, repaired(mirror, mirror, mirror),
			"what is repaired by one write counts once")
		assert.False(t, repaired(port), "other differences are counted on their own")
		assert.True(t, q.Allows("cap1", now))
	}

	var pauses []time.Duration
	for range 14 {
		mirror.Detail = func() string { return "select_all is false, want true" }
		assert.True(t, repaired(mirror))
		assert.False(t, q.Allows("cap1", now))
		assert.True(t, q.Allows("cap2", now), "others do not suffer")
		why, next := q.Waiting(now)
		require.Len(t, why, 1)
		assert.Contains(t, why["cap1"], "again and again (mirror tl-1 on br0: select_all)")
		pauses = append(pauses, next.Sub(now))
		now = next
		assert.True(t, q.Allows("cap1", now))
	}

	assert.Equal(t, firstPause, pauses[0])
	assert.Equal(t, 2*firstPause, pauses[1])
	assert.Equal(t, maxPause, pauses[len(pauses)-1])
	why, next := q.Waiting(now)
	assert.Empty(t, why)
	assert.True(t, next.IsZero())

	now = now.Add(peace + time.Millisecond)
	for range FreeRepairs {
		assert.False(t, repaired(mirror), "after a minute in peace all is forgotten")
	}

	for range 10 * FreeRepairs {
		now = now.Add(seldom)
		assert.False(t, repaired(mirror), "what comes back seldom need not wait")
	}

	now = now.Add(peace + time.Millisecond)
	many := make([]reconcile.Change, 20*maxDisputed)
	for i := range many {
		many[i] = reconcile.Change{Owner: "bridge", Object: fmt.Sprintf("flow %d", i),
			What: "unwanted"}
	}

	assert.False(t, repaired(many...), "many at once are not the same again")
	assert.LessOrEqual(t, len(q["bridge"].repairs), maxDisputed+1)
	war := false
	for i := range 100 * maxDisputed {
		war = war || repaired(reconcile.Change{Owner: "bridge",
			Object: fmt.Sprintf("another %d", i), What: "unwanted"})
	}

	assert.True(t, war, "without end, each time another")
	for i := range 2 * maxQuarrels {
		repaired(reconcile.Change{Owner: strings.Repeat("x", i), Object: "port", What: "unwanted"})
	}

	assert.LessOrEqual(t, len(q), maxQuarrels)
}
