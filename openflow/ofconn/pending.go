package ofconn

import (
	"context"

	"github.com/tapline-sdn/tapline/openflow"
)

// A Pending is a request that was sent and whose reply was not taken yet.
type Pending struct {
	conn *Conn
	call *call
}

// Ask sends a request, as [Conn.Request] does, and leaves waiting for the reply to the caller, who
// may send others meanwhile. The caller calls Wait, or ends the connection.
func (c *Conn) Ask(ctx context.Context, m openflow.Message) (*Pending, error) {
	k := c.register([]openflow.Message{m}, 0, c.opts.MaxReply)
	if err := c.sendCall(ctx, k, 0, 1); err != nil {
		c.unregister(k)
		return nil, err
	}
	return &Pending{c, k}, nil
}

// Wait returns the reply. Its errors are those of [Conn.Request]. It is called once.
func (p *Pending) Wait(ctx context.Context) (openflow.Message, error) {
	defer p.conn.unregister(p.call)
	if err := p.conn.await(ctx, p.call.done); err != nil {
		return nil, err
	}

	switch k := p.call; {
	case k.err != nil:
		return nil, k.err
	case len(k.refusals) > 0:
		return nil, k.refusals[0]
	default:
		return k.replies[0], nil
	}
}
