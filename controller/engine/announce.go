package engine

import (
	"context"

	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/store"
)

// commitAnnounced returns a committer for a flow as it will be, nil if it will be deleted. The
// plugin learns of the flow before the write finishes; a failed write is withdrawn. After a write
// that succeeded, the caller settles it with the record.
func (e *Engine) commitAnnounced(after *store.Flow) committer {
	return func(ctx context.Context, ops ...store.Op) (uint64, error) {
		id := ops[0].ID
		e.announce(id, after)
		revision, err := e.commit(ctx, ops...)
		if err != nil {
			e.withdraw(id)
		}
		return revision, err
	}
}

// announce has the plugin told of a flow that is being stored. It takes mu.
func (e *Engine) announce(id string, after *store.Flow) {
	e.mu.Lock()
	defer e.mu.Unlock()

	if after == nil {
		e.planning.Announce(id, nil)
		return
	}

	flow := after.Flow
	flow.Created, flow.Enabled = after.CreatedAt, e.intent.Runs(after)
	e.planning.Announce(id, &flow)
}

// withdraw has the plugin told of a flow as it was, since its change could not be stored. It takes
// mu.
func (e *Engine) withdraw(id string) {
	e.mu.Lock()
	defer e.mu.Unlock()

	e.settle(id)
	e.judge(intent.FlowRef(id))
	e.planning.MarkFlow(id)
}

// settle takes in what the plugin has said of a flow while it was stored, if anything. The caller
// holds mu, and judges the flow afterwards.
func (e *Engine) settle(id string) {
	status, answered := e.planning.Settle(id)
	if status != nil {
		e.standing.Take(*status)
	}
	if answered {
		e.standing.Answered(intent.FlowRef(id))
	}
}
