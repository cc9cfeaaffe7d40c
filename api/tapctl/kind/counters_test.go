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
