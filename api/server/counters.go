package server

import (
	"math"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/controller/meter"
)

func countersJSON(c meter.Counters) api.Counters {
	out := api.Counters{Captured: flowingJSON(c.Captured), Guarded: api.Count(c.Guarded), Shared: c.Shared}
	if !c.Undivided {
		delivered, lost := flowingJSON(c.Delivered), api.Count(c.Lost)
		out.Delivered, out.Lost = &delivered, &lost
	}
	if !c.SampledAt.IsZero() {
		at := c.SampledAt.UTC()
		out.SampledAt = &at
	}
	return out
}

// flowingJSON rounds rates to what they are good for.
func flowingJSON(f meter.Flowing) api.Flowing {
	return api.Flowing{
		Packets: f.Packets, Bytes: f.Bytes,
		PacketsPerSecond: math.Round(10*f.PacketsPerSecond) / 10, BitsPerSecond: math.Round(f.BitsPerSecond),
	}
}
