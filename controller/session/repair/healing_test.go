package repair

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestPausesSurviveAFreshRow: a port that is made anew has no error for a moment, as on a kernel
// that lacks a module for it. The pauses grow nevertheless, and its trouble becomes an error.
func TestPausesSurviveAFreshRow(t *testing.T) {
	var h Healing
	begin := time.Unix(1000, 0)
	owners := []string{"tunnel"}

	made := 0
	for passed := time.Duration(0); passed < 10*time.Second; passed += 20 * time.Millisecond {
		now := begin.Add(passed)
		if h.Found(owners, now) {
			made++
			assert.False(t, h.Found(nil, now.Add(10*time.Millisecond)), "the fresh row")
		}
	}

	assert.LessOrEqual(t, made, 6, "attempts within 10 s")
	assert.GreaterOrEqual(t, made, 3)
	assert.Empty(t, h.Owners(), "its trouble is an error by now")

	// What has healed for long starts over.
	later := begin.Add(10 * time.Minute)
	h.Found(nil, later)
	assert.True(t, h.Found(owners, later))
	assert.Equal(t, owners, h.Owners())
}
