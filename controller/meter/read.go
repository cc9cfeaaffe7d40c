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
	out := t.Counters
	out.SampledAt = t.sourceAt
	if !t.sinkAt.IsZero() && t.sinkAt.Before(out.SampledAt) || out.SampledAt.IsZero() {
		out.SampledAt = t.sinkAt
	}
	out.Captured.PacketsPerSecond, out.Captured.BitsPerSecond = t.captured.rates(now)
	out.Delivered.PacketsPerSecond, out.Delivered.BitsPerSecond = t.delivered.rates(now)
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

// recent is a count some seconds ago and the rates since then.
type recent struct {
	at   time.Time
	was  Count
	last time.Time
	pps  float64
	bps  float64
}

// rateSpan is the time that rates are taken over, at least: Open vSwitch's statistics are up to half a second old.
const rateSpan = 4 * time.Second

// stale is how long rates are shown without a new reading.
const stale = 3 * Interval

func (r *recent) take(at time.Time, now Count) {
	if r.at.IsZero() || at.Sub(r.at) > stale {
		*r = recent{at: at, was: now, last: at}
		return
	}
	r.last = at
	if span := at.Sub(r.at); span >= rateSpan {
		more := now.minus(r.was)
		r.pps, r.bps = float64(more.Packets)/span.Seconds(), 8*float64(more.Bytes)/span.Seconds()
		r.at, r.was = at, now
	}
}

func (r *recent) rates(now time.Time) (pps, bps float64) {
	if now.Sub(r.last) > stale {
		return 0, 0
	}
	return r.pps, r.bps
}
