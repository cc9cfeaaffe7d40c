package session

import (
	"bytes"
	"context"
	"encoding/binary"
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

// Nothing at a remote collector answers probes. What can be known is whether the switch knows the
// MAC address to send to: that of the collector, or of the gateway to it.
//
// The userspace datapath looks for a missing one only when a packet meets no cached flow, so a busy
// connection would wait for ever once the collector is back. A frame into the tunnel, twice a
// second, makes it look. The frame is cut to 64 octets on its way into the tunnel, and is then sent
// to the controller as well. Where it could not go into the tunnel, Open vSwitch applies the cut to
// the next output instead: the frame reaches the controller cut. It comes back whole where it went.
//
// A second frame, which is sent nowhere, shows whether the switch has that trait. The kernel's
// datapath has not, and looks for neighbours by itself. There, nothing is known.
const (
	collectorPause = 500 * time.Millisecond
	// collectorLost is how long a collector may be without a neighbour before that is told.
	collectorLost = time.Second
	// collectorGrace is how long a new one waits to be found.
	collectorGrace = time.Second
	questionSize   = 100 // octets of a frame that asks; cut to minFrame
)

// collectors are the remote collectors to which a session's host sends. They are safe for
// concurrent use.
type collectors struct {
	wake func() // called when an answer comes that changes something

	mu     sync.Mutex
	conn   *ofconn.Conn
	byPeer map[pathKey]*collectorPath
	tells  traitState // whether the switch shows what could not be sent
	trait  uint64     // nonce of the frame that is sent nowhere
}

type traitState int

const (
	traitUnknown traitState = iota
	traitShown              // what could not be sent comes back cut
	traitMissing            // everything comes back whole
)

// collectorPath is the way to one collector.
type collectorPath struct {
	nonce    uint64
	since    time.Time // when it was asked for first
	next     time.Time // when to ask
	reached  time.Time // when the neighbour was known last; zero for never
	missing  bool      // the last answer said that there is no neighbour
	answered bool
}

func newCollectors(wake func()) *collectors {
	return &collectors{wake: wake, byPeer: map[pathKey]*collectorPath{}}
}

// probe sends the frames that are due. It returns the owners whose collector cannot be reached, and
// why, and when the next frame is due.
func (c *collectors) probe(
	ctx context.Context, conn *ofconn.Conn, list []tap.Collector, number numberOf, now time.Time,
) (waiting map[string]string, next time.Time, err error) {
	waiting, next, due := c.look(conn, list, number, now)
	if len(due) > 0 {
		err = conn.Send(ctx, due...)
	}
	return waiting, next, err
}

// look works out what probe does.
func (c *collectors) look(
	conn *ofconn.Conn, list []tap.Collector, number numberOf, now time.Time,
) (waiting map[string]string, next time.Time, due []openflow.Message) {
	c.mu.Lock()
	defer c.mu.Unlock()

	if conn != c.conn { // The switch may be another, and has forgotten its neighbours.
		c.conn, c.tells, c.trait = conn, traitUnknown, 0
		clear(c.byPeer)
	}

	waiting = map[string]string{}
	current := make(map[pathKey]*collectorPath, len(list))
	for i := range list {
		to := &list[i]
		key := pathKey{to.Addr, to.Port}
		path := c.byPeer[key]
		if path == nil {
			path = &collectorPath{since: now, nonce: randomNonce()}
		}
		current[key] = path

		if tunnel := number(to.Port); tunnel != 0 {
			if !now.Before(path.next) {
				path.next = now.Add(collectorPause)
				due = append(due, c.ask(tunnel, to, path.nonce)...)
			}
			next = earliest(next, path.next)
		}

		for _, owner := range to.Owners {
			if why := c.trouble(path, to.Addr, now); why != "" {
				waiting[owner] = why
			}
		}
	}

	c.byPeer = current
	return waiting, next, due
}

// ask returns the frames that ask for a collector: the first ever on a connection also asks for the
// trait of the switch.
func (c *collectors) ask(
	tunnel openflow.PortNo, to *tap.Collector, nonce uint64,
) (frames []openflow.Message) {
	if c.tells == traitUnknown {
		if c.trait == 0 {
			c.trait = randomNonce()
		}
		// To address 0 nothing is sent: it is the tunnel destination that every packet begins with.
		nowhere := *to
		nowhere.Addr = netip.IPv4Unspecified()
		frames = append(frames, question(tunnel, &nowhere, c.trait))
	}
	return append(frames, question(tunnel, to, nonce))
}

// question is a frame into the tunnel, and to the controller.
func question(tunnel openflow.PortNo, to *tap.Collector, nonce uint64) openflow.Message {
	data := binary.BigEndian.AppendUint64(frame(reconcile.KeepAliveEtherType, questionSize), nonce)
	data = append(data, make([]byte, questionSize-len(data))...)
	actions := []action.Action{
		action.SetField{Field: oxm.TunnelID(uint64(to.KeepAliveKey))},
		action.SetField{Field: oxm.TunDst(to.Addr)},
	}
	if to.ERSPAN != 0 {
		actions = append(actions, action.SetField{Field: oxm.TunERSPANVersion(to.ERSPAN)})
	}

	return &openflow.PacketOut{Data: data, Actions: append(actions,
		action.OutputTrunc{Port: tunnel, MaxLen: minFrame},
		action.Output{Port: openflow.PortController, MaxLen: questionSize})}
}

// answer takes a packet that the switch sent to the controller. It is false for one that answers no
// question of ours.
func (c *collectors) answer(p *openflow.PacketIn, now time.Time) bool {
	head := frame(reconcile.KeepAliveEtherType, frameHeader)
	if len(p.Data) < frameHeader+8 || !bytes.Equal(p.Data[:frameHeader], head) {
		return false
	}

	nonce, cut := binary.BigEndian.Uint64(p.Data[frameHeader:]), len(p.Data) < questionSize
	c.mu.Lock()
	defer c.mu.Unlock()

	if c.trait != 0 && nonce == c.trait {
		if c.tells = traitMissing; cut {
			c.tells = traitShown
		}
		c.trait = 0
		c.wake()
		return true
	}

	for _, path := range c.byPeer {
		if path.nonce == nonce {
			news := !path.answered || path.missing != cut
			path.answered, path.missing = true, cut
			if !cut {
				path.reached = now
			}
			if news {
				c.wake()
			}
			return true
		}
	}
	return false
}

// trouble says why copies do not reach a collector; "" if they leave for it, as far as the switch
// tells.
func (c *collectors) trouble(path *collectorPath, addr netip.Addr, now time.Time) string {
	switch {
	case c.tells == traitMissing:
		return ""
	case c.tells == traitShown && path.answered:
		if path.missing && now.Sub(path.reached) >= collectorLost {
			return noNeighbour(addr)
		}
		return ""
	case now.Sub(path.since) < collectorGrace:
		return "it is being asked for the neighbour of " + addr.String()
	}
	return "" // The switch does not answer.
}

func noNeighbour(addr netip.Addr) string {
	return "nobody answers for " + addr.String() + " or for the gateway to it"
}

// cuts are the addresses that no copy reaches.
func (c *collectors) cuts(now time.Time) map[netip.Addr]bool {
	c.mu.Lock()
	defer c.mu.Unlock()

	var found map[netip.Addr]bool
	for key, path := range c.byPeer {
		known := c.tells == traitShown && path.answered && path.missing
		if known && now.Sub(path.reached) >= collectorLost {
			if found == nil {
				found = map[netip.Addr]bool{}
			}
			found[key.addr] = true
		}
	}
	return found
}
