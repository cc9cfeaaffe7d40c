package meter

import "time"

// Service returns the counters of a service, with rates as of now.
func (b *Book) Service(id string, now time.Time) Counters { return b.read(b.services, id, now) }

// Flow returns the counters of a tap flow, with rates as of now.
func (b *Book) Flow(id string, now time.Time) Counters { return b.read(b.flows, id, now) }

func (b *Book) read(of map[string]*tally, id string, now time.Time) Counters {
	b.mu.Lock()
	defer b.mu.Unlock()

	t := of[id]
	if t == nil {
		return Counters{}
	}

	out := Counters{
		Captured: t.captured.flowing(now), Guarded: t.guarded, Delivered: t.delivered.flowing(now),
		Lost:      t.lost,
		Undivided: t.undivided, Shared: t.shared, SampledAt: t.captured.at,
	}
	if sink := t.delivered.at; !sink.IsZero() && sink.Before(out.SampledAt) ||
		out.SampledAt.IsZero() {
		out.SampledAt = sink
	}
	if out.Undivided {
		out.Delivered, out.Lost = Flowing{}, Count{}
	}

	return out
}

// ForgetService drops a service that was deleted.
func (b *Book) ForgetService(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.services, id)
	for key := range b.ways {
		if key.service == id {
			delete(b.ways, key)
		}
	}
}

// ForgetFlow drops a tap flow that was deleted.
func (b *Book) ForgetFlow(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.flows, id)
}

// ForgetHost drops what a host counted; what it added to services and tap flows stays.
func (b *Book) ForgetHost(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.vanish(id, b.hosts[id], nil)
	delete(b.hosts, id)
}

// side is what was counted at one end, with the rates between the last two readings that were
// rateSpan apart.
type side struct {
	Flowing
	at    time.Time // of the last reading; zero before the first
	since time.Time // of the reading that the next rates start from
	was   Count     // then
}

// rateSpan is the time that rates are taken over, at least: Open vSwitch's statistics are up to
// half a second old.
const rateSpan = 4 * time.Second

// stale is how long rates are shown without a new reading.
const stale = 3 * Interval

// take adds what was counted since the last reading.
func (s *side) take(at time.Time, more Count) {
	s.Count, s.at = s.plus(more), at
	switch span := at.Sub(s.since); {
	case s.since.IsZero() || span > stale:
		s.Flowing = Flowing{Count: s.Count}
	case span < rateSpan:
		return
	default:
		grown := s.minus(s.was)
		s.PacketsPerSecond, s.BitsPerSecond = float64(grown.Packets)/span.Seconds(),
			8*float64(grown.Bytes)/span.Seconds()
	}

	s.since, s.was = at, s.Count
}

// flowing is what is shown at a time.
func (s *side) flowing(now time.Time) Flowing {
	if now.Sub(s.at) > stale {
		return Flowing{Count: s.Count}
	}
	return s.Flowing
}
