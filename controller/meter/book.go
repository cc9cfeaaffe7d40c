package meter

import (
	"net/netip"
	"sync"
	"time"

	"github.com/tapline-sdn/tapline/openflow/flowtable"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Book adds up readings. It is safe for concurrent use; its zero value is not, use [NewBook].
type Book struct {
	mu       sync.Mutex
	hosts    map[string]map[flowtable.Key]series
	captures map[captureKey]*capture
	paths    map[pathKey]*tunnelPath
	services map[string]*tally
	flows    map[string]*tally
	limits   map[limitKey]*limit
}

type captureKey struct{ host, owner string }

type pathKey struct {
	service string
	from    netip.Addr
}

// series is the last statistics of one flow of a switch.
type series struct {
	owner   string
	from    netip.Addr
	written time.Time
	count   Count
}

// capture is what one capture has counted.
type capture struct {
	route         Route
	entered, left Count
	guarded       Count
	// beyond is what has passed the guard, whether the filter accepted it or not. Programs without
	// flows that count that have it only where it leaves.
	beyond Count

	division division
}

// tally is the counters of a service or a tap flow.
type tally struct {
	captured, delivered side
	guarded, lost       Count
	filtered, limited   Count

	undivided, shared bool
	merging           map[pathKey]bool // the paths on which packets may be merged; nil for none

	own own // of a tap flow
}

// NewBook returns a book without entries.
func NewBook() *Book {
	return &Book{
		hosts: map[string]map[flowtable.Key]series{}, captures: map[captureKey]*capture{},
		paths:    map[pathKey]*tunnelPath{},
		services: map[string]*tally{}, flows: map[string]*tally{},
		limits: map[limitKey]*limit{},
	}
}

// growth is what the flows of an owner have counted since the last reading.
type growth struct {
	entered, left      Count
	selected, rejected Count
	selects            bool // some flow counts what is selected
	sampled            bool
	stands             bool // see [standingOwners]
	// when the flows that packets enter by were written, if they count from 0 now
	anew time.Time
	from map[netip.Addr]*growth

	byMAC byMAC
}

// Take enters a reading of a host. Owners without a route are left for a later reading.
func (b *Book) Take(host string, r Reading, routes map[string]Route) {
	b.mu.Lock()
	defer b.mu.Unlock()

	before, now := b.hosts[host], make(map[flowtable.Key]series, len(r.Flows))
	standing := standingOwners(before, r)
	grown := map[string]*growth{}
	for i := range r.Flows {
		f := &r.Flows[i]
		if _, routed := routes[f.Owner]; !routed {
			continue
		}

		s := series{owner: f.Owner, from: f.From, written: r.At.Add(-f.Age), count: f.Count}
		now[f.Key] = s
		if grown[f.Owner] == nil {
			grown[f.Owner] = &growth{from: map[netip.Addr]*growth{}, stands: standing[f.Owner]}
		}
		old, known := before[f.Key]
		grown[f.Owner].enter(f, s, old, known)
	}

	b.hosts[host] = now
	b.limit(host, r.Limits, grown, routes)
	sending := map[pathKey]*growth{}
	for owner, g := range grown {
		if route := routes[owner]; route.Receives {
			b.receive(host, route, g, r.At)
		} else {
			b.capture(captureKey{host, owner}, route, g, r.At, sending)
		}
	}

	b.vanish(host, before, now)
	for key, g := range sending {
		w := b.paths[key]
		if !w.sent.seen {
			w.begin(&w.sent, g.anew)
		}
		w.sent.total = w.sent.total.plus(g.left)
		w.sample(r.At)
	}
}

// enter adds what a flow has counted since the last reading, if it was known then.
func (g *growth) enter(f *FlowCount, now, old series, known bool) {
	more := now.count
	// A flow that was written anew counts from 0, unless it took the place of the one before.
	anew := !known || now.count.Packets < old.count.Packets || now.rewritten(old) && !g.stands
	if !anew {
		more = now.count.minus(old.count)
	}

	if f.Counts != tap.CountsByPlace && !f.Rejects {
		g.byMAC.add(f, more)
		return
	}

	g.add(f, more, anew, now.written)
	if f.Enters && f.From.IsValid() {
		if g.from[f.From] == nil {
			g.from[f.From] = &growth{}
		}
		g.from[f.From].add(f, more, anew, now.written)
	}
}

// rewritten reports whether a flow was written again since it had the older statistics. Its age
// tells, within what the two clocks and the way here may differ.
func (s series) rewritten(old series) bool { return s.written.Sub(old.written) > time.Second }

// standingOwners are the owners of which some flow stands since the last reading. If another flow
// of theirs was written again, it has replaced one in place, and Open vSwitch then keeps what that
// one has counted. A switch that restarts, or a capture that is made again, writes all anew.
func standingOwners(before map[flowtable.Key]series, r Reading) map[string]bool {
	standing := map[string]bool{}
	for i := range r.Flows {
		f := &r.Flows[i]
		now := series{written: r.At.Add(-f.Age), count: f.Count}
		if old, known := before[f.Key]; known && !now.rewritten(old) {
			standing[f.Owner] = true
		}
	}
	return standing
}

func (g *growth) add(f *FlowCount, more Count, anew bool, written time.Time) {
	if f.Enters {
		g.entered = g.entered.plus(more)
		if anew && written.After(g.anew) {
			g.anew = written
		}
	}
	if f.Leaves {
		g.left = g.left.plus(more)
		g.sampled = g.sampled || f.Sampled
	}
	if f.Selects {
		g.selected, g.selects = g.selected.plus(more), true
	}
	if f.Rejects {
		g.rejected, g.selects = g.rejected.plus(more), true
	}
}

// capture enters what a capture took.
func (b *Book) capture(key captureKey, route Route, g *growth, at time.Time,
	sending map[pathKey]*growth) {
	c := b.captures[key]
	first := c == nil
	if first {
		c = &capture{}
		b.captures[key] = c
	}

	c.route = route
	c.entered, c.left = c.entered.plus(g.entered), c.left.plus(g.left)
	if g.selects {
		c.beyond = c.beyond.plus(g.selected).plus(g.rejected)
	} else {
		c.beyond = c.beyond.plus(g.left)
	}
	guarded := c.entered.minus(c.beyond).minus(c.guarded)
	c.guarded = c.guarded.plus(guarded)

	stream := streamKey{host: key.host, owner: key.owner}
	b.divide(c, stream, at, route, g)
	for _, t := range b.tallies(route.Service, route.Flows) {
		t.captured.take(stream, at, g.entered)
		t.guarded = t.guarded.plus(guarded)
		t.filtered = t.filtered.plus(g.rejected)
		if !route.Tunnel.IsValid() {
			t.deliver(stream, at, g.left, Count{})
		}
	}

	if !route.Tunnel.IsValid() {
		return
	}

	path := b.path(pathKey{route.Service, route.Tunnel})
	if !first && !g.anew.IsZero() && path.sent.seen && len(path.feeders) <= 1 {
		path.gone(&path.sent) // It counts from 0, and what it had counted last is not known.
	}
	path.route(route)
	b.feed(path, key, c)

	sum := sending[pathKey{route.Service, route.Tunnel}]
	if sum == nil {
		sum = &growth{}
		sending[pathKey{route.Service, route.Tunnel}] = sum
	}

	sum.left = sum.left.plus(g.left)
	if g.anew.After(sum.anew) {
		sum.anew = g.anew
	}
}

// feed notes that a capture sends by a path. If it is the only one, what arrives is its tap flows'.
func (b *Book) feed(path *tunnelPath, key captureKey, c *capture) {
	path.feeders[key] = c
	path.flows = c.route.Flows
	if len(path.feeders) == 1 {
		if path.early != (Count{}) { // The destination was read first.
			for _, id := range path.flows {
				t := b.tallyOf(b.flows, id)
				t.deliver(path.receiver, path.received.at, path.early, Count{})
			}
			path.early = Count{}
		}
		return
	}

	path.flows, path.early = nil, Count{}
	for _, feeder := range path.feeders {
		for _, id := range feeder.route.Flows {
			b.tallyOf(b.flows, id).undivided = true
		}
	}
}

// mayMerge notes whether packets may be merged on a path.
func (t *tally) mayMerge(key pathKey, may bool) {
	if !may {
		delete(t.merging, key)
		return
	}
	if t.merging == nil {
		t.merging = map[pathKey]bool{}
	}
	t.merging[key] = true
}

func (t *tally) deliver(by streamKey, at time.Time, came, lost Count) {
	t.delivered.take(by, at, came)
	t.lost = t.lost.plus(lost)
}

// receive enters what arrived for a service.
func (b *Book) receive(host string, route Route, g *growth, at time.Time) {
	service := route.Service
	for from, came := range g.from {
		key := pathKey{service, from}
		w := b.path(key)
		w.route(route)
		w.receiver = streamKey{host, service, from}
		if !came.anew.IsZero() {
			w.begin(&w.received, came.anew)
		}

		w.received.total = w.received.total.plus(came.entered)
		lost := w.arrived(at)
		t := b.tallyOf(b.services, service)
		t.deliver(w.receiver, at, came.entered, lost)
		t.mayMerge(key, w.merging)
		if w.flows == nil {
			w.early = w.early.plus(came.entered)
			continue
		}

		for _, id := range w.flows {
			t := b.tallyOf(b.flows, id)
			t.deliver(w.receiver, at, w.early.plus(came.entered), lost)
			t.mayMerge(key, w.merging)
		}

		w.early = Count{}
	}
}

// vanish notes which flows of a host are no longer there.
func (b *Book) vanish(host string, before, now map[flowtable.Key]series) {
	for key, s := range before {
		if _, still := now[key]; still {
			continue
		}

		if s.from.IsValid() {
			if w := b.paths[pathKey{s.owner, s.from}]; w != nil {
				w.gone(&w.received)
			}
			continue
		}

		at := captureKey{host, s.owner}
		c := b.captures[at]
		if c == nil || stands(now, s.owner) {
			continue
		}

		delete(b.captures, at)
		if w := b.paths[pathKey{c.route.Service, c.route.Tunnel}]; w != nil {
			if delete(w.feeders, at); len(w.feeders) == 0 {
				w.gone(&w.sent)
			}
		}
	}
}

func stands(now map[flowtable.Key]series, owner string) bool {
	for _, s := range now {
		if s.owner == owner {
			return true
		}
	}
	return false
}

func (b *Book) path(key pathKey) *tunnelPath {
	w := b.paths[key]
	if w == nil {
		w = &tunnelPath{feeders: map[captureKey]*capture{}}
		b.paths[key] = w
	}
	return w
}

// tallies are those of a service and of tap flows that feed it together.
func (b *Book) tallies(service string, flows []string) []*tally {
	out := []*tally{b.tallyOf(b.services, service)}
	for _, id := range flows {
		t := b.tallyOf(b.flows, id)
		t.shared = t.shared || len(flows) > 1
		out = append(out, t)
	}
	return out
}

func (b *Book) tallyOf(of map[string]*tally, id string) *tally {
	t := of[id]
	if t == nil {
		t = &tally{}
		of[id] = t
	}
	return t
}
