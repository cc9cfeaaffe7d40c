package ofconn

import (
	"container/list"
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	// maxHandshakes bounds the handshakes under way at once. Further
	// connections wait in the kernel.
	maxHandshakes = 1024
	// maxFromAddress bounds the handshakes with one address, so that one machine cannot keep
	// the others out. Loopback addresses are exempt: the switches of a lab are behind them.
	maxFromAddress = 256
	// stalled is the age at which a handshake gives way to a newcomer, if all places are taken.
	// A switch needs milliseconds.
	stalled = 2 * time.Second
)

// lobby holds the connections whose handshake is under way.
type lobby struct {
	places, share int

	mu     sync.Mutex
	inside *list.List // Of *guest, the oldest first.
	from   map[netip.Addr]int
	left   chan struct{} // Capacity 1; receives when a connection has left.
}

type guest struct {
	nc    net.Conn
	addr  netip.Addr
	since time.Time
}

func newLobby(places, share int) *lobby {
	return &lobby{places: places, share: share, inside: list.New(), from: map[netip.Addr]int{},
		left: make(chan struct{}, 1)}
}

// enter admits a connection, and waits for a place if all are taken. Call the function that it
// returns after the handshake. The error says why the connection is not admitted: its address has
// too many handshakes under way, or ctx ended.
func (l *lobby) enter(ctx context.Context, nc net.Conn) (leave func(), err error) {
	g := &guest{nc: nc, addr: addressOf(nc)}
	for {
		l.mu.Lock()
		if n := l.from[g.addr]; n >= l.share && g.addr.IsValid() && !g.addr.IsLoopback() {
			l.mu.Unlock()
			return nil, fmt.Errorf("%d handshakes with %v are under way: want fewer than %d", n,
				g.addr, l.share)
		}

		if l.inside.Len() < l.places {
			g.since = time.Now()
			at := l.inside.PushBack(g)
			l.from[g.addr]++
			l.mu.Unlock()
			return func() { l.leave(at) }, nil
		}

		oldest := l.inside.Front().Value.(*guest)
		l.mu.Unlock()
		timer := time.NewTimer(time.Until(oldest.since.Add(stalled)))
		select {
		case <-l.left:
		case <-timer.C:
			oldest.nc.Close() // Its handshake fails, and it leaves.
			select {
			case <-l.left:
			case <-ctx.Done():
			}
		case <-ctx.Done():
		}

		timer.Stop()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
}

func (l *lobby) leave(at *list.Element) {
	l.mu.Lock()
	g := l.inside.Remove(at).(*guest)
	if l.from[g.addr]--; l.from[g.addr] == 0 {
		delete(l.from, g.addr)
	}

	l.mu.Unlock()

	select {
	case l.left <- struct{}{}:
	default:
	}
}

// addressOf is the peer's IP address; the zero address if it has none.
func addressOf(nc net.Conn) netip.Addr {
	if tcp, ok := nc.RemoteAddr().(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}
