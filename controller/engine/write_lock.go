package engine

import (
	"slices"
	"sync"
)

// writeLock serializes changes of intent. Creations of flows run concurrently, so that they share
// writes to the disk; each holds the keys of what it could conflict with. Every other change is
// exclusive.
//
// Two new flows conflict if they have the same name, or the same source and tap service. What a
// flow refers to cannot change meanwhile, since such a change is exclusive.
type writeLock struct {
	sync.RWMutex // Lock to be alone

	mu   sync.Mutex
	keys map[string]chan struct{} // that are held; closed when they are free
}

// beside locks some keys for the creation of a flow, until done is called. It is called once for
// each change: a caller that holds keys and waits for more could deadlock.
func (w *writeLock) beside(keys ...string) (done func()) {
	w.RLock()
	slices.Sort(keys) // All take them in one order.
	keys = slices.Compact(keys)
	for _, key := range keys {
		w.take(key)
	}

	return func() {
		w.mu.Lock()
		for _, key := range keys {
			close(w.keys[key])
			delete(w.keys, key)
		}
		w.mu.Unlock()
		w.RUnlock()
	}
}

func (w *writeLock) take(key string) {
	for {
		w.mu.Lock()
		held, is := w.keys[key]
		if !is {
			if w.keys == nil {
				w.keys = map[string]chan struct{}{}
			}
			w.keys[key] = make(chan struct{})
			w.mu.Unlock()
			return
		}

		w.mu.Unlock()
		<-held
	}
}
