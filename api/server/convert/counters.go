package convert

import (
	"math"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/controller/meter"
)

// Counters returns the JSON form of counters. What was delivered and lost is absent where switches
// do not count it for this object alone, and what was lost also where it cannot be told from what
// was merged.
func Counters(c meter.Counters) api.Counters {
	out := api.Counters{
		Captured: flowing(c.Captured), Guarded: api.Count(c.Guarded),
		Filtered: api.Count(c.Filtered), Shared: c.Shared, Merging: c.Merging,
		SampledAt: Time(c.SampledAt),
	}
	if !c.Undivided {
		delivered, lost, limited := flowing(c.Delivered), api.Count(c.Lost), api.Count(c.Limited)
		out.Delivered, out.Lost, out.Limited = &delivered, &lost, &limited
		if c.Unseen || c.Merging && lost.Packets == 0 {
			out.Lost = nil
		}
	}
	if own := c.ByMAC; own != nil {
		out.ByMAC = &api.ByMAC{Captured: flowing(own.Captured),
			Selected: (*api.Count)(own.Selected), Unexplained: api.Count(own.Unexplained)}
	}
	if cut := c.Cut; cut != nil {
		out.Cut = &api.Cut{
			Size: cut.Size, SourceMTU: cut.SourceMTU, MTU: cut.MTU, Reason: cut.Text,
		}
	}

	return out
}

// flowing rounds rates to the precision that they have.
func flowing(f meter.Flowing) api.Flowing {
	return api.Flowing{
		Packets: f.Packets, Bytes: f.Bytes,
		PacketsPerSecond: math.Round(10*f.PacketsPerSecond) / 10,
		BitsPerSecond:    math.Round(f.BitsPerSecond),
	}
}
