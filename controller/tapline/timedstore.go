package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/tapline-sdn/tapline/controller/store"
)

// timedStore tells how long writes take, and remembers whether the last one failed.
type timedStore struct {
	store.Store
	took func(time.Duration)

	mu  sync.Mutex
	err error
}

// Commit implements store.Store.
func (s *timedStore) Commit(ctx context.Context, ops ...store.Op) (uint64, error) {
	begin := time.Now()
	revision, err := s.Store.Commit(ctx, ops...)
	if err == nil {
		s.took(time.Since(begin))
	}
	// A condition that does not hold, or a caller who left, says nothing about the disk.
	if !errors.Is(err, store.ErrConflict) && ctx.Err() == nil {
		s.mu.Lock()
		s.err = err
		s.mu.Unlock()
	}
	return revision, err
}

// Err is why the last write failed; nil if it did not.
func (s *timedStore) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}
