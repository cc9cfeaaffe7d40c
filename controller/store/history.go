package store

import (
	"context"
	"fmt"
	"sync"
)

// History keeps the last batches for watchers. Watchers have no queues of their own: each walks
// through the one history at its own pace, so memory is bounded however many watchers there are.
type History struct {
	limit    int           // events kept
	closing  chan struct{} // closed while mu is held
	watchers sync.WaitGroup

	mu      sync.Mutex
	base    uint64        // Revision before events[0]; revisions of events have no gaps
	events  []Event       // the oldest first
	changed chan struct{} // closed and replaced when base or events change
}

// NewHistory returns a history that keeps so many batches, of a store at a revision.
func NewHistory(limit int, revision uint64) *History {
	return &History{
		limit: limit, base: revision, changed: make(chan struct{}), closing: make(chan struct{}),
	}
}

// Publish appends batches that follow the last one.
func (h *History) Publish(events ...Event) {
	h.mu.Lock()
	defer h.mu.Unlock()

	h.events = append(h.events, events...)
	if over := len(h.events) - h.limit; over > 0 {
		h.base = h.events[over-1].Revision
		clear(h.events[:over])
		h.events = h.events[over:]
	}

	h.wakeLocked()
}

// Reset drops all events if the store's revision is not that of the last batch. It is not after a
// write that failed and yet reached the disk.
func (h *History) Reset(revision uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()

	if revision == h.lastLocked() {
		return
	}
	h.base, h.events = revision, nil
	h.wakeLocked()
}

// Revision returns the revision of the last batch. It locks mu.
func (h *History) Revision() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.lastLocked()
}

func (h *History) lastLocked() uint64 { return h.base + uint64(len(h.events)) }

// wakeLocked wakes the watchers that wait for a batch.
func (h *History) wakeLocked() {
	close(h.changed)
	h.changed = make(chan struct{})
}

// Watch implements [Store].
func (h *History) Watch(ctx context.Context, after uint64) (<-chan Event, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}

	h.mu.Lock()
	defer h.mu.Unlock()

	if isClosed(h.closing) {
		return nil, ErrClosed
	}
	if after < h.base || after > h.lastLocked() {
		return nil, fmt.Errorf("revision %d is not between %d and %d: %w",
			after, h.base, h.lastLocked(), ErrTooOld)
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

// feed sends the batches after a revision, until ctx or the history ends, or the history has
// dropped the next batch.
func (h *History) feed(ctx context.Context, after uint64, out chan<- Event) {
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

// next returns the batch after a revision. If it does not exist yet, next returns a channel that is
// closed when something changes. It is not known if the history has dropped it.
func (h *History) next(after uint64) (event Event, known bool, changed <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()

	switch {
	case after < h.base || after > h.lastLocked():
		return Event{}, false, nil
	case after == h.lastLocked():
		return Event{}, true, h.changed
	default:
		return h.events[after-h.base], true, nil
	}
}

// close ends all watches and waits for them. It must be called only once.
func (h *History) close() {
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
