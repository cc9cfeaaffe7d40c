package session

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/tapline-sdn/tapline/controller/meter"
	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/flowtable"
	"github.com/tapline-sdn/tapline/openflow/ofconn"
)

// pollFlows is how often the flows of a switch are read that cannot report changes (Open vSwitch before 2.18).
const pollFlows = 2 * time.Second

// ServeOpenFlow uses a connection that claims to be the host's tap bridge until it ends: as soon as it is known to be, see
// trait. A newer one then replaces an older one, which is closed: the switch keeps one, so the older is a leftover.
func (s *Session) ServeOpenFlow(ctx context.Context, conn *ofconn.Conn) {
	mine := &switchConn{conn: conn, known: make(chan struct{})}
	err := s.certified(conn)
	if err == nil {
		err = s.meet(ctx, mine)
	}
	polled := false
	if err == nil {
		polled, err = mine.read(ctx)
	}
	if err == nil {
		err = s.adopt(mine)
	}
	if err != nil {
		if ctx.Err() == nil {
			s.log.Warn("OpenFlow connection is of no use", "remote", conn.RemoteAddr(), "error", err)
		}
		return // The caller closes it, and the switch turns to whoever keeps the host now.
	}
	s.log.Info("OpenFlow connected", "remote", conn.RemoteAddr())
	s.poke()
	s.hear(ctx, mine, polled)
	s.drop(mine)
	s.log.Info("OpenFlow disconnected", "remote", conn.RemoteAddr(), "error", conn.Err())
	s.poke()
}

// read reads the flows that the switch has, and has it tell of changes. Where it cannot do that it has to be polled.
func (c *switchConn) read(ctx context.Context) (polled bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	c.have, err = flowtable.Watch(ctx, c.conn)
	if polled = errors.Is(err, flowtable.ErrUnsupported); polled {
		c.have, err = flowtable.Dump(ctx, c.conn)
	}
	return polled, err
}

// hear notes what the switch tells, until the connection ends, and has its counters read now and then.
func (s *Session) hear(ctx context.Context, c *switchConn, polled bool) {
	var poll <-chan time.Time
	if polled {
		ticker := time.NewTicker(pollFlows)
		defer ticker.Stop()
		poll = ticker.C
	}
	var sampling sync.WaitGroup
	defer sampling.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	sample := time.NewTimer(rand.N(meter.Interval))
	defer sample.Stop()
	for {
		changed := false
		select {
		case events, more := <-c.conn.Events():
			if !more {
				return
			}
			for _, event := range events {
				changed = s.heard(c, event) || changed
			}
		case <-poll:
			changed = true
		case <-sample.C:
			sample.Reset(sampleAgain())
			sampling.Go(func() { s.sampleNow(ctx) })
		case <-ctx.Done():
			return
		}
		if changed {
			s.mu.Lock()
			c.stale = true
			s.mu.Unlock()
			s.poke()
		}
	}
}

// heard notes one thing that the switch tells. It reports whether somebody else has changed flows.
func (s *Session) heard(c *switchConn, event ofconn.Event) (changed bool) {
	switch m := event.Message.(type) {
	case *openflow.PacketIn:
		if sender, nonce, ok := ParseProbe(m); ok {
			s.config.Probed(sender, nonce)
		}
	case *openflow.PortStatus:
		s.mu.Lock()
		barred := c.followConfig(m.Port, m.Reason == openflow.PortDeleted)
		s.mu.Unlock()
		if barred {
			s.poke()
		}
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
	all := slices.Concat(s.arrivals, s.strangers)
	if s.of != nil {
		all = append(all, s.of)
	}
	s.of, s.arrivals, s.strangers, s.ended = nil, nil, nil, true
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
