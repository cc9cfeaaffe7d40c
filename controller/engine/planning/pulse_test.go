package planning

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestPulse: a plugin hangs that does not answer for a time, however far it is behind.
func TestPulse(t *testing.T) {
	const answerTime = 30 * time.Second
	var p Pulse
	now := time.Unix(1000, 0)
	tick := func(planned uint64) bool {
		now = now.Add(answerTime / 4)
		return p.Hangs(planned, now, answerTime)
	}
	for range 20 {
		assert.False(t, tick(0), "nothing was asked")
	}
	for sent := uint64(1); sent < 20; sent++ {
		p.Sent = sent
		assert.False(t, tick(sent-1), "it is behind, but goes on")
	}
	hung := 0
	for hung = 1; !tick(18) && hung < 20; hung++ {
	}
	assert.Equal(t, 5, hung, "looks until it counts as hung")
	assert.False(t, tick(19), "it has answered")
}
