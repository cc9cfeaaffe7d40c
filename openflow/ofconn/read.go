package ofconn

import (
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/time/rate"

	"github.com/tapline-sdn/tapline/openflow"
)

// unaskedBurst is how many messages a switch may send unasked at once, before
// it is held to its rate: more than a switch has ports.
const unaskedBurst = 8192

func newUnasked(perSecond int) *rate.Limiter {
	limit := rate.Inf
	if perSecond > 0 {
		limit = rate.Limit(perSecond)
	}
	return rate.NewLimiter(limit, unaskedBurst)
}

// ExpectEvents sets Options.MaxUnasked and Options.MaxEvents anew, for a connection whose owner has
// found out what it is for.
func (c *Conn) ExpectEvents(maxUnasked, maxEvents int) {
	c.unasked.SetLimit(newUnasked(maxUnasked).Limit())
	c.maxEvents.Store(int64(maxEvents))
}

// read reads and dispatches messages until the connection ends, in the order
// in which they arrive.
func (c *Conn) read() {
	err := c.readAll()
	c.fail(err)
	c.opts.Logger.Debug("openflow connection ended", "remote", c.remote, "err", c.Err())
}

func (c *Conn) readAll() error {
	last, probed := time.Now(), false
	for {
		if c.opts.EchoInterval > 0 {
			deadline := last.Add(c.opts.EchoInterval)
			if probed {
				deadline = deadline.Add(c.opts.EchoInterval)
			}

			if err := c.nc.SetReadDeadline(deadline); err != nil {
				return fmt.Errorf("read: %w", err)
			}
		}

		b, err := c.in.next()
		if err == nil {
			last, probed = time.Now(), false
			asked, err := c.dispatch(b)
			if err != nil {
				return err
			}

			if !asked {
				// A peer that sends too much is read more slowly, its replies included. The error
				// says that the connection has ended; the next read notices that.
				_ = c.unasked.Wait(c.ctx)
			}

			continue
		}

		var timeout net.Error
		switch {
		case !errors.As(err, &timeout) || !timeout.Timeout():
			return fmt.Errorf("read: %w", err)
		case probed:
			return fmt.Errorf("%w: no message for %v", ErrSilent, 2*c.opts.EchoInterval)
		}

		if err := c.enqueueControl(c.nextXID(), &openflow.EchoRequest{}); err != nil {
			return err
		}

		probed = true
		c.in.shrink() // An idle connection needs no buffer.
	}
}

// dispatch hands one message to the call that waits for it or to the events,
// and reports whether it was asked for. An error ends the connection.
func (c *Conn) dispatch(b []byte) (asked bool, err error) {
	m, xid, err := openflow.Parse(b)
	if err != nil {
		// A malformed reply fails its request. A malformed event is lost state and ends the
		// connection.
		if c.failCall(xid, err) {
			return true, nil
		}
		return false, fmt.Errorf("%w: %w", ErrProtocol, err)
	}

	switch m := m.(type) {
	case *openflow.EchoRequest:
		return false, c.enqueueControl(xid, &openflow.EchoReply{Data: m.Data})
	case *openflow.Hello:
		return false, nil // Allowed at any time, and says nothing new (6.3.1).
	case *openflow.PacketIn:
		return false, c.deliver(Event{xid, m, time.Now()}, len(b))
	case *openflow.FlowRemoved, *openflow.PortStatus,
		*openflow.FlowMonitorPaused, *openflow.FlowMonitorResumed, *openflow.RoleStatus:
		return false, c.deliver(Event{XID: xid, Message: m}, len(b))
	case *openflow.Error:
		if c.refuse(xid, m) {
			return true, nil
		}
		return false, c.deliver(Event{XID: xid, Message: m}, len(b))
	}

	if c.answer(xid, m, len(b)) {
		return true, nil
	}

	switch m := m.(type) {
	case *openflow.Experimenter:
		return false, c.deliver(Event{XID: xid, Message: m}, len(b))
	case *openflow.MultipartReply:
		if updates, ok := m.Body.(openflow.FlowMonitorReply); ok {
			if onlyOwn(updates) {
				return true, nil
			}
			return false, c.deliver(Event{XID: xid, Message: m}, len(b))
		}
	}

	// The answer to our own echo, or to a request that was given up.
	return false, nil
}

// deliver queues an event of size bytes. It takes the waiting list back out of the channel and puts
// it in again with one more event. Only the reader fills the channel, so there is room.
func (c *Conn) deliver(e Event, size int) error {
	var waiting []Event
	select {
	case waiting = <-c.events:
	default: // All were received.
		c.queued = 0
	}

	fits := len(waiting) == 0 || len(waiting) < int(c.maxEvents.Load()) &&
		c.queued+size <= c.opts.MaxEventBytes
	if fits {
		waiting = append(waiting, e)
		c.queued += size
	}

	c.events <- waiting
	if fits {
		return nil
	}
	if _, ok := e.Message.(*openflow.PacketIn); ok {
		c.dropped.Add(1)
		return nil
	}

	return fmt.Errorf("%w: %d events of %d bytes wait unread", ErrOverrun, len(waiting), c.queued)
}

// onlyOwn reports whether all updates are abbreviated changes of this connection. Its owner knows
// those, and they would fill the queue.
func onlyOwn(updates openflow.FlowMonitorReply) bool {
	for _, u := range updates {
		if u.Event != openflow.FlowAbbrev {
			return false
		}
	}

	return true
}
