package ofconn

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/tapline-sdn/tapline/openflow"
)

// A Conn is one connection to a switch, after its handshake.
type Conn struct {
	nc       net.Conn
	remote   string
	opts     Options
	features openflow.FeaturesReply
	in       framer
	early    []Event      // Arrived during the handshake.
	greeted  bool         // Our hello was sent.
	events   chan []Event // Holds at most one list: all events that wait.
	dropped  atomic.Uint64
	queued   int // Bytes of the events that wait; used by the reader alone.

	unasked   *rate.Limiter // Of messages that nobody asked for.
	maxEvents atomic.Int64  // See Options.MaxEvents.

	ctx     context.Context // Ends with the connection; the cause says why.
	end     context.CancelCauseFunc
	running sync.WaitGroup
	done    chan struct{} // Closed once all goroutines have returned.

	out     outbox
	bundles atomic.Uint32

	// mu guards what follows. It is never held while writing or waiting.
	mu    sync.Mutex
	xid   uint32           // The last one used.
	calls map[uint32]*call // By the xid of their last message.
}

// An Event is a message that the switch sent unasked, with its transaction id.
// The message is one of *openflow.PacketIn, *openflow.FlowRemoved,
// *openflow.PortStatus, *openflow.MultipartReply with a
// openflow.FlowMonitorReply, *openflow.FlowMonitorPaused,
// *openflow.FlowMonitorResumed, *openflow.RoleStatus, *openflow.Error (for a
// message of Conn.Send), or an unknown *openflow.Experimenter. Flow monitor replies that only
// abbreviate changes of this connection are left out.
type Event struct {
	XID     uint32
	Message openflow.Message
	At      time.Time // When a packet-in was read; zero for other messages.
}

func newConn(nc net.Conn, opts Options) *Conn {
	ctx, end := context.WithCancelCause(context.Background())
	c := &Conn{
		nc:     nc,
		remote: nc.RemoteAddr().String(),
		opts:   opts,
		in:     framer{r: nc},
		events: make(chan []Event, 1),
		ctx:    ctx,
		end:    end,
		done:   make(chan struct{}),
		xid:    handshakeXID,
		calls:  map[uint32]*call{},

		unasked: newUnasked(opts.MaxUnasked),
	}
	c.maxEvents.Store(int64(opts.MaxEvents))
	c.out.limit = opts.MaxUnsent
	return c
}

func (c *Conn) start() {
	if len(c.early) > 0 {
		c.events <- c.early
		c.early = nil
	}

	c.running.Go(c.read)
	context.AfterFunc(c.ctx, func() {
		c.out.close() // No further writer starts.
		c.nc.Close()  // Wakes reader and writer.
		c.running.Wait()
		close(c.events)
		close(c.done)
	})
}

// Features is what the switch said about itself in the handshake.
func (c *Conn) Features() openflow.FeaturesReply { return c.features }

// RemoteAddr is the address of the switch.
func (c *Conn) RemoteAddr() net.Addr { return c.nc.RemoteAddr() }

// TLS is the state of a TLS connection, such as the certificates of the switch,
// and false for other connections.
func (c *Conn) TLS() (tls.ConnectionState, bool) {
	if t, ok := c.nc.(*tls.Conn); ok {
		return t.ConnectionState(), true
	}
	return tls.ConnectionState{}, false
}

// Events yields the messages that the switch sends unasked, in wire order. Each receive gets all
// that have come since the last one. The channel is closed when the connection ends. The owner must
// read it: while Options.MaxEvents or MaxEventBytes wait, packet-ins are dropped and counted in
// [Conn.Dropped], and any other event ends the connection with [ErrOverrun], because state would be
// lost.
func (c *Conn) Events() <-chan []Event { return c.events }

// Dropped is the number of packet-ins that were dropped because Events was
// full.
func (c *Conn) Dropped() uint64 { return c.dropped.Load() }

// Done is closed when the connection has ended and its goroutines are gone.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Err is nil while the connection lives, and then a [*ConnError].
func (c *Conn) Err() error {
	if c.ctx.Err() == nil {
		return nil
	}
	return context.Cause(c.ctx)
}

// Close ends the connection and waits for its goroutines. Messages that wait
// to be written are lost. It may be called more than once and returns nil.
func (c *Conn) Close() error {
	c.fail(ErrClosed)
	<-c.done
	return nil
}

// fail ends the connection for the first reason given.
func (c *Conn) fail(err error) { c.end(c.connError(err)) }

func (c *Conn) connError(err error) *ConnError { return &ConnError{Remote: c.remote, Err: err} }

// NewBundleID returns a bundle id that this connection has not used before.
func (c *Conn) NewBundleID() uint32 { return c.bundles.Add(1) }
