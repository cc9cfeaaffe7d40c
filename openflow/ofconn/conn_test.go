package ofconn_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/ofconn"
	"github.com/tapline-sdn/tapline/openflow/wire"
)

func TestHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := connect(t, ofconn.Options{})
		if id := c.Features().DatapathID; id != 0xd1 {
			t.Errorf("datapath id %#x, want 0xd1", id)
		}

		if err := c.Err(); err != nil {
			t.Errorf("Err: %v, want nil", err)
		}

		c.Close()
		wantEnd(t, c, ofconn.ErrClosed)

		if _, err := c.Request(t.Context(), &openflow.BarrierRequest{}); !errors.Is(err,
			ofconn.ErrClosed) {
			t.Errorf("Request after Close: %v, want ErrClosed", err)
		}

		if err := c.Send(t.Context(), &openflow.FlowMod{}); !errors.Is(err, ofconn.ErrClosed) {
			t.Errorf("Send after Close: %v, want ErrClosed", err)
		}
	})
}

// TestHostileHandshake: whatever the peer does, Handshake returns with the
// right error, in time, and closes the connection.
func TestHostileHandshake(t *testing.T) {
	header := func(length byte) []byte { return []byte{4, 0, 0, length, 0, 0, 0, 0} }
	tests := map[string]struct {
		peer func(p peer)
		want error
	}{
		"silent":        {func(p peer) { p.drain() }, os.ErrDeadlineExceeded},
		"does not read": {func(peer) {}, os.ErrDeadlineExceeded},
		"closes":        {func(p peer) { p.nc.Close() }, io.ErrClosedPipe},
		"closes in hello": {func(p peer) { p.receive(); _ = p.write(header(16)); p.nc.Close() },
			io.ErrUnexpectedEOF},
		"length 0": {func(p peer) { p.receive(); _ = p.write(header(0)); p.drain() },
			ofconn.ErrProtocol},
		"length 7": {func(p peer) { p.receive(); _ = p.write(header(7)); p.drain() },
			ofconn.ErrProtocol},
		"no hello": {func(p peer) {
			p.receive()
			_ = p.send(1,
				&openflow.EchoRequest{})
			p.drain()
		}, ofconn.ErrProtocol},
		"other version": {func(p peer) {
			p.receive()
			_ = p.send(1,
				&openflow.Hello{Versions: []uint8{1, 6}})
			p.drain()
		}, ofconn.ErrVersion},
		"version 1.0": {func(p peer) {
			p.receive()
			_ = p.write([]byte{1, 0, 0, 8, 0, 0, 0,
				1})
			p.drain()
		}, ofconn.ErrVersion},
		"refuses hello": {func(p peer) {
			p.receive()
			_ = p.send(1,
				&openflow.Error{})
			p.drain()
		}, ofconn.ErrProtocol},
		"refuses features": {func(p peer) {
			helloOnly(p)
			_ = p.send(1,
				&openflow.Error{})
			p.drain()
		}, ofconn.ErrProtocol},
		"malformed": {func(p peer) {
			p.receive()
			_ = p.write([]byte{4, 0, 0, 12, 0, 0, 0,
				0, 0, 1, 0, 99})
			p.drain()
		}, wire.ErrLength},
		"never features": {func(p peer) { helloOnly(p); p.drain() }, os.ErrDeadlineExceeded},
		"echoes for ever": {func(p peer) {
			helloOnly(p)
			go p.drain()
			repeat(p,
				&openflow.EchoRequest{})
		}, os.ErrDeadlineExceeded},
		"floods": {func(p peer) { helloOnly(p); repeat(p, &openflow.PacketIn{}) },
			ofconn.ErrOverrun},
		"features of other": {func(p peer) {
			helloOnly(p)
			_ = p.send(99,
				&openflow.FeaturesReply{})
			p.drain()
		}, os.ErrDeadlineExceeded},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, far := net.Pipe()
				defer run(peer{t, far}, tt.peer)()
				start := time.Now()
				c, err := ofconn.Handshake(t.Context(), near,
					ofconn.Options{HandshakeTimeout: time.Second})
				var ended *ofconn.ConnError
				if c != nil || !errors.As(err, &ended) || !errors.Is(err, tt.want) {
					t.Errorf("Handshake: %v, %v; want %v in a ConnError", c, err, tt.want)
				}

				if d := time.Since(start); d > time.Second {
					t.Errorf("Handshake took %v, want at most 1s", d)
				}

				if _, err := near.Write([]byte{0}); !errors.Is(err, io.ErrClosedPipe) {
					t.Errorf("the connection is not closed: %v", err)
				}
			})
		})
	}
}

func helloOnly(p peer) {
	p.receive()
	_ = p.send(1, &openflow.Hello{})
	p.receive()
}

// repeat sends until the other end goes, at a rate of 1,000 a second.
func repeat(p peer, m openflow.Message) {
	for p.send(7, m) == nil {
		<-time.After(time.Millisecond)
	}
}

func TestHandshakeEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer run(peer{t, far}, peer.drain)()
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := ofconn.Handshake(ctx, near, ofconn.Options{}); !errors.Is(err,
			context.DeadlineExceeded) {
			t.Errorf("Handshake: %v, want DeadlineExceeded", err)
		}
	})
}

// TestHostile: what a peer can do to a connection ends that connection, for
// the right reason.
func TestHostile(t *testing.T) {
	opts := ofconn.Options{EchoInterval: time.Second, WriteTimeout: time.Second, MaxEvents: 64,
		MaxUnsent: 4096}
	tests := map[string]struct {
		peer func(p peer)
		want error
	}{
		"closes": {func(p peer) { p.receive(); synctest.Wait(); p.nc.Close() }, io.EOF},
		"cuts a header": {func(p peer) { p.receive(); _ = p.write([]byte{4, 2}); p.nc.Close() },
			io.ErrUnexpectedEOF},
		"cuts a message": {func(p peer) {
			p.receive()
			_ = p.write([]byte{4, 2, 0xff, 0xff, 0, 0, 0, 0, 1})
			p.nc.Close()
		}, io.ErrUnexpectedEOF},
		"silent": {func(p peer) { p.drain() }, ofconn.ErrSilent},
		"trickles one message": {func(p peer) {
			go p.drain()
			_ = p.write([]byte{4, 2, 0xff, 0xff, 0, 0, 0, 0})
			for p.write([]byte{0}) == nil {
				<-time.After(100 * time.Millisecond)
			}
		}, ofconn.ErrSilent},
		"never reads": {func(p peer) { repeat(p, &openflow.EchoReply{}) },
			os.ErrDeadlineExceeded},
		"asks, never reads": {func(p peer) {
			flood(p,
				&openflow.EchoRequest{Data: make([]byte, 60000)})
		}, ofconn.ErrOverrun},
		"length 3": {func(p peer) {
			_ = p.write([]byte{4, 2, 0, 3, 0, 0, 0,
				0})
			p.drain()
		}, ofconn.ErrProtocol},
		"other version": {func(p peer) {
			_ = p.write([]byte{6, 2, 0, 8, 0, 0, 0,
				0})
			p.drain()
		}, wire.ErrVersion},
		"malformed event": {func(p peer) {
			_ = p.write([]byte{4, 11, 0, 8, 0, 0, 0,
				0})
			p.drain()
		}, wire.ErrTruncated},
		"floods with events": {func(p peer) { go p.drain(); flood(p, &openflow.PortStatus{}) },
			ofconn.ErrOverrun},
		"floods with errors": {func(p peer) { go p.drain(); flood(p, &openflow.Error{}) },
			ofconn.ErrOverrun},
		"floods with updates": {func(p peer) {
			go p.drain()
			flood(p,
				&openflow.MultipartReply{Body: openflow.FlowMonitorReply{{}}})
		}, ofconn.ErrOverrun},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, p := connect(t, opts)
				defer run(p, tt.peer)()
				start := time.Now()

				// So that a peer that does not read has something not to read.
				if err := c.Send(t.Context(), &openflow.EchoReply{}); err != nil && c.Err() == nil {
					t.Error(err)
				}

				wantEnd(t, c, tt.want)

				if d := time.Since(start); d > 3*time.Second {
					t.Errorf("it took %v, want at most 3s", d)
				}
			})
		})
	}
}

// flood sends as fast as it can until the other end goes.
func flood(p peer, m openflow.Message) {
	for p.send(0, m) == nil {
		continue
	}
}

// TestPacketInsAreDropped: a flood of packet-ins costs packet-ins only.
func TestPacketInsAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := connect(t, ofconn.Options{MaxEvents: 64})
		for range 100 {
			_ = p.send(0, &openflow.PacketIn{})
		}

		synctest.Wait()

		if n := c.Dropped(); n != 36 || c.Err() != nil {
			t.Errorf("%d dropped, err %v; want 36 and no error", n, c.Err())
		}
	})
}

// TestKeepalive: a peer that answers echoes stays connected, for as long as it
// does.
func TestKeepalive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := connect(t, ofconn.Options{EchoInterval: time.Second})
		start := time.Now()

		for range 10 {
			m, xid := p.receive()
			if _, ok := m.(*openflow.EchoRequest); !ok {
				t.Fatalf("received %T, want an echo request", m)
			}
			_ = p.send(xid, &openflow.EchoReply{})
		}

		if d := time.Since(start); d != 10*time.Second {
			t.Errorf("10 echoes took %v, want 10s", d)
		}

		defer run(p, peer.drain)()
		wantEnd(t, c, ofconn.ErrSilent)

		if d := time.Since(start); d != 12*time.Second {
			t.Errorf("the silent peer was dropped after %v, want 12s", d)
		}
	})
}

// TestEchoIsAnswered: also while the owner does nothing.
func TestEchoIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, p := connect(t, ofconn.Options{})
		_ = p.send(9, &openflow.EchoRequest{Data: []byte("x")})
		m, xid := p.receive()
		if e, ok := m.(*openflow.EchoReply); !ok || string(e.Data) != "x" || xid != 9 {
			t.Errorf("received %+v with xid %d, want the echo", m, xid)
		}
	})
}
