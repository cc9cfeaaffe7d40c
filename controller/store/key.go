package store

import (
	"errors"
	"math"
	"sync"
)

// keyBlock is how many service keys are reserved on disk at a time. A crash loses at most that many, of 2^32.
const keyBlock = 64

// errNoKeys means that all 2^32-1 keys were given out.
var errNoKeys = errors.New("no service key is left: all 4294967295 were given out")

// keys gives out service keys from a block that was reserved on disk before. The writer reserves more in writes that it
// makes anyway, so that a key hardly ever needs a write of its own.
type keys struct {
	mu    sync.Mutex
	last  uint32 // given out
	limit uint32 // reserved
}

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

// wanted is the limit that the next write should reserve: the present one while enough is left.
func (k *keys) wanted() (limit uint32, more bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.limit-k.last >= keyBlock/2 || k.limit == math.MaxUint32 {
		return k.limit, false
	}
	return k.limit + min(keyBlock, math.MaxUint32-k.limit), true
}

func (k *keys) reserved(limit uint32) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.limit = limit
}

func (k *keys) highest() uint32 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.last
}
