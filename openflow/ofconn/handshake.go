package ofconn

import (
	"context"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/tapline-sdn/tapline/openflow"
)

// handshakeXID is the transaction id of features; requests count on from it.
const handshakeXID = 1

// maxEarlyEvents bounds the messages that a switch may send between its hello
// and its features.
const maxEarlyEvents = 64

// Handshake exchanges hello and features over nc and returns the connection.
// It takes nc over, and closes it on error. It ends with ctx, and at the
// latest after Options.HandshakeTimeout; ctx does not limit the connection
// that it returns. Errors are of type [*ConnError].
func Handshake(ctx context.Context, nc net.Conn, opts Options) (*Conn, error) {
	return newConn(nc, opts.withDefaults()).establish(ctx)
}

// establish does the handshake, after a hello that Serve may have sent already.
func (c *Conn) establish(ctx context.Context) (*Conn, error) {
	nc := c.nc
	stop := context.AfterFunc(ctx, func() { nc.SetDeadline(time.Unix(1, 0)) })
	deadline := time.Now().Add(c.opts.HandshakeTimeout)
	err := nc.SetDeadline(deadline)
	if err == nil && ctx.Err() != nil {
		err = ctx.Err()
	}

	if err == nil {
		err = c.handshake()
	}

	if !stop() { // ctx ended: what has been read may be half of something.
		err = ctx.Err()
	}

	if err == nil {
		err = nc.SetDeadline(time.Time{})
	}

	if err != nil {
		nc.Close()
		return nil, c.connError(fmt.Errorf("handshake: %w", err))
	}

	c.start()
	return c, nil
}

// greet sends our hello.
func (c *Conn) greet() error {
	b, err := openflow.AppendMessage(nil, 0, &openflow.Hello{Versions: []uint8{openflow.Version}})
	if err != nil {
		return err
	}

	c.greeted = true
	return c.writeNow(b)
}

// handshake follows 6.3.1: both sides send a hello first, then the controller
// asks for features.
func (c *Conn) handshake() error {
	if !c.greeted {
		if err := c.greet(); err != nil {
			return err
		}
	}

	if err := c.awaitHello(); err != nil {
		return err
	}

	b, err := openflow.AppendMessage(nil, handshakeXID, &openflow.FeaturesRequest{})
	if err != nil {
		return err
	}
	if err := c.writeNow(b); err != nil {
		return err
	}

	return c.awaitFeatures()
}

func (c *Conn) writeNow(b []byte) error {
	_, err := c.nc.Write(b)
	return err
}

func (c *Conn) awaitHello() error {
	m, xid, err := c.readMessage()
	if err != nil {
		return err
	}

	hello, ok := m.(*openflow.Hello)
	if !ok {
		return fmt.Errorf("%w: first message is %v, want HELLO", ErrProtocol, m.Type())
	}

	if len(hello.Versions) > 0 && !slices.Contains(hello.Versions, openflow.Version) {
		text := fmt.Sprintf("want OpenFlow 1.3 (version %d)", openflow.Version)
		b, err := openflow.AppendMessage(nil, xid, &openflow.Error{
			ErrType: openflow.ErrorHelloFailed, Data: []byte(text),
		})
		if err == nil {
			err = c.writeNow(b)
		}

		if err != nil {
			c.opts.Logger.Debug("hello error not sent", "remote", c.remote, "err", err)
		}

		return fmt.Errorf("%w: it offers versions %v", ErrVersion, hello.Versions)
	}

	return nil
}

func (c *Conn) awaitFeatures() error {
	for {
		m, xid, err := c.readMessage()
		if err != nil {
			return err
		}

		switch m := m.(type) {
		case *openflow.FeaturesReply:
			if xid == handshakeXID {
				c.features = *m
				return nil
			}

		case *openflow.Error:
			return fmt.Errorf("%w: %v", ErrProtocol, m)
		case *openflow.EchoRequest:
			b, err := openflow.AppendMessage(nil, xid, &openflow.EchoReply{Data: m.Data})
			if err != nil {
				return err
			}
			if err := c.writeNow(b); err != nil {
				return err
			}

		case *openflow.PortStatus, *openflow.FlowRemoved, *openflow.PacketIn:
			if len(c.early) == maxEarlyEvents {
				return fmt.Errorf("%w: %d messages before features", ErrOverrun, maxEarlyEvents)
			}
			c.early = append(c.early, Event{XID: xid, Message: m, At: time.Now()})
		}
	}
}

func (c *Conn) readMessage() (openflow.Message, uint32, error) {
	b, err := c.in.next()
	if err != nil {
		return nil, 0, err
	}
	return openflow.Parse(b)
}
