// Package keylock is a lock that one holder has alone, or that many share as long as the keys that
// they name differ.
package keylock

import (
	"slices"
	"sync"
)

// Lock is such a lock. Its zero value is free.
type Lock struct {
	sync.RWMutex // Lock to be alone

	mu   sync.Mutex
	keys map[string]chan struct{} // that are held; closed when they are free
}

// Beside shares the lock, and locks some keys, until done is called. A caller that holds keys and
// asks for more could deadlock.
func (w *Lock) Beside(keys ...string) (done func()) {
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

func (w *Lock) take(key string) {
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
