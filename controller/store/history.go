package store

import (
	"context"
	"fmt"
	"sync"
)

// history holds the last batches for those who watch. Watchers have no queues of their own: each walks through the one
// history at its own pace, so memory stays bounded however many there are.
type history struct {
	limit int // events kept

	mu      sync.Mutex
	base    uint64 // revision before events[0]; events are without gaps
	events  []Event
	changed chan struct{} // closed and replaced when mu's fields change

	closing  chan struct{}
	watchers sync.WaitGroup
}

func newHistory(limit int, revision uint64) *history {
	return &history{limit: limit, base: revision, changed: make(chan struct{}), closing: make(chan struct{})}
}

// publish adds batches that follow those known.
func (h *history) publish(events ...Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, events...)
	if over := len(h.events) - h.limit; over > 0 {
		h.base = h.events[over-1].Revision
		clear(h.events[:over])
		h.events = h.events[over:]
	}
	h.wake()
}

// revisit forgets everything if the store is at another revision than the last batch made. It is so after a write that
// failed and yet reached the disk.
func (h *history) revisit(revision uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if revision == h.last() {
		return
	}
	h.base, h.events = revision, nil
	h.wake()
}

func (h *history) revision() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.last()
}

func (h *history) last() uint64 { return h.base + uint64(len(h.events)) }

func (h *history) wake() {
	close(h.changed)
	h.changed = make(chan struct{})
}

func (h *history) watch(ctx context.Context, after uint64) (<-chan Event, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if isClosed(h.closing) {
		return nil, ErrClosed
	}
	if after < h.base || after > h.last() {
		return nil, fmt.Errorf("revision %d is not between %d and %d: %w", after, h.base, h.last(), ErrTooOld)
	}
	out := make(chan Event)
	h.watchers.Add(1)
	go func() {
		defer h.watchers.Done()
		defer close(out)
		h.feed(ctx, after, out)
	}()
	return out, nil
}

func (h *history) feed(ctx context.Context, after uint64, out chan<- Event) {
	for {
		event, known, changed := h.next(after)
		switch {
		case !known:
			return
		case changed != nil:
			select {
			case <-changed:
			case <-ctx.Done():
				return
			case <-h.closing:
				return
			}
		default:
			select {
			case out <- event:
				after = event.Revision
			case <-ctx.Done():
				return
			case <-h.closing:
				return
			}
		}
	}
}

// next returns the batch after a revision, or what to wait for if it was not made yet. It is not known if the history
// has moved past it.
func (h *history) next(after uint64) (event Event, known bool, changed <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case after < h.base || after > h.last():
		return Event{}, false, nil
	case after == h.last():
		return Event{}, true, h.changed
	default:
		return h.events[after-h.base], true, nil
	}
}

// close ends all watches, and waits until they have ended. It may be called once.
func (h *history) close() {
	h.mu.Lock()
	close(h.closing)
	h.mu.Unlock()
	h.watchers.Wait()
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
