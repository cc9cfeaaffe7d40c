package link

import (
	"context"
	"errors"
	"fmt"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/ofconn"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// A switch makes a second connection while somebody captures live, so that a flood of packets never
// delays replies and probes. Both lead to the same port. The row of the second one in the switch's
// database turns asynchronous messages off (enable_async_messages), and the switch says of such a
// connection that it would send none (7.3.10). It gets packets by its controller id alone.
//
// It never asks for a role: as master it would take the other connection's rights away, and a slave
// gets no packets.
const (
	// maxCopies is how many packets are read from it a second, a little more than captures of one
	// host may send together.
	maxCopies = 12_000
	// maxWaiting is how many may wait for who takes them.
	maxWaiting = 4096
)

// readPurpose asks whether a connection is one for live captures.
func (sw *Switch) readPurpose(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	reply, err := sw.Conn.Request(ctx, &openflow.GetAsyncRequest{})
	var refused *ofconn.RequestError
	if errors.As(err, &refused) {
		return nil // It can turn nothing off.
	}
	if err != nil {
		return fmt.Errorf("read what it sends: %w", err)
	}

	async, is := reply.(*openflow.GetAsyncReply)
	sw.captures = is && async.AsyncConfig == openflow.AsyncConfig{}
	return nil
}

// expectCopies has a connection for live captures get their packets, and nothing else.
func (sw *Switch) expectCopies(ctx context.Context) error {
	sw.Conn.ExpectEvents(maxCopies, maxWaiting)
	packets := openflow.AsyncConfig{
		Master: openflow.AsyncMasks{PacketIn: 1 << action.ReasonAction},
	}
	return sw.Conn.Send(ctx, &openflow.SetControllerID{ID: tap.PacketInID},
		&openflow.SetAsync{AsyncConfig: packets})
}

// tellCopies tells that the connection for live captures has come or gone.
func (l *Link) tellCopies() {
	l.config.Wake()
	if l.config.CopiesChanged != nil {
		l.config.CopiesChanged()
	}
}

// serveCopies takes the packets of a connection for live captures until it ends.
func (l *Link) serveCopies(ctx context.Context, sw *Switch) {
	if err := sw.expectCopies(ctx); err != nil {
		return // It has ended.
	}
	if err := l.adopt(sw); err != nil {
		return
	}
	l.tellCopies()
	defer l.tellCopies()
	defer l.forget(sw)

	for {
		select {
		case events, open := <-sw.Conn.Events():
			if !open {
				return
			}
			for _, event := range events {
				if packet, is := event.Message.(*openflow.PacketIn); is && l.config.Copied != nil {
					l.config.Copied(packet, event.At)
				}
			}
		case <-ctx.Done():
			return
		}
	}
}

// Captures reports whether the connection for live captures is there.
func (l *Link) Captures() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.copies != nil
}
