package engine

import (
	"context"
	"fmt"

	"github.com/tapline-sdn/tapline/controller/engine/events"
	"github.com/tapline-sdn/tapline/controller/engine/view"
)

// Watch starts a walk through what happens; see [History.Watch].
func (e *Engine) Watch(after string) (w *events.Watch, known bool) { return e.events.Watch(after) }

// wait reads the view of an object again after each of its events, until read reports that it has
// settled.
func wait[V any](ctx context.Context, e *Engine, id string, read func() (V, bool, error)) (V,
	error) {
	for {
		changed, stopped := e.events.Changed(id)
		v, settled, err := read()
		switch {
		case err != nil || settled:
			return v, err
		case stopped:
			return v, view.Errorf(view.Unavailable, "",
				"the controller is stopping; what was asked for is stored")
		}

		select {
		case <-changed:
		case <-ctx.Done():
			return v, fmt.Errorf("still pending: %w", ctx.Err())
		}
	}
}
