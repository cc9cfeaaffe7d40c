package capture

import (
	"sync"
	"time"
)

// Frame is a packet of a capture.
type Frame struct {
	At     time.Time // when it arrived at the controller, about a millisecond after it was copied
	Length int       // of the whole packet in octets; Data may be shorter
	Data   []byte
}

// frameCost is what a frame takes beside its data, in bytes.
const frameCost = 64

// ring holds frames until they are taken. When it is full, new ones are dropped and counted. It is
// safe for concurrent use.
type ring struct {
	limit int           // bytes
	ready chan struct{} // holds at most one

	mu      sync.Mutex
	frames  []Frame
	bytes   int
	dropped uint64
}

func newRing(limit int) *ring { return &ring{limit: limit, ready: make(chan struct{}, 1)} }

// put adds a frame, or drops it. It does not block.
func (r *ring) put(f Frame) {
	r.mu.Lock()
	size := len(f.Data) + frameCost
	if r.bytes+size > r.limit {
		r.dropped++
		r.mu.Unlock()
		return
	}

	r.frames = append(r.frames, f)
	r.bytes += size
	r.mu.Unlock()

	select {
	case r.ready <- struct{}{}:
	default: // Its reader will look.
	}
}

// take returns all frames that wait, in the order in which they came.
func (r *ring) take() []Frame {
	r.mu.Lock()
	defer r.mu.Unlock()

	frames := r.frames
	r.frames, r.bytes = nil, 0
	return frames
}

func (r *ring) lost() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.dropped
}
