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
		Captured: t.captured.flowing(now), Guarded: t.guarded,
		Filtered: t.filtered, Limited: t.limited, Delivered: t.delivered.flowing(now),
		Lost:      t.lost,
		Undivided: t.undivided, Shared: t.shared, Merging: len(t.merging) > 0,
		SampledAt: t.captured.at,
	}
	out.ByMAC = t.own.known(now)
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
	for key := range b.paths {
		if key.service == id {
			delete(b.paths, key)
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
