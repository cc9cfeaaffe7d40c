package repair

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestRivalry: a rival that becomes master again and again makes the pauses grow up to a bound, and
// one that has been away for long counts as the first.
func TestRivalry(t *testing.T) {
	var r Rivalry
	now := time.Now()
	var pauses []time.Duration
	for i := range uint64(7) {
		r.Meet(i, now)
		assert.False(t, r.Due(now))
		pauses = append(pauses, r.Next().Sub(now))
		r.Meet(i, now.Add(time.Millisecond)) // The same one is met in each step.
		assert.Equal(t, pauses[i], r.Next().Sub(now))
		now = r.Next()
		assert.True(t, r.Due(now))
		r.End(now)
	}
	s := time.Second
	assert.Equal(t, []time.Duration{6 * s, 12 * s, 24 * s, 30 * s, 30 * s, 30 * s, 30 * s}, pauses)

	now = now.Add(rivalPeace + s)
	r.Meet(9, now)
	assert.Equal(t, 6*s, r.Next().Sub(now))
}
