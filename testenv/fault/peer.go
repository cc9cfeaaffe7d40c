package fault

import (
	"fmt"
	"net"
	"sync"
	"time"
)

// Peer accepts or makes connections, any number of them.
type Peer struct {
	addr    string
	end     chan struct{}
	once    sync.Once    // closes end
	ln      net.Listener // of Listen
	running sync.WaitGroup

	mu   sync.Mutex
	open map[net.Conn]struct{} // nil once it is closed
	n    int
}

// Listen serves each connection to a free port of the loopback interface in a goroutine of its own,
// and closes it afterwards.
func Listen(serve func(net.Conn)) (*Peer, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("peer: %w", err)
	}

	p := &Peer{addr: ln.Addr().String(), end: make(chan struct{}), ln: ln,
		open: map[net.Conn]struct{}{}}

	p.running.Go(func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			p.running.Go(func() { p.serve(nc, serve) })
		}
	})

	return p, nil
}

// Connect connects from an IP address of this machine to a TCP address so many times at once,
// serves each connection, and connects again when that has ended and a pause has passed.
func Connect(from, address string, times int, pause time.Duration, serve func(net.Conn)) *Peer {
	dialer := net.Dialer{Timeout: time.Second, LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	p := &Peer{addr: address, end: make(chan struct{}), open: map[net.Conn]struct{}{}}
	for range times {
		p.running.Go(func() {
			for {
				if nc, err := dialer.Dial("tcp", address); err == nil {
					p.serve(nc, serve)
				}
				select {
				case <-p.end:
					return
				case <-time.After(pause):
				}
			}
		})
	}

	return p
}

func (p *Peer) serve(nc net.Conn, serve func(net.Conn)) {
	defer func() { _ = nc.Close() }() // It may have ended already.
	p.mu.Lock()
	if p.open == nil {
		p.mu.Unlock()
		return
	}

	p.open[nc] = struct{}{}
	p.n++
	p.mu.Unlock()
	serve(nc)
	p.mu.Lock()
	defer p.mu.Unlock()

	delete(p.open, nc)
}

// Target is the address of Listen, or the one that Connect connects to, as a connection method.
func (p *Peer) Target() string { return "tcp:" + p.addr }

// Connections counts all connections so far.
func (p *Peer) Connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.n
}

// Close ends all connections and waits for those who serve them. It may be called again.
func (p *Peer) Close() {
	p.once.Do(func() { close(p.end) })
	if p.ln != nil {
		_ = p.ln.Close() // The accepting goroutine sees it.
	}

	p.mu.Lock()
	for nc := range p.open {
		_ = nc.Close() // It may have ended already.
	}

	p.open = nil
	p.mu.Unlock()
	p.running.Wait()
}

// Speaker is one end of a connection, on which several goroutines may write.
type Speaker struct {
	nc net.Conn
	mu sync.Mutex
}

// Write writes any bytes.
func (s *Speaker) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.nc.Write(b)
}

// Repeat writes the same bytes until the other end closes, at most a number of times.
func (s *Speaker) Repeat(b []byte, times int) {
	for range times {
		if _, err := s.Write(b); err != nil {
			return
		}
	}
}
