package kind_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/tapctl/kind"
)

// TestCounterTextOfLoss: what is exact, a lower bound and unknown read differently.
func TestCounterTextOfLoss(t *testing.T) {
	now := time.Unix(1000, 0)
	for want, c := range map[string]api.Counters{
		"lost       3 (0 B)": {Delivered: &api.Flowing{}, Lost: &api.Count{Packets: 3}},
		"lost       >=3 (0 B)": {Delivered: &api.Flowing{}, Merging: true,
			Lost: &api.Count{Packets: 3}},
		"lost       not known: switches merge": {Delivered: &api.Flowing{}, Merging: true},
		"delivered  not known":                 {},
	} {
		c.SampledAt = &now
		assert.Contains(t, kind.CounterText(c), want)
	}
}

// TestCounterTextByMAC: what is a tap flow's own stands below what it shares.
func TestCounterTextByMAC(t *testing.T) {
	now := time.Unix(1000, 0)
	c := api.Counters{SampledAt: &now, Shared: true, Captured: api.Flowing{Packets: 9}}
	assert.NotContains(t, kind.CounterText(c), "by MAC")

	c.ByMAC = &api.ByMAC{Captured: api.Flowing{Packets: 5}}
	text := kind.CounterText(c)
	assert.Contains(t, text, "captured   9 (0 B)")
	assert.Contains(t, text, "tap service\nby MAC     of all that, the address of its NIC has 5 ")
	assert.NotContains(t, text, "the filter selects")
	assert.NotContains(t, text, "address of no NIC")

	c.ByMAC.Selected, c.ByMAC.Unexplained = &api.Count{Packets: 4}, api.Count{Packets: 2}
	text = kind.CounterText(c)
	assert.Contains(t, text, "of these, the filter selects 4 ")
	assert.Contains(t, text, "and 2 (0 B) have the address of no NIC")
}
