package session

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/ofconn"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// A probe is a small frame that a host's tap bridge sends through the tunnel to another's, which
// sends it to the controller:
//
//	+--------------+--------------+--------+------------------+-----------------+
//	| destination  |    source    | 0x88b5 | datapath id of   |      nonce      |
//	| 02:74:61:... | 02:74:61:... |        | sender (8)       |       (8)       |
//	+--------------+--------------+--------+------------------+-----------------+
//
// The nonce shows that the answer is to our question.
const (
	probeHeader = 14
	probeSize   = probeHeader + 16

	firstProbe = 2 * time.Millisecond // doubles until an answer comes
	maxProbe   = 250 * time.Millisecond
	// probeAgain is how often a path that works is probed. Open vSwitch forgets a neighbour after
	// 15 minutes without use.
	probeAgain = time.Minute
	// probeLost is how long a path may be without an answer before it counts as cut.
	probeLost = 3 * time.Second
	// keepPath is how long a path that worked, and that nothing uses any more, is taken to work
	// still.
	keepPath = 10 * time.Minute
)

// tunnelPaths are the paths through the tunnel that a session probes. They are safe for concurrent
// use.
type tunnelPaths struct {
	dpid uint64 // of the tap bridge that sends
	wake func() // called when an answer comes

	mu     sync.Mutex
	conn   *ofconn.Conn // over which they were probed last
	byPeer map[netip.Addr]*tunnelPath
}

// tunnelPath leads to the tap bridge of one other host.
type tunnelPath struct {
	nonce    uint64
	asked    time.Time // when the first probe since the last answer was sent; zero if none was
	interval time.Duration
	next     time.Time // when to probe
	works    bool
	answered time.Time // last
}

func newTunnelPaths(dpid uint64, wake func()) *tunnelPaths {
	return &tunnelPaths{dpid: dpid, wake: wake, byPeer: map[netip.Addr]*tunnelPath{}}
}

// ProbeArrived takes the answer to a probe. The engine calls it for the session whose probe arrived
// somewhere.
func (s *Session) ProbeArrived(nonce uint64) { s.paths.answer(nonce) }

func (t *tunnelPaths) answer(nonce uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()

	for _, path := range t.byPeer {
		if path.nonce == nonce && !path.asked.IsZero() {
			now := time.Now()
			path.works, path.asked, path.answered = true, time.Time{}, now
			path.next, path.interval = now.Add(probeAgain), firstProbe
			t.wake()
		}
	}
}

// ParseProbe reads who sent a probe, and its nonce.
func ParseProbe(p *openflow.PacketIn) (dpid, nonce uint64, ok bool) {
	if !reconcile.IsProbe(p) || len(p.Data) < probeSize ||
		binary.BigEndian.Uint16(p.Data[12:]) != reconcile.ProbeEtherType {
		return 0, 0, false
	}
	dpid = binary.BigEndian.Uint64(p.Data[probeHeader:])
	return dpid, binary.BigEndian.Uint64(p.Data[probeHeader+8:]), true
}

// probe sends the probes that are due. It returns the owners that wait for an answer, and when the
// next probe is due. Without a connection, or a number of the tunnel port, none is. An error says
// that the connection has ended.
func (t *tunnelPaths) probe(
	ctx context.Context, conn *ofconn.Conn, peers []tap.Peer, tunnel openflow.PortNo, now time.Time,
) (waiting map[string]string, next time.Time, err error) {
	waiting, next, due := t.look(conn, peers, tunnel, now)
	if len(due) > 0 {
		err = conn.Send(ctx, due...)
	}
	return waiting, next, err
}

// look works out what probe does.
func (t *tunnelPaths) look(
	conn *ofconn.Conn, peers []tap.Peer, tunnel openflow.PortNo, now time.Time,
) (waiting map[string]string, next time.Time, due []openflow.Message) {
	t.mu.Lock()
	defer t.mu.Unlock()

	if conn != nil && conn != t.conn {
		// The switch may have restarted and forgotten its neighbours.
		t.conn = conn
		clear(t.byPeer)
	}

	waiting = map[string]string{}
	ready := conn != nil && tunnel != 0
	current := make(map[netip.Addr]*tunnelPath, len(peers))
	for _, peer := range peers {
		path := t.byPeer[peer.Addr]
		if path == nil {
			path = &tunnelPath{interval: firstProbe}
		}

		current[peer.Addr] = path
		if ready && path.ask(now) {
			due = append(due, probeMessage(t.dpid, path.nonce, tunnel, peer.Addr))
		}
		if !path.usable(now) {
			for _, owner := range peer.Owners {
				waiting[owner] = fmt.Sprintf("no probe from its tunnel arrives at %s", peer.Addr)
			}
		}
		if ready && (next.IsZero() || path.next.Before(next)) {
			next = path.next
		}
	}

	t.retain(current, now)
	return waiting, next, due
}

// ask notes the next question if it is due.
func (p *tunnelPath) ask(now time.Time) (due bool) {
	if now.Before(p.next) {
		return false
	}
	if p.asked.IsZero() {
		p.asked, p.nonce = now, randomNonce()
	}
	p.next, p.interval = now.Add(p.interval), min(2*p.interval, maxProbe)
	return true
}

// usable reports whether the path works. One that has not answered for long is cut.
func (p *tunnelPath) usable(now time.Time) bool {
	if !p.asked.IsZero() && now.Sub(p.asked) > probeLost {
		p.works = false
	}
	return p.works
}

// retain makes paths the current ones, and keeps those that worked lately.
func (t *tunnelPaths) retain(current map[netip.Addr]*tunnelPath, now time.Time) {
	for addr, path := range t.byPeer {
		if current[addr] == nil && path.works && now.Sub(path.answered) < keepPath {
			path.asked = time.Time{}
			current[addr] = path
		}
	}
	t.byPeer = current
}

func randomNonce() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // It never fails.
	return binary.BigEndian.Uint64(b[:])
}

func probeMessage(dpid, nonce uint64, tunnel openflow.PortNo, to netip.Addr) openflow.Message {
	frame := make([]byte, 0, probeSize)
	frame = append(frame, 0x02, 't', 'a', 0, 0, 1, 0x02, 't', 'a', 0, 0, 2)
	frame = binary.BigEndian.AppendUint16(frame, reconcile.ProbeEtherType)
	frame = binary.BigEndian.AppendUint64(frame, dpid)
	frame = binary.BigEndian.AppendUint64(frame, nonce)
	return &openflow.PacketOut{
		Data: frame,
		Actions: []action.Action{
			action.SetField{Field: oxm.TunnelID(reconcile.ProbeKey)},
			action.SetField{Field: oxm.TunDst(to)},
			action.Output{Port: tunnel},
		},
	}
}
