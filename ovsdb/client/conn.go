package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/tapline-sdn/tapline/ovsdb"
	"github.com/tapline-sdn/tapline/ovsdb/internal/jsontext"
)

// Conn is a connection to an OVSDB server. Its methods may be called from any
// goroutine.
type Conn struct {
	nc   net.Conn
	opts Options

	slots chan struct{} // one for each request that waits for a reply
	out   outbox

	done chan struct{} // closed once err is set
	once sync.Once
	err  error
	wg   sync.WaitGroup

	mu       sync.Mutex // guards the fields below, up to the blank line; never held while waiting
	lastID   uint64     // of requests and of monitors
	calls    map[uint64]*call
	monitors map[uint64]*Monitor
	locks    map[string]*Lock
	schemas  map[string]*ovsdb.DatabaseSchema
	method   monitorMethod // the best one that the server may have

	server serverWatch
	seq    uint64 // of the message being read; used by the reader alone
}

// New takes over an established connection, whoever opened it. After `ovs-vsctl set-manager
// tcp:...` it is the switch that connects, and it serves its database on that connection. With
// Options.TLS it is the server of the handshake. ctx bounds the handshake only. On error nc is
// closed.
func New(ctx context.Context, nc net.Conn, opts Options) (*Conn, error) {
	opts = opts.withDefaults()
	if opts.TLS != nil {
		nc = tls.Server(nc, opts.TLS)
	}

	if t, ok := nc.(*tls.Conn); ok {
		if err := t.HandshakeContext(ctx); err != nil {
			nc.Close()
			return nil, fmt.Errorf("TLS handshake: %w", err)
		}
	}

	c := &Conn{
		nc: nc, opts: opts,
		slots:    make(chan struct{}, opts.MaxInFlight),
		done:     make(chan struct{}),
		calls:    map[uint64]*call{},
		monitors: map[uint64]*Monitor{},
		locks:    map[string]*Lock{},
		schemas:  map[string]*ovsdb.DatabaseSchema{},
	}
	c.wg.Go(c.read)
	return c, nil
}

// Done is closed when the connection has ended.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Err says why the connection ended; nil while it has not.
func (c *Conn) Err() error {
	select {
	case <-c.done:
		return c.err
	default:
		return nil
	}
}

// LocalAddr is the address of this end.
func (c *Conn) LocalAddr() net.Addr { return c.nc.LocalAddr() }

// RemoteAddr is the address of the peer.
func (c *Conn) RemoteAddr() net.Addr { return c.nc.RemoteAddr() }

// PeerCertificate is the certificate that the peer has shown; nil without TLS.
func (c *Conn) PeerCertificate() *x509.Certificate {
	if t, ok := c.nc.(*tls.Conn); ok {
		if shown := t.ConnectionState().PeerCertificates; len(shown) > 0 {
			return shown[0]
		}
	}

	return nil
}

// Close ends the connection, if it has not ended, and waits for its
// goroutines.
func (c *Conn) Close() error {
	c.fail(ErrClosed)
	c.wg.Wait()
	return nil
}

// fail ends the connection. The first error stays.
func (c *Conn) fail(err error) {
	c.once.Do(func() {
		c.err = err
		close(c.done)
		c.out.close()
		c.nc.Close()
	})
}

// read is the reader.
func (c *Conn) read() {
	framer := jsontext.NewFramer(&probingReader{c: c}, c.opts.MaxMessage)
	for c.Err() == nil {
		text, err := framer.Next()
		if err == nil {
			c.seq++
			err = c.receive(text)
		} else {
			err = readError(err)
		}

		if err != nil {
			c.fail(err)
		}
	}

	c.mu.Lock()
	defer c.mu.Unlock()

	for id, m := range c.monitors {
		delete(c.monitors, id)
		m.end()
	}
}

// readError distinguishes a peer that breaks the protocol from one that is gone.
func readError(err error) error {
	var syntax *jsontext.SyntaxError
	switch {
	case errors.As(err, &syntax), errors.Is(err, jsontext.ErrTooLarge):
		return &ProtocolError{"stream", err}
	case errors.Is(err, io.EOF):
		return fmt.Errorf("connection was closed by the peer: %w", err)
	}

	return fmt.Errorf("connection lost: %w", err)
}

// probingReader reads from the connection, and sends an echo request when the peer is silent.
type probingReader struct {
	c       *Conn
	waiting bool // for the answer to an echo request
}

func (r *probingReader) Read(b []byte) (int, error) {
	for {
		if d := r.c.opts.ProbeInterval; d > 0 {
			_ = r.c.nc.SetReadDeadline(time.Now().Add(d)) // where it fails, Read says why
		}

		n, err := r.c.nc.Read(b)
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			r.waiting = r.waiting && n == 0
			return n, err
		}
		if r.waiting {
			return 0, ErrProbe
		}

		r.waiting = true
		if err := r.c.sendControl([]byte(`{"method":"echo","params":[],"id":"echo"}`)); err != nil {
			return 0, err
		}
	}
}
