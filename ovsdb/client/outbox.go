package client

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// outbox holds the bytes that wait to be written. A writer runs while something waits.
type outbox struct {
	mu      sync.Mutex
	buf     []byte
	echoes  int  // control messages in buf
	writing bool // there is a writer
	closed  bool // nothing is written any more
}

// maxEchoes bounds the control messages that wait. The reader sends them, and it must not wait for
// the writer.
const maxEchoes = 16

// close prevents further writers from starting.
func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
}

// take returns the bytes that wait, and reuses spare as the next buffer. If nothing waits it
// returns false, and the writer must end.
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

// send queues a request. Options.MaxInFlight bounds how many there are.
func (c *Conn) send(text []byte) {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	c.putLocked(text)
}

// sendControl queues a small message without waiting, for the reader. A peer that asks faster than
// it reads the answers loses its connection.
func (c *Conn) sendControl(text []byte) error {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()

	if c.out.echoes == maxEchoes {
		return &ProtocolError{"echo", errors.New("requests come faster than the answers are read")}
	}

	c.out.echoes++
	c.putLocked(text)
	return nil
}

// putLocked queues a message, and starts a writer if there is none. The outbox is locked.
func (c *Conn) putLocked(text []byte) {
	if c.out.closed {
		return
	}

	c.out.buf = append(c.out.buf, text...)
	if !c.out.writing {
		c.out.writing = true
		c.wg.Go(c.write)
	}
}

// write is the writer: it writes all that waits at once, until nothing waits.
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
