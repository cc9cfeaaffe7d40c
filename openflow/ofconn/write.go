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

// outbox holds the bytes that wait to be written. Senders append whole messages; the writer takes
// all of them at once. A writer runs while something waits.
type outbox struct {
	mu      sync.Mutex
	buf     []byte
	limit   int
	room    chan struct{} // Closed when the writer takes buf; nil while nobody waits for room.
	writing bool          // There is a writer.
	closed  bool          // No writer starts any more.
}

// add appends a message and starts a writer if there is none. If limit bytes wait already, it
// appends nothing and returns the channel that is closed when there is room.
func (o *outbox) add(
	xid uint32, m openflow.Message, limit int, start func(),
) (<-chan struct{}, error) {
	o.mu.Lock()
	defer o.mu.Unlock()

	if len(o.buf) >= limit {
		if o.room == nil {
			o.room = make(chan struct{})
		}
		return o.room, nil
	}

	b, err := openflow.AppendMessage(o.buf, xid, m)
	if err != nil {
		return nil, err
	}

	o.buf = b
	if !o.writing && !o.closed {
		o.writing = true
		start()
	}

	return nil, nil
}

// take returns the bytes that wait, and reuses spare as the next buffer. If nothing waits it
// returns false, and the writer must end.
func (o *outbox) take(spare []byte) (b []byte, more bool) {
	o.mu.Lock()
	defer o.mu.Unlock()

	if len(o.buf) == 0 {
		o.buf, o.writing = nil, false // An idle connection needs no buffer.
		return nil, false
	}

	b = o.buf
	o.buf = spare[:0]
	if o.room != nil {
		close(o.room)
		o.room = nil
	}

	return b, true
}

// close prevents further writers from starting.
func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
}

// enqueue appends a message and waits for room if need be.
func (c *Conn) enqueue(ctx context.Context, xid uint32, m openflow.Message) error {
	for {
		if c.ctx.Err() != nil {
			return c.Err()
		}

		room, err := c.out.add(xid, m, c.out.limit, c.startWriter)
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
// If a peer keeps asking but does not read the answers, the connection ends.
func (c *Conn) enqueueControl(xid uint32, m openflow.Message) error {
	full, err := c.out.add(xid, m, c.out.limit+controlReserve, c.startWriter)
	if full != nil {
		return fmt.Errorf("%w: the peer does not read what it asked for", ErrOverrun)
	}
	return err
}

func (c *Conn) startWriter() { c.running.Go(c.write) }

// write writes until nothing waits any more, or the connection ends.
func (c *Conn) write() {
	var spare []byte
	for {
		b, more := c.out.take(spare)
		if !more || c.ctx.Err() != nil {
			return
		}
		if err := c.nc.SetWriteDeadline(time.Now().Add(c.opts.WriteTimeout)); err != nil {
			c.fail(fmt.Errorf("write: %w", err))
			return
		}
		if _, err := c.nc.Write(b); err != nil {
			c.fail(fmt.Errorf("write: %w", err))
			return
		}

		spare = b
	}
}
