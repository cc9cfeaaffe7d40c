package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/tapline-sdn/tapline/controller/store"
)

// timedStore measures how long commits take, and remembers whether the last one failed. A commit
// has ended when also the records of the audit log that were written before it are on disk.
type timedStore struct {
	store.Store
	flush   func() error        // waits for the audit log
	observe func(time.Duration) // called after each successful commit

	mu  sync.Mutex
	err error
}

// Commit implements store.Store.
func (s *timedStore) Commit(ctx context.Context, ops ...store.Op) (uint64, error) {
	begin := time.Now()
	revision, err := s.Store.Commit(ctx, ops...)
	failed := err
	if _, tells := s.Store.(teller); tells {
		failed = nil
	}
	if err == nil && len(ops) > 0 {
		err = s.flush()
		failed = err
	}

	if err == nil {
		s.observe(time.Since(begin))
	}

	// A failed condition, or a caller that gave up, says nothing about the disk.
	if !errors.Is(err, store.ErrConflict) && ctx.Err() == nil {
		s.mu.Lock()
		s.err = failed
		s.mu.Unlock()
	}

	return revision, err
}

// teller is a store that tells by itself whether it can be used, also while nobody writes.
type teller interface{ Err() error }

// Err returns why the store cannot be used, or else why the last commit failed, or nil. It locks
// mu.
func (s *timedStore) Err() error {
	if t, tells := s.Store.(teller); tells {
		if err := t.Err(); err != nil {
			return err
		}
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}
