package session

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	mathrand "math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/ofconn"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

const (
	firstProbe = 2 * time.Millisecond // doubles until an answer comes
	maxProbe   = 250 * time.Millisecond
	// probeAgain is how often a path that works is probed. The switch then renews its neighbour
	// too, which Open vSwitch forgets after 15 minutes without use.
	probeAgain = 5 * time.Second // on average
	// probeLost is how long a path may be without an answer before it counts as cut.
	probeLost = 2 * time.Second
	// doubtedLost is the same for a path that there is a reason to doubt.
	doubtedLost = time.Second
	// keepPath is how long a path that worked, and that nothing uses any more, is taken to work
	// still.
	keepPath = 10 * time.Minute
)

// tunnelPaths are the paths through the tunnel that a session probes. They are safe for concurrent
// use.
type tunnelPaths struct {
	dpid uint64 // of the tap bridge that sends
	wake func() // called when an answer comes that may change something

	mu     sync.Mutex
	conn   *ofconn.Conn // over which they were probed last
	byPeer map[pathKey]*tunnelPath
}

// pathKey says where a path leads, and by which tunnel port.
type pathKey struct {
	addr netip.Addr
	port string
}

// tunnelPath leads to the tap bridge of one other host.
type tunnelPath struct {
	nonce    uint64
	asked    time.Time // when the first probe since the last answer was sent; zero if none was
	interval time.Duration
	next     time.Time // when to probe
	works    bool
	answered time.Time // last
	doubted  bool      // something has changed since
	size     frameSearch
}

// numberOf is the OpenFlow number of a tunnel port, or 0 while it has none.
type numberOf func(port string) openflow.PortNo

func newTunnelPaths(dpid uint64, wake func()) *tunnelPaths {
	return &tunnelPaths{dpid: dpid, wake: wake, byPeer: map[pathKey]*tunnelPath{}}
}

// ProbeArrived takes the answer to a probe. The engine calls it for the session whose probe arrived
// somewhere.
func (s *Session) ProbeArrived(nonce uint64) { s.paths.answer(nonce, time.Now()) }

// ProbeAgain has the paths to an address probed at once: the switch there, or its address, may have
// changed.
func (s *Session) ProbeAgain(peer netip.Addr) {
	s.paths.doubt(func(to netip.Addr) bool { return to == peer })
	s.poke()
}

func (t *tunnelPaths) answer(nonce uint64, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()

	for _, path := range t.byPeer {
		if path.nonce == nonce && !path.asked.IsZero() {
			news := !path.works || path.size.isRunning()
			path.size.tookTrip(now.Sub(path.asked))
			path.works, path.asked, path.answered = true, time.Time{}, now
			path.doubted = false
			path.next, path.interval = now.Add(probePause()), maxProbe
			if news {
				t.wake()
			}
			return
		}
		if path.size.answer(nonce) {
			t.wake()
			return
		}
	}
}

// doubt has the paths to some addresses probed at once. They count until probes go unanswered.
func (t *tunnelPaths) doubt(concerned func(netip.Addr) bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for key, path := range t.byPeer {
		if concerned(key.addr) {
			path.next, path.interval, path.doubted = time.Time{}, firstProbe, true
			path.size.restart()
		}
	}
}

// probe sends the probes that are due. It returns the owners that wait for an answer, and when the
// next probe is due. Without a connection, or a number of the tunnel port, none is. An error says
// that the connection has ended.
func (t *tunnelPaths) probe(
	ctx context.Context, conn *ofconn.Conn, peers []tap.Peer, number numberOf, now time.Time,
) (waiting map[string]string, next time.Time, err error) {
	waiting, next, due := t.look(conn, peers, number, now)
	if len(due) > 0 {
		err = conn.Send(ctx, due...)
	}
	return waiting, next, err
}

// look works out what probe does.
func (t *tunnelPaths) look(
	conn *ofconn.Conn, peers []tap.Peer, number numberOf, now time.Time,
) (waiting map[string]string, next time.Time, due []openflow.Message) {
	t.mu.Lock()
	defer t.mu.Unlock()

	if conn != nil && conn != t.conn {
		// The switch may have restarted and forgotten its neighbours.
		t.conn = conn
		clear(t.byPeer)
	}

	waiting = map[string]string{}
	current := make(map[pathKey]*tunnelPath, len(peers))
	for i := range peers {
		peer := &peers[i]
		key := pathKey{peer.Addr, peer.Port}
		path := t.byPeer[key]
		if path == nil {
			path = &tunnelPath{interval: firstProbe}
		}

		current[key] = path

		if tunnel := number(peer.Port); conn != nil && tunnel != 0 {
			due = append(due, path.due(t.dpid, tunnel, peer, now)...)
			next = earliest(next, path.next, path.size.next)
		}

		if problem := path.problem(now); problem != "" {
			for _, owner := range peer.Owners {
				waiting[owner] = fmt.Sprintf(problem, peer.Addr)
			}
		}
	}

	t.retain(current, now)
	return waiting, next, due
}

// due returns the probes of a path that are due.
func (p *tunnelPath) due(
	dpid uint64, tunnel openflow.PortNo, peer *tap.Peer, now time.Time,
) (frames []openflow.Message) {
	if p.isDue(now) || p.asked.IsZero() && p.size.doubtful(p.answered) {
		if p.asked.IsZero() {
			p.asked, p.nonce = now, randomNonce()
		}
		p.next, p.interval = now.Add(p.interval), min(2*p.interval, maxProbe)
		frames = append(frames, through(tunnel, peer, probeFrame(dpid, p.nonce, probeSize)))
	}

	if nonce, size := p.size.due(p.works, p.answered, int(peer.FrameSize), now); size > 0 {
		frames = append(frames, through(tunnel, peer, probeFrame(dpid, nonce, size)))
	}
	return frames
}

// isDue reports whether a small probe is due.
func (p *tunnelPath) isDue(now time.Time) bool {
	if p.works && !p.doubted && p.asked.IsZero() {
		now = now.Add(tendSlack)
	}
	return !now.Before(p.next)
}

// probePause is how long a path that works is left alone. It differs, so that the hosts that came
// up together do not all probe together.
func probePause() time.Duration { return probeAgain*9/10 + mathrand.N(probeAgain/5) }

// problem says why copies must not take the path yet, as a format that takes its address; "" if
// they may. A path that has not answered for long is cut. A new one is not used before its size is
// measured: large copies would be lost without a word.
func (p *tunnelPath) problem(now time.Time) string {
	lost := probeLost
	if p.doubted {
		lost = doubtedLost
	}
	if !p.asked.IsZero() && now.Sub(p.asked) > lost {
		p.works = false
		p.size.restart() // It may come back another way.
	}

	switch {
	case !p.works:
		return "no probe from its tunnel arrives at %s"
	case !p.size.known:
		return "the largest frame that passes the tunnel to %s is being measured"
	}
	return ""
}

// retain makes paths the current ones, and keeps those that worked lately.
func (t *tunnelPaths) retain(current map[pathKey]*tunnelPath, now time.Time) {
	for key, path := range t.byPeer {
		if current[key] == nil && path.works && now.Sub(path.answered) < keepPath {
			path.asked = time.Time{}
			current[key] = path
		}
	}
	t.byPeer = current
}

// frames returns the largest inner frame in octets that passes, by peer, where it is known that not
// all do.
func (t *tunnelPaths) frames(peers []tap.Peer) map[netip.Addr]uint32 {
	t.mu.Lock()
	defer t.mu.Unlock()

	var found map[netip.Addr]uint32
	for i := range peers {
		path := t.byPeer[pathKey{peers[i].Addr, peers[i].Port}]
		if path == nil || path.size.passes == 0 {
			continue
		}
		if found == nil {
			found = map[netip.Addr]uint32{}
		}
		found[peers[i].Addr] = uint32(path.size.passes)
	}

	return found
}

// cuts returns the addresses of peers and remote collectors that nothing reaches at present; nil if
// there are none.
func (s *Session) cuts(peers []tap.Peer) map[netip.Addr]bool {
	found := s.collectors.cuts()

	s.paths.mu.Lock()
	defer s.paths.mu.Unlock()
	for i := range peers {
		path := s.paths.byPeer[pathKey{peers[i].Addr, peers[i].Port}]
		lost := path != nil && !path.works && !path.asked.IsZero() &&
			time.Since(path.asked) > probeLost
		if lost {
			if found == nil {
				found = map[netip.Addr]bool{}
			}
			found[peers[i].Addr] = true
		}
	}
	return found
}

// earliest is the first of some times; the zero time stands for never.
func earliest(first time.Time, more ...time.Time) time.Time {
	for _, t := range more {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}

func randomNonce() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // It never fails.
	return binary.BigEndian.Uint64(b[:])
}
