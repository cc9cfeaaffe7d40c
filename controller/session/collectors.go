package session

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/ofconn"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Nothing at a remote collector answers probes. What can be known is whether the switch knows the
// MAC address to send to: that of the collector, or of the gateway to it. A frame into the tunnel,
// twice a second, asks for that; see question.go.
//
// It also makes the switch look for a missing address. The userspace datapath looks for one only
// when a packet meets no cached flow, so a busy connection would wait for ever once the collector
// is back.
const (
	collectorPause = 500 * time.Millisecond
	// collectorSoon is when a collector is asked for again that was not found at first. It doubles
	// up to collectorPause. The switch has sent its ARP request by then.
	collectorSoon = 2 * time.Millisecond
	// collectorLost is how long a collector may be without a neighbour before that is told.
	collectorLost = time.Second
	// questionTime bounds one question.
	questionTime = 2 * time.Second
)

// collectors are the remote collectors to which a session's host sends. They are safe for
// concurrent use. Questions are asked by the goroutine of run.
type collectors struct {
	wake func()        // called when an answer changes what is known
	work chan struct{} // holds at most one: there are others to ask for

	mu     sync.Mutex
	conn   asker // nil until there is a connection
	counts counting
	byPeer map[pathKey]*collectorPath
}

// collectorState is what is known of a way to a collector.
type collectorState int

const (
	collectorUnknown collectorState = iota // the switch has not said yet
	collectorReached                       // it knows the neighbour
	collectorGone                          // it does not, and has not for collectorLost
	collectorUntold                        // it does not tell
)

// collectorPath is the way to one collector.
type collectorPath struct {
	to     tap.Collector
	tunnel openflow.PortNo // 0 while the port has no number

	state   collectorState
	next    time.Time     // when to ask
	pause   time.Duration // until the question after that
	without time.Time     // since when there is no neighbour; zero if there is one
}

func newCollectors(wake func()) *collectors {
	return &collectors{wake: wake, work: make(chan struct{}, 1),
		byPeer: map[pathKey]*collectorPath{}}
}

// follow makes a list the collectors that are asked for over a connection. It returns the owners
// whose copies must not be sent yet, and why, and which of these are cut off for good.
func (c *collectors) follow(
	conn asker, counts counting, list []tap.Collector, number numberOf,
) (waiting map[string]string, gone map[string]bool) {
	c.mu.Lock()
	defer c.mu.Unlock()

	if conn != c.conn { // The switch may be another, and has forgotten its neighbours.
		c.conn, c.counts = conn, counts
		clear(c.byPeer)
	}

	waiting, gone = map[string]string{}, map[string]bool{}
	current := make(map[pathKey]*collectorPath, len(list))
	for i := range list {
		key := pathKey{list[i].Addr, list[i].Port}
		path := c.byPeer[key]
		if path == nil {
			path = &collectorPath{pause: collectorSoon}
			notify(c.work)
		}
		if tunnel := number(list[i].Port); tunnel != path.tunnel {
			path.tunnel, path.next = tunnel, time.Time{}
			notify(c.work)
		}

		path.to = list[i]
		current[key] = path
		for _, owner := range list[i].Owners {
			if why := path.trouble(); why != "" {
				waiting[owner] = why
			}
			if path.state == collectorGone {
				gone[owner] = true
			}
		}
	}

	c.byPeer = current
	return waiting, gone
}

// trouble says why no copies may be sent to a collector; "" if they leave for it, as far as the
// switch tells.
func (p *collectorPath) trouble() string {
	switch p.state {
	case collectorUnknown:
		return "the switch has not said yet whether it knows the MAC address of " +
			p.to.Addr.String() + " or of the gateway to it"
	case collectorGone:
		return "nobody answers for " + p.to.Addr.String() + " or for the gateway to it"
	}
	return ""
}

// run asks for the collectors until ctx ends.
func (c *collectors) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.work:
		case <-timer.C:
		}

		timer.Stop()
		if next := c.askDue(ctx); !next.IsZero() {
			timer.Reset(time.Until(next))
		}
	}
}

// askDue asks for the collectors that are due, one after another, since the answer is what a
// port has counted meanwhile. It returns when the next one is due; zero for never.
func (c *collectors) askDue(ctx context.Context) (next time.Time) {
	conn, counts, due := c.due(time.Now())
	for i := range due {
		asking, cancel := context.WithTimeout(ctx, questionTime)
		answer, err := ask(asking, conn, counts, due[i].tunnel, &due[i].to)
		cancel()
		if err != nil {
			break // The connection has ended, or the switch is slow: they are due again.
		}
		c.learn(conn, &due[i], answer, time.Now())
	}

	c.mu.Lock()
	defer c.mu.Unlock()
	for _, path := range c.byPeer {
		if path.tunnel != 0 {
			next = earliest(next, path.next)
		}
	}
	return next
}

// due returns copies of the paths that are due, in the order of their addresses.
func (c *collectors) due(now time.Time) (conn asker, counts counting, due []collectorPath) {
	c.mu.Lock()
	defer c.mu.Unlock()

	for _, path := range c.byPeer {
		if path.tunnel != 0 && !now.Before(path.next) {
			due = append(due, *path)
			path.next = now.Add(path.pause)
			path.pause = min(2*path.pause, collectorPause)
		}
	}
	slices.SortFunc(due, func(a, b collectorPath) int { return a.to.Addr.Compare(b.to.Addr) })
	return c.conn, c.counts, due
}

// learn notes the answer to a question.
func (c *collectors) learn(conn asker, asked *collectorPath, answer answer, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	path := c.byPeer[pathKey{asked.to.Addr, asked.to.Port}]
	if conn != c.conn || path == nil {
		return
	}

	before := path.state
	switch {
	case answer == untold, answer == stayed && c.counts != countsTwice:
		path.state, path.pause = collectorUntold, collectorPause
	case answer == left:
		c.counts = countsTwice
		path.state, path.pause, path.without = collectorReached, collectorPause, time.Time{}
	case answer == unclear: // It is asked again after path.pause.
	case path.without.IsZero():
		path.without = now
	case now.Sub(path.without) >= collectorLost:
		path.state = collectorGone
	}
	if path.state != before {
		c.wake()
	}
}

// cuts are the addresses that no copy reaches; nil if there are none.
func (c *collectors) cuts() map[netip.Addr]bool {
	c.mu.Lock()
	defer c.mu.Unlock()

	var found map[netip.Addr]bool
	for key, path := range c.byPeer {
		if path.state != collectorGone {
			continue
		}
		if found == nil {
			found = map[netip.Addr]bool{}
		}
		found[key.addr] = true
	}
	return found
}

// followCollectors has the collectors of a program asked for over a connection.
func (s *Session) followCollectors(
	conn *ofconn.Conn, snap *vswitch.Snapshot, list []tap.Collector, number numberOf,
) (waiting map[string]string, gone map[string]bool) {
	if len(list) > 0 {
		s.askCollectors()
	}
	return s.collectors.follow(conn, countingOf(snap, s.config.TapBridge), list, number)
}
