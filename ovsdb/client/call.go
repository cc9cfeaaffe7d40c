package client

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/tapline-sdn/tapline/ovsdb/internal/jsontext"
)

// call is a request that waits for its reply.
type call struct {
	method string
	// decode gets the result. It runs in the reader, so its effects are in wire order. An error
	// ends the connection as a breach of the protocol.
	decode func(result []byte) error
	reply  chan error // nil or *RPCError; capacity 1
}

// call sends a request and waits for the reply. If it returns because ctx or the connection ended,
// decode may still run later: the caller must not read what decode writes.
func (c *Conn) call(
	ctx context.Context, method string, params []byte, decode func([]byte) error,
) error {
	p, err := c.start(ctx, method, params, decode)
	if err != nil {
		return err
	}
	return c.await(ctx, p)
}

// pending is a call that was queued for the writer.
type pending struct {
	id uint64
	*call
}

// start queues a request. If it fails, nothing was sent.
func (c *Conn) start(
	ctx context.Context, method string, params []byte, decode func([]byte) error,
) (pending, error) {
	// Check first: a select takes any case that is ready.
	err := ctx.Err()
	if err == nil {
		err = c.Err()
	}

	if err == nil {
		select {
		case c.slots <- struct{}{}:
		case <-ctx.Done():
			err = ctx.Err()
		case <-c.done:
			err = c.err
		}
	}

	if err != nil {
		return pending{}, fmt.Errorf("%s: %w", method, err)
	}

	p := pending{call: &call{method: method, decode: decode, reply: make(chan error, 1)}}
	c.mu.Lock()
	c.lastID++
	p.id = c.lastID
	c.calls[p.id] = p.call
	c.mu.Unlock()
	text := appendRequest(make([]byte, 0, len(params)+len(method)+48), method, params, p.id)
	c.send(text)
	return p, nil
}

// take removes and returns the call that waits for a reply with this id, or nil. Issued reports
// whether a request ever had the id.
func (c *Conn) take(id uint64) (p *call, issued bool) {
	c.mu.Lock()
	defer c.mu.Unlock()

	if p = c.calls[id]; p != nil {
		delete(c.calls, id)
		<-c.slots
	}

	return p, id <= c.lastID
}

func (c *Conn) await(ctx context.Context, p pending) error {
	select {
	case err := <-p.reply:
		return err
	default:
	}

	select {
	case err := <-p.reply:
		return err
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", p.method, ctx.Err())
	case <-c.done:
		select {
		case err := <-p.reply: // came just before the end
			return err
		default:
			return fmt.Errorf("%s: %w", p.method, c.err)
		}
	}
}

// handlers are the notifications and requests of a server, with the number of
// their params.
var handlers = map[string]struct {
	params int
	handle func(c *Conn, params [][]byte, size int) error
}{
	"update":           {2, (*Conn).update},
	"update2":          {2, (*Conn).update2},
	"update3":          {3, (*Conn).update3},
	"monitor_canceled": {1, (*Conn).monitorCanceled},
	"locked":           {1, (*Conn).locked},
	"stolen":           {1, (*Conn).stolen},
}

// receive handles one message, in the reader.
func (c *Conn) receive(text []byte) error {
	m, err := parseMessage(text)
	if err != nil {
		return err
	}
	if m.method == "" {
		return c.receiveReply(m)
	}

	h, known := handlers[m.method]
	switch {
	case m.method == "echo":
		return c.echo(m)
	case !known && m.id == nil:
		return nil // a notification of a later protocol
	case !known:
		return c.sendControl(appendReply(nil, `null,"error":"unknown method"`, m.id))
	}

	params, err := splitParams(m.params, h.params)
	if err == nil {
		err = h.handle(c, params, len(text))
	}

	return breach(m.method, err)
}

// breach wraps an error in handling a message in a ProtocolError, unless the error is not about the
// form of the message.
func breach(doing string, err error) error {
	if err == nil || errors.Is(err, ErrDatabaseGone) || errors.Is(err, ErrSlowConsumer) {
		return err
	}
	return &ProtocolError{doing, err}
}

func (c *Conn) receiveReply(m message) error {
	if string(m.id) == `"echo"` {
		return nil
	}

	id, err := parseNumber(m.id)
	if err != nil {
		return &ProtocolError{"reply", err}
	}

	p, issued := c.take(id)
	if !issued {
		return &ProtocolError{"reply", fmt.Errorf("no request waits for id %d", id)}
	}
	if p == nil { // was canceled
		return nil
	}
	if m.err != nil {
		p.reply <- refusal(p.method, m.err)
		return nil
	}
	if err := p.decode(m.result); err != nil {
		return breach("reply to "+p.method, err)
	}

	p.reply <- nil
	return nil
}

// maxEcho bounds the echo requests that are answered, in bytes.
const maxEcho = 64 << 10

// echo answers the server's probe (RFC 7047, 4.1.11).
func (c *Conn) echo(m message) error {
	if m.id == nil {
		return nil
	}

	params := m.params
	if params == nil {
		params = []byte("[]")
	}

	check := jsontext.NewCursor(params)
	check.Skip()
	err := check.End()
	if len(params)+len(m.id) > maxEcho {
		err = fmt.Errorf("request of more than %d bytes", maxEcho)
	}

	if err != nil {
		return &ProtocolError{"echo", err}
	}

	return c.sendControl(appendReply(nil, string(params)+`,"error":null`, m.id))
}

func appendReply(b []byte, resultAndError string, id []byte) []byte {
	b = append(append(b, `{"result":`...), resultAndError...)
	return append(append(append(b, `,"id":`...), id...), '}')
}

// cancel asks the server to drop a transaction (RFC 7047, 4.1.4). This is a courtesy, left out if
// the writer is busy. The call is removed, because ovsdb-server does not reply to a transaction
// that was canceled while it waited.
func (c *Conn) cancel(id uint64) {
	c.take(id)
	text := strconv.AppendUint([]byte(`{"method":"cancel","id":null,"params":[`), id, 10)
	_ = c.sendControl(append(text, "]}"...))
}
