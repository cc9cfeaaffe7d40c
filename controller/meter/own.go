package meter

import (
	"time"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

// What a capture counts is exactly its tap flow's while it has only one. Where several share it,
// flows that count by MAC address tell how much is each one's.

// byMAC is what the flows of a capture that count by MAC address have counted since the last
// reading.
type byMAC struct {
	counts      bool             // there are such flows
	entered     Count            // all that entered while they stood
	unexplained Count            // of this, what is from and to no address of a NIC
	captured    map[string]Count // by tap flow
	selected    map[string]Count // of this, what the filter accepted
}

func (m *byMAC) add(f *FlowCount, more Count) {
	if !m.counts {
		m.counts, m.captured, m.selected = true, map[string]Count{}, map[string]Count{}
	}

	switch f.Counts {
	case tap.CountsUnexplained:
		m.unexplained = m.unexplained.plus(more)
		return
	case tap.CountsSent:
		m.entered = m.entered.plus(more)
	}

	into := m.captured
	if f.Counts == tap.CountsSelected {
		into = m.selected
	}
	for _, id := range f.TapFlows {
		into[id] = into[id].plus(more)
	}
}

// division says how a capture's packets were divided at the last reading.
type division struct {
	alone   string // the only tap flow; "" if there were several, or none was read yet
	byMAC   bool   // they were counted by MAC address
	waits   bool   // others have joined, and nothing counts by MAC address yet
	pending Count  // captured since then
}

// own is what one tap flow has captured, whoever shares its captures.
type own struct {
	captured, selected side
	unexplained        Count

	byMAC    bool // some was counted by MAC address
	filtered bool // selected is counted
	// missed are captures of which it is not known what is its own, with the number of readings.
	// After one, its flows that count may still have been on their way to the switch.
	missed map[streamKey]int
}

// maxMissed is how many readings may say nothing of a tap flow before what is its own is unknown
// for good.
const maxMissed = 2

// known returns what is a tap flow's own; nil if that is not known, or it never shared a capture.
func (o *own) known(now time.Time) *ByMAC {
	if !o.byMAC || len(o.missed) > 0 {
		return nil
	}

	out := &ByMAC{Captured: o.captured.flowing(now), Unexplained: o.unexplained}
	if o.filtered {
		out.Selected = &o.selected.Count
	}
	return out
}

// miss notes that a reading of a capture does not tell what is the tap flow's.
func (o *own) miss(by streamKey) {
	if o.missed == nil {
		o.missed = map[streamKey]int{}
	}
	o.missed[by]++
}

// take adds what a reading of a capture tells.
func (o *own) take(by streamKey, at time.Time, captured, selected Count) {
	if o.missed[by] < maxMissed {
		delete(o.missed, by)
	}
	o.captured.take(by, at, captured)
	o.selected.take(by, at, selected)
}

// divide adds what a capture took to its tap flows, each its own.
//
// Flows that count by MAC address are written when a second tap flow joins, and removed when it
// leaves, between two readings. What entered before they stood is the first one's. What entered
// after they were removed is nobody's: they took what they had counted last with them, so that it
// may be the other one's.
func (b *Book) divide(c *capture, by streamKey, at time.Time, route Route, g *growth) {
	was := c.division
	switch {
	case g.byMAC.counts:
		c.division = division{byMAC: true}
		b.divideByMAC(by, at, route, g, was)
	case len(route.Flows) == 1:
		c.division = division{alone: route.Flows[0]}
		of := &b.tallyOf(b.flows, route.Flows[0]).own
		of.filtered = of.filtered || route.Filtered
		if !was.byMAC {
			of.take(by, at, was.pending.plus(g.entered), g.selected)
		}
	case was.alone != "" && !was.waits:
		c.division = division{alone: was.alone, waits: true, pending: g.entered}
	default:
		c.division = division{}
		for _, id := range route.Flows {
			b.tallyOf(b.flows, id).own.miss(by)
		}
	}
}

func (b *Book) divideByMAC(by streamKey, at time.Time, route Route, g *growth, was division) {
	var before Count
	if !was.byMAC {
		before = was.pending.plus(g.entered).minus(g.byMAC.entered)
	}

	for _, id := range route.Flows {
		of := &b.tallyOf(b.flows, id).own
		captured, counted := g.byMAC.captured[id]
		if !counted {
			of.miss(by)
			continue
		}

		if id == was.alone {
			captured = captured.plus(before)
		}
		of.byMAC, of.filtered = true, of.filtered || route.Filtered
		of.take(by, at, captured, g.byMAC.selected[id])
		of.unexplained = of.unexplained.plus(g.byMAC.unexplained)
	}
}
