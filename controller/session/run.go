package session

import (
	"cmp"
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
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// How long a session waits for its switch.
const (
	dialTime   = 5 * time.Second
	answerTime = 10 * time.Second // for a transaction, a bundle, a dump
	signTime   = time.Second      // for a sign of life
	// spreadTime is within which a database is asked for a sign of life once. A server asks for ours 5 s after it has heard from us last,
	// and again and again: those of hosts that connected together would all do so together.
	spreadTime = 5 * time.Second
)

// Run keeps the host until ctx ends or the session is retired.
func (s *Session) Run(ctx context.Context) {
	defer s.end()
	var snapshot *vswitch.Snapshot
	var offered net.Conn // to be used next
	retry := newRetry()
	for {
		conn, err := s.connect(ctx, offered, retry)
		if err == nil {
			var retired bool
			if snapshot, retired, err = s.keep(ctx, conn, snapshot); retired || ctx.Err() != nil {
				return
			}
			retry.ended(s.log, err)
		}
		if ctx.Err() != nil {
			return
		}
		s.config.Report(Report{Problem: err.Error(), Snapshot: snapshot})
		var again bool
		if offered, again = s.rest(ctx, retry.pause(), err); !again {
			return
		}
	}
}

// rest waits for the next attempt, and cuts that short for a connection that the host makes. It is false where there is to be none.
func (s *Session) rest(ctx context.Context, pause time.Duration, err error) (offered net.Conn, again bool) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return nil, false
	case <-s.retire:
		s.log.Warn("host is removed while it cannot be reached: what stands there stays", "error", err)
		return nil, false
	case offered = <-s.offered:
	case <-timer.C:
	}
	return offered, true
}

// connect makes a connection, once it is its turn, and checks whose certificate it has.
func (s *Session) connect(ctx context.Context, offered net.Conn, retry *retry) (*client.Conn, error) {
	_ = retry.attempts.Wait(ctx) // What comes next sees that ctx has ended.
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
	s.log.Info("OVSDB connected", "remote", conn.RemoteAddr())
	retry.connected = time.Now()
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
func (s *Session) follow(ctx context.Context, conn *client.Conn, before *vswitch.Snapshot) (snap *vswitch.Snapshot, retired bool, err error) {
	if err := s.takeTurn(ctx, conn.Done()); err != nil {
		return before, false, cmp.Or(conn.Err(), err)
	}
	defer s.endTurn()
	l, err := s.watch(ctx, conn, before)
	if err != nil {
		return before, false, err
	}
	timer, apart := time.NewTimer(0), time.NewTimer(rand.N(spreadTime))
	defer timer.Stop()
	defer apart.Stop()
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
		retired, err = l.idle(ctx, timer.C, apart.C)
	}
	if retired {
		err = l.strip(ctx)
	}
	return l.watcher.Snapshot(), retired, err
}

// watch begins to follow the database of a connection.
func (s *Session) watch(ctx context.Context, conn *client.Conn, before *vswitch.Snapshot) (*loop, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	watcher, err := vswitch.WatchWith(ctx, conn, s.config.Models)
	if err != nil {
		return nil, err
	}
	l := &loop{s: s, conn: conn, watcher: watcher, before: before, stood: map[string]uint64{}, self: reconcile.Self{
		Cluster: s.config.Cluster, DatapathID: s.dpid, Target: s.target(conn.LocalAddr()),
	}}
	if system := watcher.Snapshot().System(); system != nil && system.CurCfg < system.NextCfg {
		l.note(tap.OwnerBridge, system.NextCfg) // What was written last, perhaps by our predecessor, is not applied yet.
	}
	return l, nil
}

// advance makes a step, if the database is still followed. A host that is up by then needs its turn no more.
func (l *loop) advance(ctx context.Context) (again time.Time, err error) {
	if err := l.watcher.Err(); err != nil {
		return time.Time{}, err
	}
	if again, err = l.step(ctx); !l.busy {
		l.s.endTurn()
	}
	return again, err
}

// idle waits until there is something to do, and tells if that is to leave.
func (l *loop) idle(ctx context.Context, again, apart <-chan time.Time) (retired bool, err error) {
	for {
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-l.conn.Done():
			return false, l.conn.Err()
		case <-l.s.retire:
			return true, nil
		case <-l.watcher.Ready():
			if !l.counted() {
				return false, nil
			}
		case <-l.s.wake:
			return false, nil
		case <-again:
			return false, nil
		case <-apart:
			asking, cancel := context.WithTimeout(ctx, signTime)
			_ = l.conn.Echo(asking) // What ends the connection is seen above.
			cancel()
		}
	}
}

// counted takes in what the database tells where that is no more than what the last step has seen, or what a switch counts; else it
// reports false.
func (l *loop) counted() bool {
	now := l.watcher.Snapshot()
	if now == l.looked && l.watcher.Err() == nil {
		return true
	}
	if l.seen == nil || l.watcher.Err() != nil || !now.OnlyCountersDiffer(l.seen) {
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
