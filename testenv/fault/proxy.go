package fault

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"
)

// Way says what happens to the bytes of one direction. The zero value lets them pass.
type Way struct {
	Delay  time.Duration // of each piece
	Silent bool          // nothing passes, not even the end of the connection; bytes wait
	Rate   int           // bytes a second, through a small window; 0: any
	CutAt  string        // a link is reset once this text has passed
	// CutAfter resets a link once so many bytes have passed since it was set; 0: never.
	CutAfter int
}

// Faults says what happens to a proxy's links. The zero value is no fault.
type Faults struct {
	Refuse bool // new links are reset at once
	Hang   bool // new links are accepted and lead nowhere
	// ToServer is the direction from the side that connected, ToClient the direction back.
	ToServer, ToClient Way
}

// HalfOpen is a connection that both ends believe to be open while nothing passes.
func HalfOpen() Faults { return Faults{ToServer: Way{Silent: true}, ToClient: Way{Silent: true}} }

// Proxy passes connections on to a target.
type Proxy struct {
	network, target string
	ln              net.Listener
	running         sync.WaitGroup

	mu       sync.Mutex
	faults   Faults
	changed  chan struct{} // closed and replaced when faults change
	links    map[*link]struct{}
	accepted int
	closed   bool
	held     map[net.Conn][]byte // by where they go: bytes that wait on a silent way
}

// link is one connection through a proxy.
type link struct {
	client net.Conn

	mu     sync.Mutex
	server net.Conn // nil before it is dialled
	ended  bool
}

// reached sets the other side. It is false if the link has ended meanwhile.
func (l *link) reached(server net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.server = server
	return !l.ended
}

// reset ends both sides by a TCP reset. It may be called again.
func (l *link) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()

	l.ended = true
	for _, nc := range []net.Conn{l.client, l.server} {
		if tcp, is := nc.(*net.TCPConn); is {
			_ = tcp.SetLinger(0) // Then Close resets. It may have ended already.
		}
		if nc != nil {
			_ = nc.Close()
		}
	}
}

// NewProxy listens on a free port of the loopback interface. The target is tcp:HOST:PORT or
// unix:PATH. The caller closes it.
func NewProxy(target string) (*Proxy, error) {
	network, address, ok := strings.Cut(target, ":")
	if !ok || network != "tcp" && network != "unix" {
		return nil, fmt.Errorf("proxy to %q: want tcp:HOST:PORT or unix:PATH", target)
	}

	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("proxy to %s: %w", target, err)
	}

	p := &Proxy{network: network, target: address, ln: ln, changed: make(chan struct{}),
		links: map[*link]struct{}{}, held: map[net.Conn][]byte{}}

	p.running.Go(p.accept)
	return p, nil
}

// Target is the proxy as a connection method: tcp:127.0.0.1:PORT.
func (p *Proxy) Target() string { return "tcp:" + p.ln.Addr().String() }

// Set replaces the faults, for existing links too.
func (p *Proxy) Set(f Faults) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = f
	close(p.changed)
	p.changed = make(chan struct{})
}

// Cut resets all links.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.reset()
	}
}

// Accepted counts all links so far, refused ones included.
func (p *Proxy) Accepted() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.accepted
}

// Close ends the proxy and its links.
func (p *Proxy) Close() {
	p.mu.Lock()
	p.closed = true
	close(p.changed)
	p.changed = make(chan struct{})
	p.mu.Unlock()
	_ = p.ln.Close() // accept sees it.
	p.Cut()
	p.running.Wait()
}

func (p *Proxy) accept() {
	for {
		nc, err := p.ln.Accept()
		if err != nil {
			return
		}

		l := &link{client: nc}
		p.mu.Lock()
		p.accepted++
		f, closed := p.faults, p.closed
		if f.Refuse || closed {
			p.mu.Unlock()
			l.reset()
			continue
		}

		p.links[l] = struct{}{}
		p.mu.Unlock()
		if !f.Hang {
			p.running.Go(func() { p.serve(l) })
		}
	}
}

func (p *Proxy) serve(l *link) {
	defer func() {
		l.reset()
		p.mu.Lock()
		delete(p.links, l)
		p.mu.Unlock()
	}()

	server, err := net.DialTimeout(p.network, p.target, 5*time.Second)
	if err != nil {
		return
	}

	if !l.reached(server) {
		return
	}

	var pumps sync.WaitGroup
	pumps.Go(func() { p.pump(l, server, l.client, func(f *Faults) *Way { return &f.ToServer }) })
	p.pump(l, l.client, server, func(f *Faults) *Way { return &f.ToClient })
	pumps.Wait()
}

// pump passes what src sends to dst, until either ends or the link is cut.
func (p *Proxy) pump(l *link, dst, src net.Conn, of func(*Faults) *Way) {
	defer l.reset()
	buf := make([]byte, 16<<10)
	var tail []byte // the last bytes that passed, as many as CutAt has
	passed := 0
	var counting <-chan struct{}
	for {
		way, _, closed := p.open(of)
		if closed {
			return
		}

		piece := buf
		if way.Rate > 0 {
			narrow(src)
			piece = buf[:min(len(buf), max(1, way.Rate/20))]
		}

		n, err := src.Read(piece)
		if err != nil && err != io.EOF || n == 0 {
			return
		}

		// Faults that change during a read apply to what it returns.
		p.hold(dst, buf[:n])
		way, changed, closed := p.open(of)
		p.hold(dst, nil)
		if closed {
			return
		}
		if counting != changed {
			counting, passed = changed, 0
		}
		way.wait(n)

		cut := way.CutAfter > 0 && passed+n >= way.CutAfter
		if cut {
			n = way.CutAfter - passed
		}

		passed += n
		if _, err := dst.Write(buf[:n]); err != nil || cut {
			return
		}
		if tail = append(tail, buf[:n]...); way.CutAt != "" &&
			bytes.Contains(tail, []byte(way.CutAt)) {
			return
		}

		tail = append([]byte(nil), tail[max(0, len(tail)-max(0, len(way.CutAt)-1)):]...)
	}
}

// Held returns bytes that wait since a way is silent, as far as they were read.
func (p *Proxy) Held() (all []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range p.held {
		all = append(all, b...)
	}
	return all
}

// hold notes the bytes that are about to pass to dst.
func (p *Proxy) hold(dst net.Conn, b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if b == nil {
		delete(p.held, dst)
		return
	}
	p.held[dst] = b
}

// open waits until a way is not silent, and returns its faults and what tells of their next change.
func (p *Proxy) open(of func(*Faults) *Way) (way Way, changed <-chan struct{}, closed bool) {
	for {
		way, changed, closed = p.way(of)
		if closed || !way.Silent {
			return way, changed, closed
		}
		<-changed
	}
}

// wait takes the time that n bytes need on a slow way.
func (w Way) wait(n int) {
	if w.Rate > 0 {
		<-time.After(time.Duration(n) * time.Second / time.Duration(w.Rate))
	}
	if w.Delay > 0 {
		<-time.After(w.Delay)
	}
}

func (p *Proxy) way(of func(*Faults) *Way) (way Way, changed <-chan struct{}, closed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return *of(&p.faults), p.changed, p.closed
}

// narrow makes the TCP window small, so that a slow reader soon blocks the sender.
func narrow(nc net.Conn) {
	if tcp, is := nc.(*net.TCPConn); is {
		_ = tcp.SetReadBuffer(4 << 10) // Where it fails, the window stays as it is.
	}
}
