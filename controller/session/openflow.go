package session

import (
	"context"
	"errors"
	"time"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/flowtable"
	"github.com/tapline-sdn/tapline/openflow/ofconn"
)

// pollFlows is how often the flows of a switch are read that cannot report changes (Open vSwitch before 2.18).
const pollFlows = 2 * time.Second

// ServeOpenFlow uses a connection of the host's tap bridge until it ends. A newer connection replaces an older one, which
// is then closed: the switch keeps one, so the older is a leftover.
func (s *Session) ServeOpenFlow(ctx context.Context, conn *ofconn.Conn) {
	have, err := flowtable.Watch(ctx, conn)
	polled := errors.Is(err, flowtable.ErrUnsupported)
	if polled {
		have, err = flowtable.Dump(ctx, conn)
	}
	if err != nil {
		s.log.Warn("OpenFlow connection is of no use", "error", err)
		return
	}
	mine := &switchConn{conn: conn, have: have}
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		return // The caller closes it, and the switch turns to whoever keeps the host now.
	}
	older := s.of
	s.of = mine
	s.forgetWays()
	s.mu.Unlock()
	if older != nil {
		_ = older.conn.Close() // It returns nil.
	}
	s.log.Info("OpenFlow connected", "remote", conn.RemoteAddr())
	s.poke()

	var poll <-chan time.Time
	if polled {
		ticker := time.NewTicker(pollFlows)
		defer ticker.Stop()
		poll = ticker.C
	}
	for open := true; open; {
		changed := false
		select {
		case event, more := <-conn.Events():
			open = more
			changed = more && len(flowtable.Updates(event)) > 0
			if packet, is := event.Message.(*openflow.PacketIn); is {
				if sender, nonce, ok := ParseProbe(packet); ok {
					s.config.Probed(sender, nonce)
				}
			}
		case <-poll:
			changed = true
		case <-ctx.Done():
			open = false
		}
		if changed {
			s.mu.Lock()
			mine.stale = true
			s.mu.Unlock()
			s.poke()
		}
	}
	s.mu.Lock()
	if s.of == mine {
		s.of = nil
	}
	s.mu.Unlock()
	s.log.Info("OpenFlow disconnected", "error", conn.Err())
	s.poke()
}

// refresh reads the flows again if somebody else has changed them.
func (s *Session) refresh(ctx context.Context, of *switchConn) error {
	s.mu.Lock()
	stale := of.stale
	of.stale = false // Before reading: what changes from now on is noticed again.
	s.mu.Unlock()
	if !stale {
		return nil
	}
	have, err := flowtable.Dump(ctx, of.conn)
	if err != nil {
		return err
	}
	of.have = have
	return nil
}

// end closes the OpenFlow connection, so that the switch makes a new one to whoever keeps the host next, and an OVSDB connection
// that was offered and not used. None is taken any more.
func (s *Session) end() {
	s.mu.Lock()
	of := s.of
	s.of, s.ended = nil, true
	s.mu.Unlock()
	if of != nil {
		_ = of.conn.Close() // It returns nil.
	}
	select {
	case nc := <-s.offered:
		_ = nc.Close() // Nobody is interested in how.
	default:
	}
}
