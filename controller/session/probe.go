package session

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/ofconn"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// A probe is a small frame that a host's tap bridge sends through the tunnel to another's, which sends it to the controller:
//
//	+--------------+--------------+--------+------------------+-----------------+
//	| destination  |    source    | 0x88b5 | datapath id of   |      nonce      |
//	| 02:74:61:... | 02:74:61:... |        | sender (8)       |       (8)       |
//	+--------------+--------------+--------+------------------+-----------------+
//
// The nonce makes it sure that the answer is to our question.
const (
	probeHeader = 14
	probeSize   = probeHeader + 16

	firstProbe = 2 * time.Millisecond // doubles until an answer comes
	maxProbe   = 250 * time.Millisecond
	// probeAgain is how often a way that works is probed. Open vSwitch forgets a neighbour after 15 minutes without use.
	probeAgain = time.Minute
	// probeLost is how long a way may be without an answer before it counts as cut.
	probeLost = 3 * time.Second
	// keepWay is how long a way that worked and that nothing takes any more is taken to work still.
	keepWay = 10 * time.Minute
)

// ways are the ways through the tunnel that a session probes. They are guarded by the session's mu.
type ways map[netip.Addr]*way

type way struct {
	nonce    uint64
	asked    time.Time // when the first probe since the last answer was sent
	interval time.Duration
	next     time.Time // when to probe
	works    bool
	answered time.Time // last
}

// ProbeArrived takes the answer to a probe. The engine calls it for the session whose probe arrived somewhere.
func (s *Session) ProbeArrived(nonce uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.ways {
		if w.nonce == nonce && !w.asked.IsZero() {
			now := time.Now()
			w.works, w.asked, w.answered = true, time.Time{}, now
			w.next, w.interval = now.Add(probeAgain), firstProbe
			s.poke()
		}
	}
}

// ParseProbe reads who sent a probe, and its nonce.
func ParseProbe(p *openflow.PacketIn) (dpid, nonce uint64, ok bool) {
	if !reconcile.IsProbe(p) || len(p.Data) < probeSize || binary.BigEndian.Uint16(p.Data[12:]) != reconcile.ProbeEtherType {
		return 0, 0, false
	}
	return binary.BigEndian.Uint64(p.Data[probeHeader:]), binary.BigEndian.Uint64(p.Data[probeHeader+8:]), true
}

// probe sends the probes that are due, and says which owners wait for an answer and when the next probe is due.
func (s *Session) probe(ctx context.Context, conn *ofconn.Conn, peers []tap.Peer, tunnel openflow.PortNo, now time.Time) (waiting map[string]string, next time.Time) {
	waiting = map[string]string{}
	var due []openflow.Message
	s.mu.Lock()
	current := make(ways, len(peers))
	for _, peer := range peers {
		w := s.ways[peer.Addr]
		if w == nil {
			w = &way{interval: firstProbe}
		}
		current[peer.Addr] = w
		if conn != nil && tunnel != 0 && !now.Before(w.next) {
			if w.asked.IsZero() {
				w.asked, w.nonce = now, randomNonce()
			}
			w.next, w.interval = now.Add(w.interval), min(2*w.interval, maxProbe)
			due = append(due, probeMessage(s.dpid, w.nonce, tunnel, peer.Addr))
		}
		if !w.asked.IsZero() && now.Sub(w.asked) > probeLost {
			w.works = false
		}
		if !w.works {
			for _, owner := range peer.Owners {
				waiting[owner] = fmt.Sprintf("no probe from its tunnel arrives at %s", peer.Addr)
			}
		}
		if conn != nil && tunnel != 0 && (next.IsZero() || w.next.Before(next)) {
			next = w.next
		}
	}
	for addr, w := range s.ways {
		if current[addr] == nil && w.works && now.Sub(w.answered) < keepWay {
			w.asked = time.Time{}
			current[addr] = w
		}
	}
	s.ways = current
	s.mu.Unlock()
	if len(due) > 0 {
		if err := conn.Send(ctx, due...); err != nil {
			s.log.Debug("probes could not be sent", "error", err) // The connection has ended; its goroutine tells.
		}
	}
	return waiting, next
}

// forgetWays makes every way be probed anew: the switch, and with it what it knew of its neighbours, may have restarted.
func (s *Session) forgetWays() {
	for _, w := range s.ways {
		*w = way{interval: firstProbe}
	}
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
