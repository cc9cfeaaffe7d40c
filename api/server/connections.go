package server

import (
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"github.com/tapline-sdn/tapline/controller/access"
)

// Bounds of connections to the API. All connections of the process share its file descriptors, and
// those to hosts come first: the API has a quarter of them.
const (
	descriptorShare = 4 // the API has one of so many
	minConnections  = 16
	maxConnections  = 16384
)

// connectionLimit returns how many connections the API may have.
func connectionLimit() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return minConnections
	}

	share := min(limit.Cur/descriptorShare, maxConnections)
	return max(int(share), minConnections)
}

// streamLimits returns how many event streams there may be, in all and for one identity. They leave
// connections for other requests, and streams for other identities.
func streamLimits(connections int) (all, each int) {
	return connections * 3 / 4, connections * 3 / 8
}

// connections is a listener that bounds its open connections, in all and for each network. When
// there is no room, a new connection replaces the one that has been idle for the longest time. If
// none is idle, the new one is closed.
type connections struct {
	net.Listener
	limit int // of one network: half as many

	mu        sync.Mutex
	open      map[net.Conn]string // to its network
	byNetwork map[string]int
	idleSince map[net.Conn]time.Time
}

func newConnections(ln net.Listener, limit int) *connections {
	return &connections{
		Listener: ln, limit: limit,
		open:      make(map[net.Conn]string),
		byNetwork: make(map[string]int),
		idleSince: make(map[net.Conn]time.Time),
	}
}

// Accept implements net.Listener.
func (l *connections) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}

		tracked := &connection{Conn: c, of: l}
		if l.admit(tracked) {
			return tracked, nil
		}

		_ = c.Close()
	}
}

// admit makes room for a connection. It reports whether there is any.
func (l *connections) admit(c *connection) bool {
	network := access.Network(c.RemoteAddr().String())

	l.mu.Lock()
	var victim net.Conn
	switch {
	case l.byNetwork[network] >= max(l.limit/2, 1):
		victim = l.longestIdleLocked(func(of string) bool { return of == network })
	case len(l.open) >= l.limit:
		victim = l.longestIdleLocked(func(string) bool { return true })
	default:
		l.addLocked(c, network)
		l.mu.Unlock()
		return true
	}

	if victim == nil {
		l.mu.Unlock()
		return false
	}

	l.removeLocked(victim)
	l.addLocked(c, network)
	l.mu.Unlock()

	_ = victim.Close()
	return true
}

// longestIdleLocked returns the connection that has been idle for the longest time, among those of
// the chosen networks; nil if none is idle.
func (l *connections) longestIdleLocked(chosen func(network string) bool) net.Conn {
	var found net.Conn
	for c, since := range l.idleSince {
		if chosen(l.open[c]) && (found == nil || since.Before(l.idleSince[found])) {
			found = c
		}
	}

	return found
}

func (l *connections) addLocked(c net.Conn, network string) {
	l.open[c] = network
	l.byNetwork[network]++
}

func (l *connections) removeLocked(c net.Conn) {
	network, open := l.open[c]
	if !open {
		return
	}

	delete(l.open, c)
	delete(l.idleSince, c)
	if l.byNetwork[network]--; l.byNetwork[network] == 0 {
		delete(l.byNetwork, network)
	}
}

// noteState notes which connections are idle. It is the ConnState of the http.Server.
func (l *connections) noteState(c net.Conn, state http.ConnState) {
	if secure, ok := c.(*tls.Conn); ok {
		c = secure.NetConn()
	}

	l.mu.Lock()
	defer l.mu.Unlock()

	if _, open := l.open[c]; open && state == http.StateIdle {
		l.idleSince[c] = time.Now()
	} else {
		delete(l.idleSince, c)
	}
}

// connection is one of the connections. Closing it makes room for another.
type connection struct {
	net.Conn
	of *connections
}

// Close implements net.Conn.
func (c *connection) Close() error {
	c.of.mu.Lock()
	c.of.removeLocked(c)
	c.of.mu.Unlock()

	return c.Conn.Close()
}
