package engine

import (
	"context"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

// eventQueue is how many events may wait for one subscriber.
const eventQueue = 1024

// events hands each event to all subscribers. It is guarded by the engine's mu.
type events struct {
	seq         uint64
	subscribers map[chan Event]struct{}
	closed      bool
}

// publish never blocks: a subscriber whose queue is full is cut off.
func (s *events) publish(event Event) {
	s.seq++
	event.Seq = s.seq
	for c := range s.subscribers {
		select {
		case c <- event:
		default:
			s.drop(c)
		}
	}
}

func (s *events) drop(c chan Event) {
	if _, subscribed := s.subscribers[c]; subscribed {
		delete(s.subscribers, c)
		close(c)
	}
}

func (s *events) close() {
	s.closed = true
	for c := range s.subscribers {
		s.drop(c)
	}
}

// Subscribe returns what happens from now on. The channel is closed when ctx ends, when the engine stops, and when the
// subscriber falls behind by more than a bounded number of events: it then reads everything again.
func (e *Engine) Subscribe(ctx context.Context) <-chan Event {
	c := make(chan Event, eventQueue)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.events.closed || ctx.Err() != nil {
		close(c)
		return c
	}
	e.events.subscribers[c] = struct{}{}
	context.AfterFunc(ctx, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.events.drop(c)
	})
	return c
}

func (e *Engine) stopped() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.events.closed
}

// publishRef tells that the state of a service or a flow has changed.
func (e *Engine) publishRef(kind string, id ref) {
	if id.kind == tap.KindService {
		if s := e.intent.services.byID[id.id]; s != nil {
			v := e.serviceView(s)
			e.events.publish(Event{Type: kind, Service: &v})
		}
		return
	}
	if f := e.intent.flows.byID[id.id]; f != nil {
		v := e.flowView(f)
		e.events.publish(Event{Type: kind, Flow: &v})
	}
}

// Ready is nil if the controller can do its work, and otherwise says what it lacks.
func (e *Engine) Ready() error { return e.config.Plugin.Err() }
