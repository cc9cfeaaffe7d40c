package events

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

// DefaultSize is how many events an engine remembers. All flows of a large controller may change at
// once, and a watcher on a network must be able to follow. A full history takes some 10 MB.
const DefaultSize = 1 << 14

// Errors of [Watch.Next].
var (
	// ErrLost means that the watch has fallen behind the history: events are missing.
	ErrLost = errors.New("the watch has fallen behind: events are missing")
	// ErrStopped means that the engine has stopped: nothing will happen any more.
	ErrStopped = errors.New("the engine has stopped")
)

// History holds the last events for watchers. Watchers have no queues of their own: each walks
// through the one history at its own pace. So memory stays bounded however many watch and however
// slow they are, and publishing never blocks. Its methods may be called concurrently.
type History struct {
	run  string // tells this history's ids from those of other runs of the controller
	size int

	mu sync.Mutex
	// somebody has begun to watch; before that nobody can ask for what was, so nothing is kept
	watched bool
	// grows to size, and is then a ring: event n is at n-1 modulo size
	events  []Event
	seq     uint64                   // of the last event; the first that is kept is 1
	grown   chan struct{}            // closed at the next event; nil if nobody waits for it
	about   map[string]chan struct{} // by id of the object: closed at its next event
	stopped bool
}

// New returns an empty history that remembers up to size events.
func New(size int) *History {
	return &History{run: strings.ToLower(rand.Text()[:8]), size: size,
		about: map[string]chan struct{}{}}
}

// Publish adds an event. It never blocks.
func (h *History) Publish(e Event) {
	h.mu.Lock()
	defer h.mu.Unlock()

	defer h.signal(e.Object())
	if !h.watched {
		return
	}

	h.seq++
	e.run, e.seq = h.run, h.seq
	if len(h.events) < h.size {
		h.events = append(h.events, e)
	} else {
		h.events[(h.seq-1)%uint64(h.size)] = e
	}

	h.wake()
}

// Unwatched reports whether nobody has watched yet. Publishers then need not make views.
func (h *History) Unwatched() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return !h.watched
}

// Close ends all watches, after they have read what there is.
func (h *History) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stopped = true
	h.wake()
	for id := range h.about {
		h.signal(id)
	}
}

func (h *History) wake() {
	if h.grown != nil {
		close(h.grown)
		h.grown = nil
	}
}

func (h *History) signal(id string) {
	if c := h.about[id]; c != nil {
		close(c)
		delete(h.about, id)
	}
}

// Touch wakes callers that wait for an object, without an event.
func (h *History) Touch(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.signal(id)
}

// Changed returns a channel that is closed at the next event about an object, or when the engine
// stops.
func (h *History) Changed(id string) (c <-chan struct{}, stopped bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stopped {
		return nil, true
	}
	if h.about[id] == nil {
		h.about[id] = make(chan struct{})
	}
	return h.about[id], false
}

// Watch is a walk through the events. It is used by one goroutine, and needs no closing.
type Watch struct {
	history *History
	after   uint64
}

// Watch starts a walk: after the event of an id, or with "" after the last one. It is false if the
// event of that id is not known, or not any more, or is of another run of the controller: the walk
// then starts after the last one too, and what is missing has to be read again.
func (h *History) Watch(after string) (w *Watch, known bool) {
	h.mu.Lock()
	defer h.mu.Unlock()

	h.watched = true
	w = &Watch{history: h, after: h.seq}
	if after == "" {
		return w, true
	}

	run, digits, _ := strings.Cut(after, "-")
	seq, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || run != h.run || seq > h.seq || h.lost(seq) {
		return w, false
	}

	w.after = seq
	return w, true
}

// lost reports whether events after seq are no longer known.
func (h *History) lost(seq uint64) bool { return h.seq-seq > uint64(len(h.events)) }

// ID is the place of the walk: that of the last event that was returned.
func (w *Watch) ID() string { return eventID(w.history.run, w.after) }

// batch is how many events Next returns at most.
const batch = 256

// Next returns the next events, in their order, and waits until there is one. Events that are
// shared must not be changed.
func (w *Watch) Next(ctx context.Context) ([]Event, error) {
	for {
		events, grown, err := w.Poll()
		if err != nil || len(events) > 0 {
			return events, err
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Poll returns the next events without waiting. If there are none, grown is closed at the next one.
func (w *Watch) Poll() (events []Event, grown <-chan struct{}, err error) {
	h := w.history
	h.mu.Lock()
	defer h.mu.Unlock()

	switch {
	case h.lost(w.after):
		return nil, nil, ErrLost
	case w.after < h.seq:
		events = make([]Event, min(batch, h.seq-w.after))
		for i := range events {
			events[i] = h.events[w.after%uint64(h.size)]
			w.after++
		}
		return events, nil, nil
	case h.stopped:
		return nil, nil, ErrStopped
	}

	if h.grown == nil {
		h.grown = make(chan struct{})
	}

	return nil, h.grown, nil
}

func eventID(run string, seq uint64) string { return fmt.Sprintf("%s-%d", run, seq) }
