package engine

import (
	"context"
	"time"

	"github.com/tapline-sdn/tapline/controller/engine/change"
	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

const (
	// finishRetry is how long to wait after the store has failed.
	finishRetry = time.Second
	// opsOfFinish is the most operations that write down one object.
	opsOfFinish = 3
)

// finish writes down what was learned from switches, until ctx ends: what they were read back
// without, so that records that were deleted are erased, and holds of disabled ones; and where tap
// NICs are.
func (e *Engine) finish(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.finishWake:
		}
		if err := e.finishLeft(ctx); err != nil && ctx.Err() == nil {
			e.log.Error("what left the switches could not be stored; it is tried again", "error",
				err)
			time.AfterFunc(finishRetry, e.wakeFinish)
		}
	}
}

func (e *Engine) wakeFinish() {
	select {
	case e.finishWake <- struct{}{}:
	default: // It is awake already.
	}
}

// finishLeft writes down what has left the switches, as much as fits a batch, and wakes finish for
// the rest. It takes write and mu.
func (e *Engine) finishLeft(ctx context.Context) error {
	e.write.Lock()
	defer e.write.Unlock()

	done, ops := e.finishOps()
	stored := e.placeOps(&ops)
	if len(ops)+opsOfFinish > store.MaxOps {
		e.wakeFinish()
	}
	if len(ops) > 0 {
		if _, err := e.commit(ctx, ops...); err != nil {
			return err
		}
	}

	e.mu.Lock()
	defer e.mu.Unlock()

	for service, host := range stored {
		if e.intent.Places[service] == host {
			delete(e.unstoredPlaces, service)
		}
	}

	for _, id := range done {
		delete(e.finishing, id)
		delete(e.intent.Holds, id.ID)
		switch meta := e.intent.Meta(id); {
		case meta == nil || !meta.Deleting:
		case id.Kind == tap.KindService:
			e.removeService(e.intent.Services.ByID[id.ID])
		default:
			e.removeFlow(e.intent.Flows.ByID[id.ID])
			e.wakeFinish() // Its service may have waited for that.
		}
	}

	return nil
}

// finishOps returns what has left the switches, and the operations that write it down. It takes mu.
func (e *Engine) finishOps() (done []intent.Ref, ops []store.Op) {
	e.mu.Lock()
	defer e.mu.Unlock()

	for id := range e.finishing {
		if len(ops)+opsOfFinish > store.MaxOps {
			break
		}

		meta := e.intent.Meta(id)
		deleting := meta != nil && meta.Deleting
		switch {
		case meta != nil && (e.standing.Leaves(id) || len(e.standing.Outdated(id)) > 0):
			continue // It was changed again meanwhile.
		case deleting && id.Kind == tap.KindService && len(e.intent.FlowsOfService[id.ID]) > 0:
			continue // Its flows go first.
		}

		done = append(done, id)
		if _, holds := e.intent.Holds[id.ID]; holds {
			ops = append(ops, store.Op{Kind: store.KindHold, ID: id.ID})
		}

		switch {
		case deleting && id.Kind == tap.KindService:
			ops = append(ops, store.Op{Kind: store.KindService, ID: id.ID,
				IfRevision: meta.Revision},
				store.Op{Kind: store.KindPlace, ID: id.ID})
		case deleting:
			ops = append(ops, store.Op{Kind: store.KindFlow, ID: id.ID, IfRevision: meta.Revision})
		}
	}

	return done, ops
}

// placeOps adds the operations that store places, and returns these. It takes mu.
func (e *Engine) placeOps(ops *[]store.Op) map[string]string {
	e.mu.Lock()
	defer e.mu.Unlock()

	places := map[string]string{}
	for service := range e.unstoredPlaces {
		if len(*ops) == store.MaxOps {
			break
		}

		host := e.intent.Places[service]
		places[service] = host
		*ops = append(*ops, change.PlaceOp(service, host))
	}

	return places
}
