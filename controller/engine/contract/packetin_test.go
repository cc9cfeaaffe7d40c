package contract_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/plugin/mirror"
	"github.com/tapline-sdn/tapline/plugin/plugintest"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// capturing is what a plugin is told while guest g2 is captured.
func capturing() tap.Change {
	c := told()
	c.Services = append(c.Services, tap.Service{ID: "c1", Type: tap.ServiceController,
		Enabled: true, RateLimit: tap.RateLimit{Packets: 2000}})
	c.Flows = append(c.Flows, tap.Flow{ID: "c1", TapID: "c1", Type: tap.FlowVNIC, GuestID: "g2",
		MAC: mac(2), Direction: tap.Both, Options: tap.Options{Filter: "tcp port 443"},
		Enabled: true, Created: time.Unix(2, 0)})
	return c
}

// TestCaptures: several captures of one source are each held to a rate of their own.
func TestCaptures(t *testing.T) {
	c := capturing()
	for _, id := range []string{"c2", "c3", "c4"} {
		service, flow := c.Services[2], c.Flows[len(c.Flows)-1]
		service.ID, flow.ID, flow.TapID = id, id, id
		c.Services, c.Flows = append(c.Services, service), append(c.Flows, flow)
	}
	assert.NoError(t, verdict(c, programs(t, mirror.New(), c)["h1"]))
}

// TestCapture: packets of a live capture may go to the controller, held to its rate.
func TestCapture(t *testing.T) {
	c := capturing()
	assert.NoError(t, verdict(c, programs(t, mirror.New(), c)["h1"]))

	c.Services[2].RateLimit.Packets = 1999
	more := capturing()
	assert.Error(t, verdict(c, programs(t, mirror.New(), more)["h1"]), "more than is asked for")

	for _, bad := range plugintest.CaptureWays() {
		t.Run(bad.Name, func(t *testing.T) {
			c := capturing()
			all := programs(t, plugintest.Spoiled(mirror.New(), bad), c)
			err := verdict(c, all["h1"])
			require.Error(t, err)
			t.Log(err)
		})
	}
}
