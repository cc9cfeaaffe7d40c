package session

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

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
)

// Run keeps the host until ctx ends or the session is retired.
func (s *Session) Run(ctx context.Context) {
	defer s.end()
	backoff := firstBackoff
	var snapshot *vswitch.Snapshot
	var offered net.Conn
	for {
		conn, err := s.connect(ctx, offered)
		offered = nil
		if err == nil {
			s.log.Info("OVSDB connected", "remote", conn.RemoteAddr())
			started := time.Now()
			var retired bool
			snapshot, retired, err = s.keep(ctx, conn, snapshot)
			_ = conn.Close() // It returns nil.
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

// connect takes a connection that was offered, or dials; one that is offered meanwhile ends the dialling, which may lead nowhere.
func (s *Session) connect(ctx context.Context, offered net.Conn) (*client.Conn, error) {
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
			conn, err = client.Dial(dialling, s.config.Target, client.Options{TLS: s.config.TLS})
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
	return client.New(ctx, offered, client.Options{}) // TLS, if any, was done by whoever accepted.
}

// keep runs the loop over one OVSDB connection. It returns the last snapshot.
func (s *Session) keep(ctx context.Context, conn *client.Conn, before *vswitch.Snapshot) (*vswitch.Snapshot, bool, error) {
	watchCtx, cancel := context.WithTimeout(ctx, answerTime)
	watcher, err := vswitch.Watch(watchCtx, conn)
	cancel()
	if err != nil {
		return before, false, err
	}
	loop := &loop{s: s, conn: conn, watcher: watcher, stood: map[string]uint64{}, self: reconcile.Self{
		Cluster: s.config.Cluster, DatapathID: s.dpid, Target: s.target(conn.LocalAddr()),
	}}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if err := watcher.Err(); err != nil {
			return watcher.Snapshot(), false, err
		}
		again, err := loop.step(ctx)
		if err != nil {
			return watcher.Snapshot(), false, err
		}
		timer.Stop()
		if !again.IsZero() {
			timer.Reset(time.Until(again))
		}
		select {
		case <-ctx.Done():
			return watcher.Snapshot(), false, ctx.Err()
		case <-conn.Done():
			return watcher.Snapshot(), false, conn.Err()
		case <-s.retire:
			return watcher.Snapshot(), true, loop.strip(ctx)
		case <-watcher.Ready():
		case <-s.wake:
		case <-timer.C:
		}
	}
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
