package ofconn_test

import (
	"errors"
	"io"
	"net"
	"testing"

	"go.uber.org/goleak"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/ofconn"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A peer is the switch's end of a pipe. It speaks OpenFlow, and whatever bytes
// a test wants it to.
type peer struct {
	t  testing.TB
	nc net.Conn
}

// write writes raw bytes. That the other end has gone is no failure: some
// tests write until it goes.
func (p peer) write(b []byte) error {
	_, err := p.nc.Write(b)
	return err
}

func (p peer) send(xid uint32, m openflow.Message) error {
	b, err := openflow.AppendMessage(nil, xid, m)
	if err != nil {
		p.t.Error(err)
	}
	return p.write(b)
}

// receive reads one message; nil after the end.
func (p peer) receive() (openflow.Message, uint32) {
	header := make([]byte, openflow.HeaderLen)
	if _, err := io.ReadFull(p.nc, header); err != nil {
		return nil, 0
	}

	b := append(header, make([]byte, openflow.PeekLength(header)-openflow.HeaderLen)...)
	if _, err := io.ReadFull(p.nc, b[openflow.HeaderLen:]); err != nil {
		return nil, 0
	}

	m, xid, err := openflow.Parse(b)
	if err != nil {
		p.t.Errorf("we sent %x: %v", b, err)
	}

	return m, xid
}

// handshake is the switch's part of the handshake. It does early before it
// tells its features.
func (p peer) handshake(early func(peer)) {
	p.receive()
	_ = p.send(1, &openflow.Hello{Versions: []uint8{1, openflow.Version}})
	_, xid := p.receive()
	early(p)
	_ = p.send(xid, &openflow.FeaturesReply{DatapathID: 0xd1})
}

// drain reads until the end.
func (p peer) drain() { _, _ = io.Copy(io.Discard, p.nc) }

// connect returns a connection after its handshake, and its peer. Both are
// closed when the test ends.
func connect(t *testing.T, opts ofconn.Options) (*ofconn.Conn, peer) {
	t.Helper()
	return connectWith(t, opts, func(peer) {})
}

func connectWith(t *testing.T, opts ofconn.Options, early func(peer)) (*ofconn.Conn, peer) {
	t.Helper()
	near, far := net.Pipe()
	p := peer{t, far}
	shook := make(chan struct{})
	go func() {
		defer close(shook)
		p.handshake(early)
	}()

	c, err := ofconn.Handshake(t.Context(), near, opts)
	if err != nil {
		t.Fatal(err)
	}

	<-shook
	t.Cleanup(func() {
		far.Close()
		c.Close()
	})

	return c, p
}

// wantEnd waits for the end of a connection and checks its reason.
func wantEnd(t *testing.T, c *ofconn.Conn, want error) {
	t.Helper()
	<-c.Done()
	var ended *ofconn.ConnError
	if err := c.Err(); !errors.As(err, &ended) || !errors.Is(err, want) {
		t.Errorf("the connection ended with %v, want %v in a ConnError", err, want)
	}

	for range c.Events() {
		continue // Closed: this ends.
	}
}

// run has the peer do something beside the test. The function that it returns
// closes the peer and waits for it.
func run(p peer, do func(peer)) (stop func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		do(p)
	}()

	return func() {
		p.nc.Close()
		<-done
	}
}
