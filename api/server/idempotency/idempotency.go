// Package idempotency remembers which creations were made with which Idempotency-Key
// (draft-ietf-httpapi-idempotency-key-header), so that a repeated request creates nothing.
//
// Answers are kept in memory, bounded in number, size and time. The key itself is a part of the
// record that it created: after a restart a repeated request gets the resource as it is by then.
// Failed creations are forgotten, since they changed nothing.
//
// A [Memory] may be used from many goroutines. It starts none, and sends no answers itself.
package idempotency

import (
	"errors"
	"sync"
	"time"

	"github.com/tapline-sdn/tapline/controller/store"
)

const (
	maxCreations = 4096           // remembered at once; the oldest are forgotten first
	lifetime     = 24 * time.Hour // of what is remembered
)

// Errors of Begin.
var (
	ErrReused = errors.New("the key was used for another request")
	ErrBusy   = errors.New("the request with this key is still being answered")
)

// Memory remembers creations. A is an answer.
type Memory[A any] struct {
	now func() time.Time

	mu    sync.Mutex
	byKey map[string]*creation[A]
	order []*creation[A] // by time
}

// creation is one that is being made, or was made.
type creation[A any] struct {
	store.Request
	at     time.Time
	id     string // of the resource; "" while it is being created
	busy   bool   // it is not answered yet
	answer *A     // nil if the resource was never answered, or the answer is too large to keep
}

// Earlier is a creation that was made before with the same key.
type Earlier[A any] struct {
	ID     string // of the resource
	Answer *A     // nil if it is not known
}

// New returns a memory without creations. The clock is time.Now outside of tests.
func New[A any](now func() time.Time) *Memory[A] {
	return &Memory[A]{now: now, byKey: map[string]*creation[A]{}}
}

// Learn remembers a creation of the time before the controller started. Creations are learned the
// oldest first.
func (m *Memory[A]) Learn(r store.Request, id string, at time.Time) {
	if r.Key == "" || m.now().Sub(at) > lifetime {
		return
	}

	m.mu.Lock()
	defer m.mu.Unlock()

	m.addLocked(&creation[A]{Request: r, at: at, id: id})
}

// addLocked remembers a creation, and forgets those that are too old or too many.
func (m *Memory[A]) addLocked(n *creation[A]) {
	m.byKey[n.Key] = n
	m.order = append(m.order, n)

	for len(m.order) > maxCreations || len(m.order) > 0 && m.now().Sub(m.order[0].at) > lifetime {
		// A newer creation may have the same key by now.
		if oldest := m.order[0]; m.byKey[oldest.Key] == oldest {
			delete(m.byKey, oldest.Key)
		}
		m.order[0] = nil
		m.order = m.order[1:]
	}
}

// Begin begins a creation with a key, or returns the one that was made with it before. Every
// creation that begins ends with End.
func (m *Memory[A]) Begin(r store.Request) (before *Earlier[A], err error) {
	m.mu.Lock()
	defer m.mu.Unlock()

	old := m.byKey[r.Key]
	switch {
	case old == nil || m.now().Sub(old.at) > lifetime:
		m.addLocked(&creation[A]{Request: r, at: m.now(), busy: true})
		return nil, nil
	case old.Digest != r.Digest:
		return nil, ErrReused
	case old.busy:
		return nil, ErrBusy
	default:
		return &Earlier[A]{ID: old.id, Answer: old.answer}, nil
	}
}

// Created notes the id of the resource that was created.
func (m *Memory[A]) Created(r store.Request, id string) {
	m.mu.Lock()
	defer m.mu.Unlock()

	if n := m.byKey[r.Key]; n != nil && n.busy {
		n.id = id
	}
}

// End ends a creation. The answer is kept unless it is nil. A creation without a resource has
// failed, and is forgotten.
func (m *Memory[A]) End(r store.Request, answer *A) {
	m.mu.Lock()
	defer m.mu.Unlock()

	n := m.byKey[r.Key]
	if n == nil || !n.busy {
		return // It was forgotten meanwhile.
	}

	n.busy, n.answer = false, answer
	if n.id == "" {
		delete(m.byKey, r.Key)
	}
}
