package session

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/ofconn"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Open vSwitch's userspace datapath keeps the MAC address of a tunnel's far end, and does not ask
// again when it changes, for instance when the host there is rebuilt: copies then go to the old
// address. It does take the address from each packet that arrives through the tunnel (since 2.17;
// the kernel datapath uses the kernel's neighbours, which look after themselves). So a host that
// receives sends a frame back to each host that sends to it, now and then, and at once when its own
// addresses have changed.
const (
	keepAliveTime = 5 * time.Second
	// maxKeepAlives bounds how many frames one step sends.
	maxKeepAlives = 64
	keepAlivePace = 20 * time.Millisecond // between steps that have more to send
)

// keepAlives says when to send a frame to which sender. It is used by Run's goroutine alone. The
// zero value is ready for use.
type keepAlives struct {
	conn      *ofconn.Conn
	addresses string // of the host's bridges, as shown last
	senders   []tap.Sender
	due       []time.Time // by sender
	next      time.Time   // the first of them
}

// look returns the frames that are due. A connection that is new, or another address of the host,
// makes all due.
func (k *keepAlives) look(
	conn *ofconn.Conn, snap *vswitch.Snapshot, senders []tap.Sender, number numberOf, now time.Time,
) (frames []openflow.Message) {
	addresses := bridgeAddresses(snap)
	switch {
	case conn != k.conn || addresses != k.addresses:
		k.due = make([]time.Time, len(senders))
	case !slices.Equal(senders, k.senders):
		k.due = k.carryOver(senders)
	case now.Before(k.next):
		return nil
	}

	k.conn, k.addresses, k.senders = conn, addresses, senders

	k.next = time.Time{}
	for i := range senders {
		tunnel := number(senders[i].Port)
		if tunnel == 0 {
			continue // The step that sees its number looks again.
		}

		if !now.Add(tendSlack).Before(k.due[i]) {
			if len(frames) == maxKeepAlives {
				k.next = now.Add(keepAlivePace)
				return frames
			}
			k.due[i] = now.Add(keepAliveTime*9/10 + rand.N(keepAliveTime/5))
			frames = append(frames, keepAlive(tunnel, &senders[i]))
		}

		k.next = earliest(k.next, k.due[i])
	}

	return frames
}

// carryOver keeps the times of the senders that there were before.
func (k *keepAlives) carryOver(senders []tap.Sender) []time.Time {
	before := make(map[tap.Sender]time.Time, len(k.senders))
	for i, s := range k.senders {
		before[s] = k.due[i]
	}
	due := make([]time.Time, len(senders))
	for i, s := range senders {
		due[i] = before[s]
	}
	return due
}

// bridgeAddresses are the MAC addresses of a host's bridges, which include that of its underlay.
func bridgeAddresses(snap *vswitch.Snapshot) string {
	var all []string
	for _, b := range snap.Bridges() {
		port, stands := snap.PortOnBridge(b.Name, b.Name)
		if !stands {
			continue
		}
		for device := range snap.EachInterface(port) {
			all = append(all, b.Name, device.MACInUse)
		}
	}

	return strings.Join(all, " ")
}

// keepAlive is a frame that no flow of the other side matches.
func keepAlive(tunnel openflow.PortNo, to *tap.Sender) openflow.Message {
	peer := &tap.Peer{Addr: to.Addr, ProbeKey: to.ProbeKey}
	return through(tunnel, peer, append(frame(reconcile.KeepAliveEtherType, minFrame),
		make([]byte, minFrame-frameHeader)...))
}

// keepAlive sends the frames that are due to the hosts that send to this one.
func (x *step) keepAlive(ctx context.Context) {
	if x.of == nil {
		return
	}

	senders := x.desired.Program.Tunnel.Senders
	number := portNumbers(x.snap, x.desired.Program.Bridge.Name)
	frames := x.keepAlives.look(x.of.sw.Conn, x.snap, senders, number, time.Now())
	if len(frames) > 0 {
		if err := x.of.sw.Conn.Send(ctx, frames...); err != nil {
			// The connection has ended.
			x.s.log.Debug("keep-alives could not be sent", "error", err)
		}
	}
}
