package link

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

const (
	answerTime = 10 * time.Second // for the ports or the flows of a switch
	// checkResources is how often groups, meters and the fragment mode are read, whose changes no
	// switch reports. Where one of them is deleted, its flows go too, and that is reported.
	checkResources = 5 * time.Second
	// pollFlows is how often the flows of a switch are read that cannot report changes (Open
	// vSwitch before 3.0), and countFlows is how often it is asked how many there are.
	pollFlows  = 2 * time.Second
	countFlows = 50 * time.Millisecond
)

// Serve uses a connection that claims to be the host's tap bridge until it ends, as soon as it is
// known to be the host's. It then replaces an older one, which is closed: a switch keeps one
// connection, so the older is a leftover. The caller closes conn.
func (l *Link) Serve(ctx context.Context, conn *ofconn.Conn) {
	sw := newSwitch(conn)
	polled, err := l.admit(ctx, sw)
	if err != nil {
		if ctx.Err() == nil {
			l.log.Warn("OpenFlow connection is of no use", "remote", conn.RemoteAddr(), "error",
				err)
		}
		return
	}

	if sw.captures {
		l.serveCopies(ctx, sw)
		return
	}

	l.log.Info("OpenFlow connected", "remote", conn.RemoteAddr())
	l.config.Wake()
	l.listen(ctx, sw, polled)

	l.forget(sw)
	l.log.Info("OpenFlow disconnected", "remote", conn.RemoteAddr(), "error", conn.Err())
	l.config.Wake()
}

// admit takes a connection into use once it is known to be the host's, and the switch takes us for
// its master. A switch that cannot report changes has to be polled.
func (l *Link) admit(ctx context.Context, sw *Switch) (polled bool, err error) {
	l.mu.Lock()
	l.lastArrival = time.Now()
	l.mu.Unlock()

	if err := l.checkCertificate(sw.Conn); err != nil {
		return false, err
	}
	if err := l.identify(ctx, sw); err != nil || sw.captures {
		return false, err
	}
	n, err := l.awaitLead(ctx, sw)
	if err != nil {
		return false, err
	}
	if err := l.TakeTurn(ctx, sw.Conn.Done()); err != nil {
		return false, err
	}
	if polled, err = l.readAsMaster(ctx, sw, n); err != nil {
		return false, err
	}

	return polled, l.adopt(sw)
}

// adopt takes a recognised connection into use in place of an older one: a switch makes another
// connection only when it has given up the one before.
func (l *Link) adopt(sw *Switch) error {
	l.mu.Lock()
	place := &l.current
	if sw.captures {
		place = &l.copies
	}
	older := *place
	switch {
	case l.closed:
		l.mu.Unlock()
		return errClosed
	case older != nil && older.number > sw.number:
		l.mu.Unlock()
		return errors.New("the switch has made another one meanwhile")
	case l.lead.epoch == 0, !sw.captures && sw.generation != l.lead.epoch:
		l.mu.Unlock()
		return errors.New("the host has another epoch by now")
	}

	*place = sw
	l.mu.Unlock()

	if older != nil {
		_ = older.Conn.Close() // It returns nil.
	}

	return nil
}

// forget takes a connection out of all lists.
func (l *Link) forget(sw *Switch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, place := range []**Switch{&l.current, &l.copies} {
		if *place == sw {
			*place = nil
		}
	}
	l.arrivals, l.unverified = without(l.arrivals, sw), without(l.unverified, sw)
}

func without(list []*Switch, sw *Switch) []*Switch {
	return slices.DeleteFunc(list, func(other *Switch) bool { return other == sw })
}

// listen takes what the switch sends until the connection ends, and has its counters read now and
// then.
func (l *Link) listen(ctx context.Context, sw *Switch, polled bool) {
	var sampling sync.WaitGroup
	defer sampling.Wait()
	sample := time.NewTimer(rand.N(meter.Interval))
	defer sample.Stop()
	var poll <-chan time.Time
	if polled {
		poll = time.Tick(pollFlows)
		sampling.Go(func() { l.watchCount(ctx, sw) })
	}
	check := time.NewTicker(checkResources)
	defer check.Stop()

	for {
		select {
		case events, open := <-sw.Conn.Events():
			if !open {
				return
			}
			l.take(sw, events)
		case <-poll:
			sw.Distrust()
			l.config.Wake()
		case <-check.C:
			if l.config.UsesResources() {
				sw.DistrustResources()
				l.config.Wake()
			}
		case <-sample.C:
			sample.Reset(untilNextSample())
			sampling.Go(func() { l.config.Sample(ctx) })
		case <-ctx.Done():
			return
		}
	}
}

// watchCount has the flows of a switch read at once when flows have come or gone. It ends with the
// connection.
func (l *Link) watchCount(ctx context.Context, sw *Switch) {
	err := flowtable.WatchCount(ctx, sw.Conn, countFlows, func() {
		sw.Distrust()
		l.config.Wake()
	})
	if ctx.Err() == nil && sw.Conn.Err() == nil {
		l.log.Warn("flows are read every 2 s alone", "error", err)
	}
}

// untilNextSample differs from host to host, so that not all are asked at once.
func untilNextSample() time.Duration {
	return meter.Interval*9/10 + rand.N(meter.Interval/5)
}

// take handles what the switch has sent without being asked.
func (l *Link) take(sw *Switch, events []ofconn.Event) {
	changed := false
	for _, event := range events {
		switch m := event.Message.(type) {
		case *openflow.PacketIn:
			l.config.PacketIn(m)
		case *openflow.PortStatus:
			if sw.noteConfig(m.Port, m.Reason == openflow.PortDeleted) {
				l.config.Wake()
			}
		case *openflow.Error:
			if m.IsSlave() {
				_ = sw.Conn.Close() // It returns nil. A new one learns who is master.
			}
		case *openflow.RoleStatus:
			if m.Role != openflow.RoleMaster {
				l.demoted(sw, m.GenerationID)
			}
		}
		changed = changed || len(flowtable.Updates(event)) > 0
	}

	if changed {
		sw.Distrust()
		l.config.Wake()
	}
}
