package etcdtest

import (
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Proxy stands between a client and a member, and disturbs what passes.
type Proxy struct {
	URL string // for clients

	dial     func() (net.Conn, error) // to the member
	listener net.Listener
	running  sync.WaitGroup
	up, down gate // to the member, and from it

	mu     sync.Mutex
	closed bool
	conns  map[net.Conn]bool
}

// NewProxy starts a proxy of a member. It ends with the test.
func NewProxy(t testing.TB, memberURL string) *Proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	member := strings.TrimPrefix(memberURL, "http://")
	return ProxyAt(t, listener, func() (net.Conn, error) { return net.Dial("tcp", member) })
}

// ProxyAt starts a proxy that accepts connections of a listener, and makes one to a member for each
// of them. It ends with the test.
func ProxyAt(t testing.TB, listener net.Listener, dial func() (net.Conn, error)) *Proxy {
	t.Helper()
	p := &Proxy{
		URL: "http://" + listener.Addr().String(), dial: dial, listener: listener,
		conns: map[net.Conn]bool{},
	}
	p.running.Go(p.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		p.mu.Lock()
		p.closed = true
		p.mu.Unlock()
		p.Unblock()
		p.Cut()
		p.running.Wait()
	})
	return p
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		member, err := p.dial()
		if err != nil {
			_ = client.Close()
			continue
		}

		p.add(client, member)
		p.running.Go(func() { p.forward(member, client, &p.up) })
		p.running.Go(func() { p.forward(client, member, &p.down) })
	}
}

// add remembers connections, to cut them.
func (p *Proxy) add(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		p.conns[c] = true
		if p.closed {
			_ = c.Close()
		}
	}
}

// forward copies what passes a gate. What was read before the peer was gone is still delivered.
func (p *Proxy) forward(to, from net.Conn, g *gate) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		g.pass()
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				break
			}
		}
		if err != nil {
			break
		}
	}

	_ = to.Close()
	_ = from.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, to)
	delete(p.conns, from)
}

// Block keeps everything back. Connections stay, and new ones are accepted.
func (p *Proxy) Block() {
	p.up.set(true)
	p.down.set(true)
}

// Unblock delivers what was kept back.
func (p *Proxy) Unblock() {
	p.up.set(false)
	p.down.set(false)
}

// Cut ends the connections of clients.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		if c.LocalAddr().String() == p.listener.Addr().String() || p.closed {
			_ = c.Close()
		}
	}
}

// Disturb cuts connections, loses answers, and delivers requests late, until stop is closed.
func (p *Proxy) Disturb(stop <-chan struct{}) {
	for {
		switch rand.IntN(3) {
		case 0: // Requests arrive, and answers are lost.
			p.down.set(true)
		case 1: // Requests arrive when their client has given up.
			p.up.set(true)
		}

		select {
		case <-stop:
			return
		case <-time.After(time.Duration(rand.IntN(700)) * time.Millisecond):
		}

		p.Cut()
		p.Unblock()
		select {
		case <-stop:
			return
		case <-time.After(time.Duration(rand.IntN(200)) * time.Millisecond):
		}
	}
}

// gate holds who passes while it is closed.
type gate struct {
	mu   sync.Mutex
	open chan struct{} // nil while the gate is open
}

func (g *gate) set(closed bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case closed && g.open == nil:
		g.open = make(chan struct{})
	case !closed && g.open != nil:
		close(g.open)
		g.open = nil
	}
}

func (g *gate) pass() {
	g.mu.Lock()
	open := g.open
	g.mu.Unlock()
	if open != nil {
		<-open
	}
}
