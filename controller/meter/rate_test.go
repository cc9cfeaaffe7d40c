package meter_test

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapline-sdn/tapline/controller/meter"
	"github.com/tapline-sdn/tapline/controller/reconcile"
)

// TestRatesOfManyHosts: the rates of a service are the sum of those of its hosts, whenever each of
// them is read.
func TestRatesOfManyHosts(t *testing.T) {
	const hosts, pps = 3, 10
	b := meter.NewBook()
	address := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}) }
	for second := range 60 {
		now := at(float64(second))
		n := second * pps
		for i := range hosts {
			if second%10 != 3*i {
				continue // Each host is read at times of its own.
			}
			routes := map[string]meter.Route{"cap": {
				Service: "svc", Flows: []string{fmt.Sprint("f", i)}, Tunnel: address(i),
			}}
			b.Take(fmt.Sprint("h", i), meter.Reading{At: now, Flows: captured("cap", now, 0, n, n)},
				routes)
		}

		if second%10 == 5 {
			var flows []meter.FlowCount
			for i := range hosts {
				flows = append(flows, flow(reconcile.Meter{
					Owner: "svc", Enters: true, From: address(i),
				}, 0, now, 0, n))
			}
			b.Take("sink", meter.Reading{At: now, Flows: flows}, sink())
		}

		if second > 20 {
			c := b.Service("svc", now)
			assert.InDelta(t, hosts*pps, c.Captured.PacketsPerSecond, 0.01, "captured at %d s",
				second)
			assert.InDelta(t, hosts*pps, c.Delivered.PacketsPerSecond, 0.01, "delivered at %d s",
				second)
			assert.InDelta(t, pps, b.Flow("f1", now).Captured.PacketsPerSecond, 0.01)
		}
	}

	assert.Zero(t, b.Service("svc", at(120)).Captured.PacketsPerSecond, "rates without readings")
}
