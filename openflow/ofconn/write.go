package ofconn

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/tapline-sdn/tapline/openflow"
)

// controlReserve is room behind the limit of the outbox for the answers and
// echoes of the connection itself, which must not wait.
const controlReserve = 64 << 10

// maxSpare bounds the buffer that is kept between writes, so that a thousand
// connections that were busy once do not hold what they needed then.
const maxSpare = 64 << 10

// outbox is the bytes that wait to be written. Senders append whole messages,
// the writer takes all at once.
type outbox struct {
	mu      sync.Mutex
	buf     []byte
	limit   int
	room    chan struct{} // Closed and replaced when the writer takes buf.
	written chan struct{} // Has one element when buf is not empty.
}

func (o *outbox) init(limit int) {
	o.limit = limit
	o.room = make(chan struct{})
	o.written = make(chan struct{}, 1)
}

// add appends a message unless limit bytes wait already; then it returns the
// channel that tells of room.
func (o *outbox) add(xid uint32, m openflow.Message, limit int) (<-chan struct{}, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.buf) >= limit {
		return o.room, nil
	}
	b, err := openflow.AppendMessage(o.buf, xid, m)
	if err != nil {
		return nil, err
	}
	o.buf = b
	select {
	case o.written <- struct{}{}:
	default:
	}
	return nil, nil
}

// take returns what waits and leaves spare, emptied, in its place.
func (o *outbox) take(spare []byte) []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	b := o.buf
	o.buf = spare[:0]
	close(o.room)
	o.room = make(chan struct{})
	return b
}

// enqueue appends a message and waits for room if need be.
func (c *Conn) enqueue(ctx context.Context, xid uint32, m openflow.Message) error {
	for {
		if c.ctx.Err() != nil {
			return c.Err()
		}
		room, err := c.out.add(xid, m, c.out.limit)
		if room == nil {
			return err
		}
		select {
		case <-room:
		case <-ctx.Done():
			return ctx.Err()
		case <-c.ctx.Done():
		}
	}
}

// enqueueControl appends a message of the connection itself without waiting.
// If a peer asks and asks but does not read the answers, the connection ends.
func (c *Conn) enqueueControl(xid uint32, m openflow.Message) error {
	full, err := c.out.add(xid, m, c.out.limit+controlReserve)
	if full != nil {
		return fmt.Errorf("%w: the peer does not read what it asked for", ErrOverrun)
	}
	return err
}

// write writes until the connection ends.
func (c *Conn) write() {
	var spare []byte
	for {
		select {
		case <-c.out.written:
		case <-c.ctx.Done():
			return
		}
		b := c.out.take(spare)
		if err := c.nc.SetWriteDeadline(time.Now().Add(c.opts.WriteTimeout)); err != nil {
			c.fail(fmt.Errorf("write: %w", err))
			return
		}
		if _, err := c.nc.Write(b); err != nil {
			c.fail(fmt.Errorf("write: %w", err))
			return
		}
		if spare = b; cap(b) > maxSpare {
			spare = nil
		}
	}
}
