package engine

import (
	"slices"
	"sync"
)

// writeLock orders changes of intent. Flows are created side by side, so that they share writes to the disk, and hold only the keys of
// what they may contradict; every other change is alone.
//
// Two new flows contradict each other if they have the same name, or the same source and tap service. What a flow refers to does
// not change meanwhile, since that is changed alone.
type writeLock struct {
	sync.RWMutex // Lock to be alone

	mu   sync.Mutex
	keys map[string]chan struct{} // that are held; closed when they are free
}

// beside lets the caller create flows until it calls done, with these keys to itself. It is called once a change: who holds keys and
// waits for more could wait for ever.
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
