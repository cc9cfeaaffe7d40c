package repair

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestSilence: a capture is silent for any of four reasons, and gets its flows back when none is
// left.
func TestSilence(t *testing.T) {
	var s Silence
	assert.False(t, s.Intruders(nil))
	assert.True(t, s.Intruders(map[string]string{"cap1": "mirror m copies to it"}))
	assert.Equal(t, "mirror m copies to it", s.Intruder("cap1"))
	assert.True(t, s.Dispute(map[string]bool{"cap2": true}))
	assert.False(t, s.Dispute(map[string]bool{"cap2": true}), "nothing new")
	s.Unproven(map[string]bool{"cap3": true, "cap4": true})
	assert.True(t, s.Intruders(nil))
	assert.Equal(t, map[string]bool{"cap2": true, "cap3": true, "cap4": true}, s.Owners())
	assert.True(t, s.Affects("cap1"), "its flows come back")

	s.Restored()
	assert.False(t, s.Affects("cap1"))
	s.Proven(func(owner string) bool { return owner == "cap4" })
	assert.True(t, s.Dispute(nil))
	assert.Equal(t, map[string]bool{"cap4": true}, s.Owners())

	assert.True(t, s.FeedBack(map[string]bool{"cap5": true}))
	assert.True(t, s.FedBack("cap5"))
	assert.Equal(t, map[string]bool{"cap4": true, "cap5": true}, s.Owners())
}

// TestHealing: attempts come ever more seldom; what does not heal becomes an error, and starts over
// once it has healed.
func TestHealing(t *testing.T) {
	var h Healing
	now := time.Unix(1000, 0)
	assert.False(t, h.Found(nil, now))
	for _, pause := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
		assert.True(t, h.Found([]string{"cap1"}, now))
		assert.Equal(t, now.Add(pause*time.Second), h.Next())
		assert.False(t, h.Found([]string{"cap1"}, h.Next().Add(-time.Millisecond)))
		assert.Equal(t, pause*time.Second < healPatience, len(h.Owners()) == 1)
		now = h.Next()
	}

	h.Found([]string{"cap1"}, now)
	assert.False(t, h.Found(nil, h.Next()), "the new port has no error yet")
	assert.Zero(t, h.Next())
	assert.False(t, h.Found([]string{"cap1"}, now.Add(time.Second)), "pauses go on growing")
	now = now.Add(3 * maxHeal)
	assert.False(t, h.Found(nil, now))
	assert.True(t, h.Found([]string{"cap1"}, now))
	assert.Equal(t, now.Add(firstHeal), h.Next(), "it has healed")
}
