package session

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"golang.org/x/time/rate"

	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/ovsdb/client"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
)

// Reconnecting starts at once and then backs off up to a second, so that a switch that returns is whole again soon. Jitter keeps
// many hosts that return together apart.
const (
	firstBackoff = 50 * time.Millisecond
	maxBackoff   = time.Second
	dialTime     = 5 * time.Second
	answerTime   = 10 * time.Second // for a transaction, a bundle, a dump
	signTime     = time.Second      // for a sign of life, while another connection waits
)

// Run keeps the host until ctx ends or the session is retired.
func (s *Session) Run(ctx context.Context) {
	var offered net.Conn // to be used next
	defer func() {
		s.end()
		if offered != nil {
			_ = offered.Close() // Nobody is interested in how.
		}
	}()
	backoff := firstBackoff
	attempts := rate.NewLimiter(attemptRate, attemptBurst)
	var snapshot *vswitch.Snapshot
	for {
		_ = attempts.Wait(ctx) // What comes next sees that ctx has ended.
		conn, err := s.connect(ctx, offered)
		offered = nil
		if err == nil {
			s.log.Info("OVSDB connected", "remote", conn.RemoteAddr())
			started := time.Now()
			var retired bool
			snapshot, retired, err = s.keep(ctx, conn, snapshot)
			if ctx.Err() != nil || retired {
				return
			}
			s.log.Warn("OVSDB connection ended", "error", err)
			if time.Since(started) > maxBackoff {
				backoff = firstBackoff
			}
		}
		if ctx.Err() != nil {
			return
		}
		s.config.Report(Report{Problem: err.Error(), Snapshot: snapshot})
		wait := backoff/2 + rand.N(backoff)
		backoff = min(2*backoff, maxBackoff)
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-s.retire:
			timer.Stop()
			s.log.Warn("host is removed while it cannot be reached: what stands there stays", "error", err)
			return
		case offered = <-s.offered:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// connect makes a connection, and checks whose certificate it has.
func (s *Session) connect(ctx context.Context, offered net.Conn) (*client.Conn, error) {
	conn, err := s.open(ctx, offered)
	if err != nil {
		return nil, err
	}
	if peer := conn.PeerCertificate(); peer != nil {
		if _, err := s.config.certified(peer); err != nil {
			_ = conn.Close() // It returns nil.
			return nil, fmt.Errorf("OVSDB connection to %v: %w", conn.RemoteAddr(), err)
		}
	}
	return conn, nil
}

// open takes a connection that was offered, or dials; one that is offered meanwhile ends the dialling, which may lead nowhere.
func (s *Session) open(ctx context.Context, offered net.Conn) (*client.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	if offered == nil {
		dialling, stop := context.WithCancel(ctx)
		defer stop()
		var conn *client.Conn
		var err error
		done := make(chan struct{})
		go func() {
			defer close(done)
			conn, err = client.Dial(dialling, s.config.Target, s.options(s.config.TLS))
		}()
		select {
		case <-done:
			return conn, err
		case offered = <-s.offered:
			stop()
			if <-done; err == nil {
				_ = conn.Close() // It returns nil.
			}
		}
	}
	return client.New(ctx, &pacedConn{offered, s.intake}, s.options(s.config.AcceptTLS))
}

// options bound what a host's database can cost: a message, and the updates that wait, of what a bridge with 50,000 ports has.
func (s *Session) options(secure *tls.Config) client.Options {
	return client.Options{
		TLS: secure, MaxMessage: maxMessage, QueueBytes: maxMessage, QueueUpdates: maxUpdates, Schemas: s.config.Schemas,
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			nc, err := (&net.Dialer{}).DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &pacedConn{nc, s.intake}, nil
		},
	}
}

// keep runs the loop over one OVSDB connection, which it closes. It returns the last snapshot.
func (s *Session) keep(ctx context.Context, conn *client.Conn, before *vswitch.Snapshot) (snap *vswitch.Snapshot, retired bool, err error) {
	s.use(conn)
	snap, retired, err = s.follow(ctx, conn, before)
	s.use(nil)
	_ = conn.Close() // It returns nil.
	s.doubts.Wait()
	return snap, retired, err
}

// doubt asks for a sign of life, and closes the connection if there is none: a host that makes another may have lost the one that it
// had, though no packet has told us. The other is used after that.
func (s *Session) doubt(conn *client.Conn) {
	asking, cancel := context.WithTimeout(context.Background(), signTime) // It ends with the connection too.
	defer cancel()
	if err := conn.Echo(asking); err != nil && conn.Err() == nil {
		s.log.Warn("OVSDB connection does not answer while the host has made another", "remote", conn.RemoteAddr(), "error", err)
		_ = conn.Close() // It returns nil.
	}
	s.mu.Lock()
	s.doubted = false
	s.mu.Unlock()
}

// follow runs the loop until the connection ends, or the session is retired.
func (s *Session) follow(ctx context.Context, conn *client.Conn, before *vswitch.Snapshot) (*vswitch.Snapshot, bool, error) {
	watchCtx, cancel := context.WithTimeout(ctx, answerTime)
	watcher, err := vswitch.WatchWith(watchCtx, conn, s.config.Models)
	cancel()
	if err != nil {
		return before, false, err
	}
	loop := &loop{s: s, conn: conn, watcher: watcher, stood: map[string]uint64{}, self: reconcile.Self{
		Cluster: s.config.Cluster, DatapathID: s.dpid, Target: s.target(conn.LocalAddr()),
	}}
	timer := time.NewTimer(0)
	defer timer.Stop()
	steps := rate.NewLimiter(stepRate, stepBurst)
	for {
		if err := watcher.Err(); err != nil {
			return watcher.Snapshot(), false, err
		}
		_ = steps.Wait(ctx) // So does a step.
		again, err := loop.step(ctx)
		if err != nil {
			return watcher.Snapshot(), false, err
		}
		timer.Stop()
		if !again.IsZero() {
			timer.Reset(time.Until(again))
		}
		for idle := true; idle; {
			select {
			case <-ctx.Done():
				return watcher.Snapshot(), false, ctx.Err()
			case <-conn.Done():
				return watcher.Snapshot(), false, conn.Err()
			case <-s.retire:
				return watcher.Snapshot(), true, loop.strip(ctx)
			case <-watcher.Ready():
				idle = loop.counted()
			case <-s.wake:
				idle = false
			case <-timer.C:
				idle = false
			}
		}
	}
}

// counted takes in what the database tells where that is no more than what a switch counts; else it reports false.
func (l *loop) counted() bool {
	now := l.watcher.Snapshot()
	if l.seen == nil || l.watcher.Err() != nil || !now.Counted(l.seen) {
		return false
	}
	if now != l.seen && l.s.config.Counted != nil {
		l.s.config.Counted(now)
	}
	l.seen = now
	return true
}

// target is where the switch finds our OpenFlow port.
func (s *Session) target(local net.Addr) string {
	if s.config.Advertise != "" {
		return s.config.Advertise
	}
	scheme, address := "tcp", "127.0.0.1"
	if s.config.OpenFlowTLS {
		scheme = "ssl"
	}
	if tcp, ok := local.(*net.TCPAddr); ok {
		address = tcp.AddrPort().Addr().Unmap().WithZone("").String()
		if tcp.AddrPort().Addr().Unmap().Is6() {
			address = "[" + address + "]"
		}
	}
	return fmt.Sprintf("%s:%s:%d", scheme, address, s.config.OpenFlowPort)
}

// strip takes everything of ours off the switch.
func (l *loop) strip(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	if err := l.claim(ctx, nil); err != nil {
		return err
	}
	for {
		txn := reconcile.Strip(l.watcher.Snapshot(), l.self, l.s.config.TapBridge)
		if txn.Empty() {
			return nil
		}
		_, err := txn.Commit(ctx, l.conn)
		if err == nil {
			l.s.log.Info("host removed: its switch is as it was before")
			return nil
		}
		if !errors.Is(err, vswitch.ErrConflict) {
			l.s.log.Warn("host is removed, and what stands on its switch could not be", "error", err)
			return err
		}
	}
}
