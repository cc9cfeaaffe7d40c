package meter

import (
	"net/netip"
	"time"
)

// rateSpan is the time that rates are taken over, at least: Open vSwitch's statistics are up to
// half a second old.
const rateSpan = 4 * time.Second

// stale is how long rates are shown without a new reading.
const stale = 3 * Interval

// side is what was counted at one end of a service or a tap flow. Several switches may count it,
// each read at times of its own.
type side struct {
	Count
	at      time.Time // of the last reading; zero before the first
	streams map[streamKey]*stream
}

// streamKey says who counts a part of a side: an owner's flows on a host and, at a destination,
// which sender they count.
type streamKey struct {
	host, owner string
	from        netip.Addr
}

// stream is one part, with its rates between the last two readings that were rateSpan apart.
type stream struct {
	total Count
	at    time.Time // of the last reading
	since time.Time // of the reading that the next rates start from
	was   Count     // then
	rates rates
}

type rates struct{ packets, bits float64 } // a second

// take adds what one part has counted since its last reading.
func (s *side) take(key streamKey, at time.Time, more Count) {
	s.Count = s.Count.plus(more)
	if at.After(s.at) {
		s.at = at
	}

	if s.streams == nil {
		s.streams = map[streamKey]*stream{}
	}

	one := s.streams[key]
	if one == nil {
		one = &stream{}
		s.streams[key] = one
	}

	one.take(at, more)
}

func (s *stream) take(at time.Time, more Count) {
	s.total, s.at = s.total.plus(more), at
	switch span := at.Sub(s.since); {
	case s.since.IsZero() || span > stale:
		s.rates = rates{}
	case span < rateSpan:
		return
	default:
		grown := s.total.minus(s.was)
		s.rates = rates{
			float64(grown.Packets) / span.Seconds(), 8 * float64(grown.Bytes) / span.Seconds(),
		}
	}

	s.since, s.was = at, s.total
}

// flowing is what is shown at a time: the rates of all parts together.
func (s *side) flowing(now time.Time) Flowing {
	out := Flowing{Count: s.Count}
	for key, one := range s.streams {
		if now.Sub(one.at) > stale {
			delete(s.streams, key)
			continue
		}
		out.PacketsPerSecond += one.rates.packets
		out.BitsPerSecond += one.rates.bits
	}

	return out
}
