package session

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/flowtable"
	"github.com/tapline-sdn/tapline/openflow/ofconn"
)

// pollFlows is how often the flows of a switch are read that cannot report changes (Open vSwitch before 2.18).
const pollFlows = 2 * time.Second

// ServeOpenFlow uses a connection that claims to be the host's tap bridge until it ends: as soon as it is known to be, see
// trait. A newer one then replaces an older one, which is closed: the switch keeps one, so the older is a leftover.
func (s *Session) ServeOpenFlow(ctx context.Context, conn *ofconn.Conn) {
	if err := s.certified(conn); err != nil {
		s.log.Warn("OpenFlow connection refused", "remote", conn.RemoteAddr(), "error", err)
		return
	}
	mine, polled, err := openSwitch(ctx, conn)
	if err != nil {
		s.log.Warn("OpenFlow connection is of no use", "remote", conn.RemoteAddr(), "error", err)
		return
	}
	if !s.present(mine) {
		return // The caller closes it, and the switch turns to whoever keeps the host now.
	}
	sampling, stop := context.WithCancel(ctx)
	var sampler sync.WaitGroup
	sampler.Go(func() { s.sampleOn(sampling) })
	defer sampler.Wait()
	defer stop()

	var poll <-chan time.Time
	if polled {
		ticker := time.NewTicker(pollFlows)
		defer ticker.Stop()
		poll = ticker.C
	}
	strange := time.NewTicker(strangerTime)
	defer strange.Stop()
	for open := true; open; {
		changed := false
		select {
		case event, more := <-conn.Events():
			open = more
			changed = more && s.take(mine, event)
		case <-poll:
			changed = true
		case <-strange.C:
			if s.strange(mine) {
				s.log.Warn("OpenFlow connection refused: it claims to be the host's tap bridge, and its ports are not those of the host's database",
					"remote", conn.RemoteAddr())
				open = false
			}
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
	s.drop(mine)
	s.log.Info("OpenFlow disconnected", "remote", conn.RemoteAddr(), "error", conn.Err())
	s.poke()
}

// openSwitch reads what a switch has, and has it tell of changes, if it can.
func openSwitch(ctx context.Context, conn *ofconn.Conn) (c *switchConn, polled bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	ports, err := portsOf(ctx, conn)
	if err != nil {
		return nil, false, err
	}
	have, err := flowtable.Watch(ctx, conn)
	polled = errors.Is(err, flowtable.ErrUnsupported)
	if polled {
		have, err = flowtable.Dump(ctx, conn)
	}
	return &switchConn{conn: conn, ports: ports, have: have}, polled, err
}

// take handles an event, and reports whether somebody else has changed flows.
func (s *Session) take(c *switchConn, event ofconn.Event) (changed bool) {
	switch m := event.Message.(type) {
	case *openflow.PacketIn:
		sender, nonce, ok := ParseProbe(m)
		s.mu.Lock()
		known := s.of == c
		s.mu.Unlock()
		if ok && known {
			s.config.Probed(sender, nonce)
		}
	case *openflow.PortStatus:
		s.reconsider(func() []*switchConn {
			c.followPort(m)
			return nil
		})
	}
	return len(flowtable.Updates(event)) > 0
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
	all := s.strangers
	if s.of != nil {
		all = append(all, s.of)
	}
	s.of, s.strangers, s.ended = nil, nil, true
	s.mu.Unlock()
	for _, c := range all {
		_ = c.conn.Close() // It returns nil.
	}
	select {
	case nc := <-s.offered:
		_ = nc.Close() // Nobody is interested in how.
	default:
	}
}
