package mirror

import (
	"math"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Meters of the tap bridge. Their ids are small numbers, since a switch may have room for a few
// thousand only.
const (
	passMeter = 1 // limits nothing; see [flowTables.addCapture]

	firstRateMeter = 2
	lastRateMeter  = 60_000

	// passRate is in packets a second: more than any switch forwards.
	passRate = 4_000_000_000
)

// addMeters adds a meter for each service with a rate limit that captures of the host feed, and the
// one that limits nothing.
func (b *programBuilder) addMeters() {
	limited := map[string]*tap.Service{}
	for _, c := range b.captures {
		if !c.service.RateLimit.IsZero() {
			limited[c.service.ID] = c.service
		}
	}
	if len(limited) == 0 {
		return
	}

	b.rates = make(map[string]uint32, len(limited))
	used := map[uint32]bool{}
	b.program.Meters = append(b.program.Meters, tap.MeterEntry{
		Owner: ownerBridge, Mod: meterMod(passMeter, openflow.MeterPktps, passRate, passRate),
	})
	for _, id := range sortedKeys(limited) {
		number := firstRateMeter + hash32(id)%(lastRateMeter-firstRateMeter+1)
		for used[number] {
			number++
		}
		used[number] = true

		b.rates[id] = number
		b.program.Meters = append(b.program.Meters, tap.MeterEntry{
			Owner: id, Counts: tap.CountsLimited, Mod: rateMod(number, limited[id].RateLimit),
		})
	}
}

// rateMod is the meter of a rate limit. Its burst is a tenth of a second, and at least the largest
// segment that a guest may hand over at once.
func rateMod(id uint32, limit tap.RateLimit) openflow.MeterMod {
	const largestSegment = 64 * 8 // kbit
	if limit.Bits == 0 {
		rate := uint32(min(limit.Packets, math.MaxUint32))
		return meterMod(id, openflow.MeterPktps, rate, max(rate/10, 1))
	}
	rate := uint32(min(limit.Bits/1000, math.MaxUint32))
	return meterMod(id, openflow.MeterKbps, rate, max(rate/10, largestSegment))
}

func meterMod(id uint32, unit openflow.MeterFlags, rate, burst uint32) openflow.MeterMod {
	return openflow.MeterMod{
		ID: id, Flags: unit | openflow.MeterBurst | openflow.MeterCount,
		Bands: []openflow.Band{{Kind: openflow.BandDrop, Rate: rate, BurstSize: burst}},
	}
}

// matchesFragments reports whether flows of a host must see the ports of first fragments: where a
// filter stands. Captures without a filter work in either mode.
func (p *Planner) matchesFragments(h *tap.Host) bool {
	for _, t := range p.tallies[h.ID] {
		if t.filter != nil && t.active > 0 {
			return true
		}
	}
	return false
}
