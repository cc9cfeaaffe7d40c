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
	c := &switchConn{conn: conn, known: make(chan struct{})}
	if polled, err := s.begin(ctx, c); err != nil {
		s.refuse(ctx, c, err) // The caller closes it, and the switch turns to whoever keeps the host now.
	} else {
		s.hear(ctx, c, polled)
		s.lose(c)
	}
}

func (s *Session) refuse(ctx context.Context, c *switchConn, err error) {
	if ctx.Err() == nil {
		s.log.Warn("OpenFlow connection is of no use", "remote", c.conn.RemoteAddr(), "error", err)
	}
}

// lose notes that a connection has ended.
func (s *Session) lose(c *switchConn) {
	s.drop(c)
	s.log.Info("OpenFlow disconnected", "remote", c.conn.RemoteAddr(), "error", c.conn.Err())
	s.poke()
}

// begin takes a connection into use. Where the switch cannot tell of changes it has to be polled.
func (s *Session) begin(ctx context.Context, c *switchConn) (polled bool, err error) {
	s.mu.Lock()
	s.came = time.Now()
	s.mu.Unlock()
	if err := s.certified(c.conn); err != nil {
		return false, err
	}
	if err := s.meet(ctx, c); err != nil {
		return false, err
	}
	if err := s.takeTurn(ctx, c.conn.Done()); err != nil {
		return false, err
	}
	if polled, err = c.read(ctx); err != nil {
		return false, err
	}
	if err := s.adopt(c); err != nil {
		return false, err
	}
	s.log.Info("OpenFlow connected", "remote", c.conn.RemoteAddr())
	s.poke()
	return polled, nil
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
	var sampling sync.WaitGroup
	defer sampling.Wait()
	sample := time.NewTimer(rand.N(meter.Interval))
	defer sample.Stop()
	var poll <-chan time.Time
	if polled {
		poll = time.Tick(pollFlows)
	}
	for {
		select {
		case events, more := <-c.conn.Events():
			if !more {
				return
			}
			s.heard(c, events)
		case <-poll:
			s.distrust(c)
		case <-sample.C:
			sample.Reset(sampleAgain())
			sampling.Go(func() { s.sampleNow(ctx) })
		case <-ctx.Done():
			return
		}
	}
}

// heard notes what the switch has told.
func (s *Session) heard(c *switchConn, events []ofconn.Event) {
	for _, event := range events {
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
	}
	if slices.ContainsFunc(events, func(e ofconn.Event) bool { return len(flowtable.Updates(e)) > 0 }) {
		s.distrust(c)
	}
}

// distrust notes that somebody else may have changed flows.
func (s *Session) distrust(c *switchConn) {
	s.mu.Lock()
	c.stale = true
	s.mu.Unlock()
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
	of.have, of.matches = have, wantedFlows{}
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
