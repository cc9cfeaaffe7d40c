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

// Keys gives out service keys from a block that is reserved on disk. Each write of the store also
// reserves more keys if they run low, so that a key rarely needs a write of its own.
type Keys struct {
	mu    sync.Mutex
	last  uint32 // the last key that was given out
	limit uint32 // the last key that is reserved
}

// NewKeys returns keys that begin after the last one that is reserved on disk. They have no block
// yet.
func NewKeys(stored uint32) *Keys { return &Keys{last: stored, limit: stored} }

// take gives out a key. It is not ok if more keys must be reserved first.
func (k *Keys) take() (key uint32, ok bool, err error) {
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

// Next returns the block of keys, after from and up to limit, that the next write should reserve,
// and whether it is a new one. stored is the last key that is reserved on disk. It is not the end
// of our own block if another process has reserved one since; what is left of ours is then skipped.
func (k *Keys) Next(stored uint32) (from, limit uint32, more bool) {
	k.mu.Lock()
	defer k.mu.Unlock()

	if k.limit-k.last >= keyBlock/2 {
		return k.limit, k.limit, false
	}
	if stored == math.MaxUint32 {
		return stored, stored, false
	}
	return stored, stored + min(keyBlock, math.MaxUint32-stored), true
}

// Reserve notes that the keys after from and up to limit are reserved on disk.
func (k *Keys) Reserve(from, limit uint32) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if from != k.limit {
		k.last = from
	}
	k.limit = limit
}

// Last returns an upper bound of the keys that were given out, where stored is the last key that is
// reserved on disk.
func (k *Keys) Last(stored uint32) uint32 {
	k.mu.Lock()
	defer k.mu.Unlock()
	if stored != k.limit {
		return stored
	}
	return k.last
}
