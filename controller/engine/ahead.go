package engine

import (
	"context"

	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// foretold is a flow of which the plugin is told while it is still being written to the disk, so that it is planned, and the switches
// are at it, meanwhile. The answer to whoever asked for it waits for the disk. What could not be stored is taken back; what a
// controller that dies leaves on the switches is not in its store, and so is taken off when it returns.
type foretold struct {
	flow     *tap.Flow   // as it will be; nil if it will be deleted
	revision uint64      // of the change that tells it
	status   *tap.Status // what the plugin has said of it; nil: nothing yet
}

// foretelling commits a flow as it will be, nil if it will be deleted, and has the plugin told of it meanwhile.
func (e *Engine) foretelling(after *store.Flow) committer {
	return func(ctx context.Context, ops ...store.Op) (uint64, error) {
		id := ops[0].ID
		ahead := &foretold{}
		if after != nil {
			told := after.Flow
			told.Created = after.CreatedAt
			ahead.flow = &told
		}
		e.mu.Lock()
		e.dirty.flows.Add(id)
		e.touched()
		ahead.revision = e.seq
		e.ahead[id] = ahead
		e.mu.Unlock()
		revision, err := e.commit(ctx, ops...)
		if err != nil {
			e.mu.Lock()
			e.stored(id)
			e.judge(intent.FlowRef(id))
			e.dirty.flows.Add(id)
			e.touched()
			e.mu.Unlock()
		}
		return revision, err
	}
}

// flowToTell is a flow as the plugin is to know it; nil if there is none.
func (e *Engine) flowToTell(id string) *tap.Flow {
	if f := e.ahead[id]; f != nil {
		return f.flow
	}
	if f := e.intent.Flows.ByID[id]; f != nil {
		return &f.Flow
	}
	return nil
}

// stored takes in what the plugin has said of a flow while it was stored, if it was. The caller holds mu, and judges the flow.
func (e *Engine) stored(id string) {
	f := e.ahead[id]
	if f == nil {
		return
	}
	delete(e.ahead, id)
	if f.status != nil {
		e.heed(*f.status)
	}
	if f.revision <= e.planned {
		delete(e.waiting, intent.FlowRef(id))
	}
}

// heed notes what the plugin says of a service or a flow, and tells if there is such a one. The caller holds mu, and judges it.
func (e *Engine) heed(s tap.Status) bool {
	id := intent.Ref{Kind: s.Kind, ID: s.ID}
	if f := e.ahead[s.ID]; f != nil && s.Kind == tap.KindFlow {
		f.status = &s
		return false
	}
	v, exists := e.verdicts[id]
	if !exists {
		return false
	}
	e.setNeeds(id, v.status.Needs, s.Needs)
	v.status, v.told, v.ready = s, true, false
	e.verdicts[id] = v
	return true
}
