package store

import (
	"errors"
	"math"
	"sync"
)

// keyBlock is how many service keys are reserved on disk at a time. A crash loses at most that many
// of the 2^32.
const keyBlock = 64

// errNoKeys means that all 2^32-1 keys were given out.
var errNoKeys = errors.New("no service key is left: all 4294967295 were given out")

// keys gives out service keys from a block that is reserved on disk. Each write of the store also
// reserves more keys if they run low, so that a key rarely needs a write of its own.
type keys struct {
	mu    sync.Mutex
	last  uint32 // the last key that was given out
	limit uint32 // the last key that is reserved
}

// take gives out a key. It is not ok if more keys must be reserved first.
func (k *keys) take() (key uint32, ok bool, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()

	switch {
	case k.last < k.limit:
		k.last++
		return k.last, true, nil
	case k.limit == math.MaxUint32:
		return 0, false, errNoKeys
	default:
		return 0, false, nil
	}
}

// nextLimit returns the limit that the next write should reserve, and whether it is a new one.
func (k *keys) nextLimit() (limit uint32, more bool) {
	k.mu.Lock()
	defer k.mu.Unlock()

	if k.limit-k.last >= keyBlock/2 || k.limit == math.MaxUint32 {
		return k.limit, false
	}
	return k.limit + min(keyBlock, math.MaxUint32-k.limit), true
}

// setLimit notes that keys up to limit are reserved on disk.
func (k *keys) setLimit(limit uint32) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.limit = limit
}

// lastTaken returns the last key that was given out.
func (k *keys) lastTaken() uint32 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.last
}
