package mirror

import (
	"math"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Meters of the tap bridge. Their ids are small numbers, since a switch may have room for a few
// thousand only.
const (
	firstRateMeter = 1
	lastRateMeter  = 60_000
)

// addMeters adds a meter for each service with a rate limit that captures of the host feed.
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
// segment that a guest may hand over at once. A thousand times twice the burst must fit 32 bits:
// Open vSwitch 2.15 drops everything otherwise.
func rateMod(id uint32, limit tap.RateLimit) openflow.MeterMod {
	const (
		largestSegment = 64 * 8 // kbit
		largestBurst   = 2_000_000
	)
	if limit.Bits == 0 {
		rate := uint32(min(limit.Packets, math.MaxUint32))
		return meterMod(id, openflow.MeterPktps, rate, min(max(rate/10, 1), largestBurst))
	}
	rate := uint32(min(limit.Bits/1000, math.MaxUint32))
	return meterMod(id, openflow.MeterKbps, rate, min(max(rate/10, largestSegment), largestBurst))
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
