package client

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// outbox is what waits to be written. There is a writer while something does.
type outbox struct {
	mu      sync.Mutex
	buf     []byte
	echoes  int  // messages in buf that nobody waits for an answer to
	writing bool // there is a writer
	closed  bool // nothing is written any more
}

// maxEchoes bounds what waits of what the reader itself has to say, which must
// not wait for the writer.
const maxEchoes = 16

// close lets no further writer start.
func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
}

// take returns what waits and leaves spare, emptied, in its place. It is false
// where nothing waits: the writer is then none any more.
func (o *outbox) take(spare []byte) (b []byte, more bool) {
	o.mu.Lock()
	defer o.mu.Unlock()

	if len(o.buf) == 0 || o.closed {
		o.buf, o.writing = nil, false
		return nil, false
	}

	b, o.buf, o.echoes = o.buf, spare[:0], 0
	return b, true
}

// send hands a request over, of which there are no more than may wait for
// replies.
func (c *Conn) send(text []byte) {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	c.put(text)
}

// sendControl hands a small message over. The reader must not wait: a peer
// that makes us answer faster than it reads loses its connection.
func (c *Conn) sendControl(text []byte) error {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()

	if c.out.echoes == maxEchoes {
		return &ProtocolError{"echo", errors.New("requests come faster than the answers are read")}
	}

	c.out.echoes++
	c.put(text)
	return nil
}

// put adds a message, and starts a writer where there is none. The caller holds
// the mutex of the outbox.
func (c *Conn) put(text []byte) {
	if c.out.closed {
		return
	}

	c.out.buf = append(c.out.buf, text...)
	if !c.out.writing {
		c.out.writing = true
		c.wg.Go(c.write)
	}
}

// write is the writer. What is waiting goes out in one piece.
func (c *Conn) write() {
	var spare []byte
	for {
		b, more := c.out.take(spare)
		if !more {
			return
		}

		err := c.nc.SetWriteDeadline(time.Now().Add(c.opts.WriteTimeout))
		if err == nil {
			_, err = c.nc.Write(b)
		}

		if err != nil {
			c.fail(fmt.Errorf("connection lost in writing: %w", err))
			return
		}

		spare = b
	}
}
