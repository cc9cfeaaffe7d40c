package ofconn

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// from is a connection from an address, which knows whether it was closed.
type from struct {
	net.Conn
	addr   string
	closed chan struct{}
}

func (c from) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.ParseIP(c.addr), Port: 1} }
func (c from) Close() error         { close(c.closed); return nil }

func conn(addr string) from { return from{addr: addr, closed: make(chan struct{})} }

func TestLobbyShare(t *testing.T) {
	l := newLobby(10, 2)
	enter := func(addr string) func() {
		t.Helper()
		leave, err := l.enter(t.Context(), conn(addr))
		if err != nil {
			t.Fatal(err)
		}

		return leave
	}
	leave := enter("192.0.2.1")
	enter("::ffff:192.0.2.1")

	if _, err := l.enter(t.Context(), conn("192.0.2.1")); err == nil {
		t.Error("an address got more than its share")
	}

	enter("192.0.2.2")

	for range 3 {
		enter("127.0.0.1")
	}

	leave()
	enter("192.0.2.1")
}

// TestLobbyFull: a newcomer waits until somebody leaves, and one that has
// stalled is shown out.
func TestLobbyFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLobby(2, 2)
		old, young := conn("192.0.2.1"), conn("192.0.2.2")
		leaveOld, err := l.enter(t.Context(), old)
		if err != nil {
			t.Fatal(err)
		}

		time.AfterFunc(0, func() {
			<-old.closed
			leaveOld()
		})

		<-time.After(time.Second)
		leaveYoung, err := l.enter(t.Context(), young)
		if err != nil {
			t.Fatal(err)
		}

		start := time.Now()
		if _, err := l.enter(t.Context(), conn("192.0.2.3")); err != nil ||
			time.Since(start) != stalled-time.Second {
			t.Errorf("%v after %v; want a place when the oldest has been there for %v", err,
				time.Since(start), stalled)
		}

		start = time.Now()
		time.AfterFunc(100*time.Millisecond, leaveYoung)

		if _, err := l.enter(t.Context(), conn("192.0.2.4")); err != nil ||
			time.Since(start) != 100*time.Millisecond {
			t.Errorf("%v after %v; want the place of the one that left", err, time.Since(start))
		}

		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()

		if _, err := l.enter(ctx, conn("192.0.2.5")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, want DeadlineExceeded", err)
		}
	})
}
