package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"golang.org/x/time/rate"

	"github.com/tapline-sdn/tapline/ovsdb/client"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
)

const (
	answerTime = 10 * time.Second // for a transaction, a bundle, a dump
	signTime   = time.Second      // for a sign of life
	// spreadTime is within which a database is asked for a sign of life once. A server asks for
	// ours 5 s after it has heard from us last, again and again: the servers of hosts that
	// connected together would all do so together.
	spreadTime = 5 * time.Second

	// Reconnecting starts at once and then backs off up to a second, so that a switch that returns
	// is whole again soon.
	firstReconnect = 50 * time.Millisecond
	maxReconnect   = time.Second

	// Each step reads the host's database, works out what differs, and tells the engine, which all
	// hosts share. So steps are held to a rate, after a burst.
	stepRate  = 100 // a second
	stepBurst = 500
)

// Run keeps the host until ctx ends or the session is retired.
func (s *Session) Run(ctx context.Context) {
	defer s.link.Close()
	asking, stop := context.WithCancel(ctx)
	var asks sync.WaitGroup
	s.askCollectors = sync.OnceFunc(func() { // Most hosts have none.
		asks.Go(func() { s.collectors.run(asking) })
	})
	defer asks.Wait()
	defer stop()

	var snapshot *vswitch.Snapshot // the last one
	var offered net.Conn           // to be used next
	// Jitter keeps many hosts apart that return together.
	pauses := &backoff.ExponentialBackOff{
		InitialInterval: firstReconnect, MaxInterval: maxReconnect, Multiplier: 2,
		RandomizationFactor: 0.5,
	}

	for {
		conn, err := s.link.Connect(ctx, offered)
		if err == nil {
			connected := time.Now()
			var retired bool
			snapshot, retired, err = s.keep(ctx, conn, snapshot)
			if retired && err == nil || ctx.Err() != nil {
				return
			}
			var fenced errFenced
			if errors.As(err, &fenced) && !s.standDown(ctx, fenced, snapshot) {
				return
			}

			s.log.Warn("OVSDB connection ended", "error", err)
			if time.Since(connected) > maxReconnect {
				pauses.Reset()
			}
		}

		if ctx.Err() != nil {
			return
		}

		s.config.Report(Report{Problem: err.Error(), Snapshot: snapshot})
		var again bool
		if offered, again = s.rest(ctx, pauses.NextBackOff(), err); !again {
			return
		}
	}
}

// rest waits for the next attempt to connect, and cuts that short for a connection that the host
// makes. It returns false if there is to be no other attempt.
func (s *Session) rest(ctx context.Context, pause time.Duration, err error) (offered net.Conn,
	again bool) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return nil, false
	case offered = <-s.link.Offered():
	case <-timer.C:
	}

	return offered, true
}

// keep runs the loop over one OVSDB connection, which it closes. It returns the last snapshot.
func (s *Session) keep(
	ctx context.Context, conn *client.Conn, before *vswitch.Snapshot,
) (last *vswitch.Snapshot, retired bool, err error) {
	s.link.Use(conn)
	defer s.link.Leave()
	if err := s.link.TakeTurn(ctx, conn.Done()); err != nil {
		return before, false, cmp.Or(conn.Err(), err)
	}
	defer s.link.EndTurn()

	var lock *client.Lock
	if s.config.Term == 0 {
		lock, retired, err = s.takeLock(ctx, conn, before)
		if retired || err != nil {
			return before, retired, err
		}
	}

	l, err := s.watch(ctx, conn, before)
	if err != nil {
		return before, false, err
	}

	l.lock, l.claimed = lock, s.config.Term == 0

	if retired, err = l.run(ctx); retired {
		err = l.strip(ctx)
	}

	return l.watcher.Snapshot(), retired, l.judgeEnd(err)
}

// watch begins to follow the database of a connection.
func (s *Session) watch(ctx context.Context, conn *client.Conn, before *vswitch.Snapshot) (*loop,
	error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	watcher, err := vswitch.WatchWith(ctx, conn, s.config.Models)
	if err != nil {
		return nil, err
	}
	return newLoop(s, conn, watcher, before), nil
}

// run makes steps until the connection ends or the session is retired.
func (l *loop) run(ctx context.Context) (retired bool, err error) {
	timer, sign := time.NewTimer(0), time.NewTimer(rand.N(spreadTime))
	defer timer.Stop()
	defer sign.Stop()
	defer l.feedback.stop()
	defer l.tending.alarm.stop()
	steps := rate.NewLimiter(stepRate, stepBurst)
	for err == nil && !retired {
		_ = steps.Wait(ctx) // What comes next sees that ctx has ended.
		var again time.Time
		if again, err = l.advance(ctx); err != nil {
			break
		}

		timer.Stop()
		if !again.IsZero() {
			timer.Reset(time.Until(again))
		}

		retired, err = l.idle(ctx, timer.C, sign.C)
	}

	return retired, err
}

// advance makes a step, if the database is still followed. A host that is up by then needs its turn
// no more.
func (l *loop) advance(ctx context.Context) (again time.Time, err error) {
	if err := l.watcher.Err(); err != nil {
		return time.Time{}, err
	}
	if again, err = l.step(ctx); !l.busy {
		l.s.link.EndTurn()
	}
	return again, err
}

// idle waits until there is something to do. It reports whether the session is retired.
func (l *loop) idle(ctx context.Context, again, sign <-chan time.Time) (retired bool, err error) {
	for {
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-l.conn.Done():
			return false, l.conn.Err()
		case <-l.s.retire:
			return true, nil

		case <-l.watcher.Ready():
			if !l.nothingNew() {
				return false, nil
			}
		case <-l.s.wake:
			return false, nil
		case <-l.lockChanged():
			return false, l.checkLock()
		case <-again:
			return false, nil

		case <-l.s.tending:
			if l.tend(ctx) {
				return false, nil
			}
		case <-l.s.reading:
			if l.watchFeedback(ctx) {
				return false, nil
			}
		case <-sign:
			asking, cancel := context.WithTimeout(ctx, signTime)
			_ = l.conn.Echo(asking) // What ends the connection is seen above.
			cancel()
		}
	}
}

// target is where the switch finds our OpenFlow port, such as tcp:192.0.2.10:6653.
func (s *Session) target(local net.Addr) string {
	if s.config.Advertise != "" {
		return s.config.Advertise
	}

	scheme, address := "tcp", "127.0.0.1"
	if s.config.OpenFlowTLS {
		scheme = "ssl"
	}

	if tcp, ok := local.(*net.TCPAddr); ok {
		addr := tcp.AddrPort().Addr().Unmap()
		address = addr.WithZone("").String()
		if addr.Is6() {
			address = "[" + address + "]"
		}
	}

	return fmt.Sprintf("%s:%s:%d", scheme, address, s.config.OpenFlowPort)
}
