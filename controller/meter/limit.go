package meter

import (
	"maps"
	"slices"
)

// limitKey names the meter that limits a service's rate on a source host.
type limitKey struct{ host, service string }

// limit is what a meter has dropped.
type limit struct {
	last Count // as read last
	owed Count // dropped, and not yet taken off what flows have counted
}

// limit enters what rate limits have dropped on a host. Flows behind a meter count these packets
// all the same, so they are taken off what has left, except behind a group: there each packet is
// looked up again, after the meter.
//
// One meter limits all captures of a service on the host. Which of them lost how much is not known,
// so their tap flows share the number.
func (b *Book) limit(
	host string, limits []LimitCount, grown map[string]*growth, routes map[string]Route,
) {
	for _, now := range limits {
		l := b.limits[limitKey{host, now.Service}]
		if l == nil {
			l = &limit{}
			b.limits[limitKey{host, now.Service}] = l
		}

		more := now.Count
		if now.Packets >= l.last.Packets {
			more = now.Count.minus(l.last)
		}
		l.last, l.owed = now.Count, l.owed.plus(more)

		captures := b.limited(now.Service, more, grown, routes)
		for _, owner := range captures {
			g := grown[owner]
			if g.sampled {
				continue
			}
			took := Count{min(l.owed.Packets, g.left.Packets), min(l.owed.Bytes, g.left.Bytes)}
			g.left, l.owed = g.left.minus(took), l.owed.minus(took)
		}
		if len(captures) > 0 && allSampled(captures, grown) {
			l.owed = Count{}
		}
	}
}

// limited adds what was dropped to a service and its tap flows, and returns the captures of the
// host that the meter limits, sorted.
func (b *Book) limited(
	service string, more Count, grown map[string]*growth, routes map[string]Route,
) (captures []string) {
	var flows []string
	for _, owner := range slices.Sorted(maps.Keys(grown)) {
		if route := routes[owner]; route.Service == service && !route.Receives {
			captures, flows = append(captures, owner), append(flows, route.Flows...)
		}
	}

	if len(captures) == 0 {
		return nil
	}
	for _, t := range b.tallies(service, flows) {
		t.limited = t.limited.plus(more)
	}
	return captures
}

func allSampled(captures []string, grown map[string]*growth) bool {
	return !slices.ContainsFunc(captures, func(owner string) bool { return !grown[owner].sampled })
}
