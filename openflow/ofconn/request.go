package ofconn

import (
	"context"
	"fmt"

	"github.com/tapline-sdn/tapline/openflow"
)

// A call waits for the reply to the last of some messages that were sent
// together, and collects the errors of all of them.
type call struct {
	first, last uint32        // Transaction ids.
	gate        uint32        // Id of the last message before the commit; 0 if there is none.
	passed      chan struct{} // Closed when the gate is answered.
	msgs        []openflow.Message
	replies     []openflow.Message
	size, most  int // Bytes of replies, and how many there may be.
	refusals    []*RequestError
	err         error
	done        chan struct{} // Closed when the above is complete.
}

// maxRefusals bounds the errors that one batch keeps.
const maxRefusals = 1024

// Send sends messages that have no reply and does not wait for their effect.
// It blocks while Options.MaxUnsent bytes are unsent. What the switch refuses
// comes back as an [Event] with an *openflow.Error.
func (c *Conn) Send(ctx context.Context, msgs ...openflow.Message) error {
	for i, m := range msgs {
		if err := c.enqueue(ctx, c.nextXID(), m); err != nil {
			return fmt.Errorf("send message %d of %d: %w", i+1, len(msgs), err)
		}
	}

	return nil
}

// Request sends m, which must be a message that has a reply, and waits for it:
// the next message with its transaction id. The switch's error is a
// [*RequestError], the end of the connection a [*ConnError]; after ctx ends the
// reply is ignored.
//
// For multipart requests use [Conn.Multipart], which collects all parts.
func (c *Conn) Request(ctx context.Context, m openflow.Message) (openflow.Message, error) {
	asked, err := c.Ask(ctx, m)
	if err != nil {
		return nil, err
	}
	return asked.Wait(ctx)
}

// Multipart sends a request and returns the bodies of all parts of its reply,
// at least one.
func (c *Conn) Multipart(
	ctx context.Context, body openflow.MultipartRequestBody,
) ([]openflow.MultipartReplyBody, error) {
	return c.MultipartAtMost(ctx, body, c.opts.MaxReply)
}

// MultipartAtMost is Multipart with a lower limit than Options.MaxReply, for a peer that is not
// trusted yet. A reply whose parts have more than most bytes is [ErrReplyTooLong].
func (c *Conn) MultipartAtMost(
	ctx context.Context, body openflow.MultipartRequestBody, most int,
) ([]openflow.MultipartReplyBody, error) {
	replies, refusals, err := c.roundTripAtMost(ctx,
		[]openflow.Message{&openflow.MultipartRequest{Body: body}}, most)
	if err != nil {
		return nil, err
	}
	if len(refusals) > 0 {
		return nil, refusals[0]
	}

	bodies := make([]openflow.MultipartReplyBody, len(replies))
	for i, m := range replies {
		part, ok := m.(*openflow.MultipartReply)
		if !ok {
			return nil, fmt.Errorf("openflow: reply to %T: %w: part %d is %v", body, ErrProtocol, i,
				m.Type())
		}
		bodies[i] = part.Body
	}

	return bodies, nil
}

// List sends a multipart request whose reply is a list and returns the
// elements of all parts:
//
//	ports, err := ofconn.List[openflow.PortDescReply](ctx, conn, openflow.PortDescRequest{})
func List[L ~[]E, E any](
	ctx context.Context, c *Conn, body openflow.MultipartRequestBody,
) (L, error) {
	parts, err := c.Multipart(ctx, body)
	if err != nil {
		return nil, err
	}

	var list L
	for i, p := range parts {
		part, ok := p.(any).(L)
		if !ok {
			return nil, fmt.Errorf("openflow: reply to %T: %w: part %d is %T, want %T", body,
				ErrProtocol, i, p, list)
		}

		if list == nil {
			list = part
		} else {
			list = append(list, part...)
		}
	}

	return list, nil
}

// Barrier waits until the switch has processed all earlier messages.
func (c *Conn) Barrier(ctx context.Context) error {
	_, err := c.Request(ctx, &openflow.BarrierRequest{})
	return err
}

// Batch sends messages without waiting in between, and waits for the reply to
// the last one, which must be a request. It returns that reply, or nil if the
// switch refused the request, and all messages that the switch refused, in the
// order of its answers. The error is about the batch as a whole: if it is not
// nil, what took effect is unknown, unless [Conn.Err] was set before.
func (c *Conn) Batch(
	ctx context.Context, msgs []openflow.Message,
) (openflow.Message, []*RequestError, error) {
	replies, refusals, err := c.roundTrip(ctx, msgs)
	if err != nil || len(replies) == 0 {
		return nil, refusals, err
	}
	return replies[len(replies)-1], refusals, nil
}

func (c *Conn) roundTrip(
	ctx context.Context, msgs []openflow.Message,
) ([]openflow.Message, []*RequestError, error) {
	return c.roundTripAtMost(ctx, msgs, c.opts.MaxReply)
}

func (c *Conn) roundTripAtMost(
	ctx context.Context, msgs []openflow.Message, most int,
) ([]openflow.Message, []*RequestError, error) {
	if len(msgs) == 0 {
		return nil, nil, fmt.Errorf("openflow: empty batch")
	}

	k := c.register(msgs, 0, most)
	defer c.unregister(k)
	if err := c.sendCall(ctx, k, 0, len(msgs)); err != nil {
		return nil, nil, err
	}
	if err := c.await(ctx, k.done); err != nil {
		return nil, nil, err
	}

	return k.replies, k.refusals, k.err
}

// An Outcome is the end of [Conn.TwoPhase].
type Outcome struct {
	Committed bool             // The commit was sent.
	Reply     openflow.Message // To the commit; nil if it was refused or not sent.
	Refused   []*RequestError  // In the order of the switch's answers.
}

// TwoPhase sends the messages of prepare without waiting in between, the last
// of which must be a request. It waits for that reply and, if the switch has
// refused none of them, sends commit and waits for its reply. Messages of
// prepare may be refused until the commit is answered. The error is about the
// whole; if it is not nil and Outcome.Committed, the outcome is unknown.
func (c *Conn) TwoPhase(
	ctx context.Context, prepare []openflow.Message, commit openflow.Message,
) (Outcome, error) {
	n := len(prepare)
	if n == 0 {
		return Outcome{}, fmt.Errorf("openflow: nothing to prepare")
	}

	k := c.register(append(prepare[:n:n], commit), n, c.opts.MaxReply)
	defer c.unregister(k)
	if err := c.sendCall(ctx, k, 0, n); err != nil {
		return Outcome{}, err
	}
	if err := c.await(ctx, k.passed); err != nil {
		return Outcome{}, err
	}
	if refused, err := c.prepared(k); len(refused) > 0 || err != nil {
		return Outcome{Refused: refused}, err
	}

	out := Outcome{Committed: true}
	if err := c.sendCall(ctx, k, n, n+1); err != nil {
		return out, err
	}
	if err := c.await(ctx, k.done); err != nil {
		return out, err
	}

	if out.Refused = k.refusals; len(k.replies) > 0 {
		out.Reply = k.replies[0]
	}

	return out, k.err
}

func (c *Conn) sendCall(ctx context.Context, k *call, from, to int) error {
	for i := from; i < to; i++ {
		if err := c.enqueue(ctx, k.first+uint32(i), k.msgs[i]); err != nil {
			return err
		}
	}

	return nil
}

// await waits until done is closed, ctx ends, or the connection ends.
func (c *Conn) await(ctx context.Context, done <-chan struct{}) error {
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-c.done: // After the reader has returned: it may have closed done.
	}

	select {
	case <-done:
		return nil
	default:
		return c.Err()
	}
}

// prepared returns the refusals and the error up to the gate.
func (c *Conn) prepared(k *call) ([]*RequestError, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return k.refusals, k.err
}

// register starts a call: it gives the messages successive transaction ids. The gate is the n-th
// message; with n = 0 there is none.
func (c *Conn) register(msgs []openflow.Message, n, most int) *call {
	c.mu.Lock()
	defer c.mu.Unlock()

	size := uint32(len(msgs))
	if c.xid+size < c.xid { // Ids of a call do not wrap, and 0 is not used.
		c.xid = 0
	}

	k := &call{first: c.xid + 1, last: c.xid + size, most: most, msgs: msgs,
		done: make(chan struct{}), passed: make(chan struct{})}
	c.xid += size
	c.calls[k.last] = k
	if n > 0 {
		k.gate = k.first + uint32(n) - 1
		c.calls[k.gate] = k
	}

	return k
}

func (c *Conn) unregister(k *call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forgetLocked(k)
}

func (c *Conn) forgetLocked(k *call) {
	delete(c.calls, k.last)
	if k.gate != 0 {
		delete(c.calls, k.gate)
	}
}

// passLocked records the answer to the gate.
func (c *Conn) passLocked(k *call) {
	delete(c.calls, k.gate)
	k.gate = 0
	close(k.passed)
}

func (c *Conn) nextXID() uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()

	if c.xid++; c.xid == 0 {
		c.xid = 1
	}

	return c.xid
}

// finishLocked completes a call.
func (c *Conn) finishLocked(k *call, err error) {
	k.err = err
	c.forgetLocked(k)
	if k.gate != 0 {
		k.gate = 0
		close(k.passed)
	}

	close(k.done)
}

// answer hands m to the call that waits for it, and reports whether there is one.
func (c *Conn) answer(xid uint32, m openflow.Message, size int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()

	k, ok := c.calls[xid]
	if !ok {
		return false
	}
	if xid == k.gate {
		c.passLocked(k)
		return true
	}
	if k.size += size; k.size > k.most {
		c.finishLocked(k, fmt.Errorf("%w: more than %d bytes", ErrReplyTooLong, k.most))
		return true
	}

	k.replies = append(k.replies, m)
	if part, ok := m.(*openflow.MultipartReply); !ok || !part.More() {
		c.finishLocked(k, nil)
	}

	return true
}

// refuse hands e to the call whose message was refused, and reports whether there is one. The error
// of the last message completes the call.
func (c *Conn) refuse(xid uint32, e *openflow.Error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()

	for _, k := range c.calls {
		if xid < k.first || xid > k.last {
			continue
		}

		i := int(xid - k.first)
		if len(k.refusals) < maxRefusals || xid == k.last || xid == k.gate {
			k.refusals = append(k.refusals,
				&RequestError{XID: xid, Index: i, Message: k.msgs[i], Reply: e})
		}

		switch xid {
		case k.last:
			k.replies = nil
			c.finishLocked(k, nil)
		case k.gate:
			c.passLocked(k)
		}

		return true
	}

	return false
}

// failCall ends the call that waits for xid, and reports whether there is one.
func (c *Conn) failCall(xid uint32, err error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()

	k, ok := c.calls[xid]
	if ok {
		c.finishLocked(k, err)
	}

	return ok
}
