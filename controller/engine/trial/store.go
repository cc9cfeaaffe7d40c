package trial

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/tapline-sdn/tapline/controller/store"
)

// Store accepts everything and keeps nothing. Its methods may be called concurrently.
type Store struct {
	state store.State
	mu    sync.Mutex
	made  uint64
}

var _ store.Store = (*Store)(nil)

// NewStore returns a store that shows a state, whatever is committed.
func NewStore(state store.State) *Store { return &Store{state: state} }

// Load implements [store.Store].
func (s *Store) Load(context.Context) (store.State, error) { return s.state, nil }

// Commit implements [store.Store].
func (s *Store) Commit(context.Context, ...store.Op) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.made++
	return s.state.Revision + s.made, nil
}

// NextKey implements [store.Store].
func (s *Store) NextKey(context.Context) (uint32, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.LastKey++
	return s.state.LastKey, nil
}

// Watch implements [store.Store].
func (s *Store) Watch(context.Context, uint64) (<-chan store.Event, error) {
	return nil, fmt.Errorf("an imagined store: %w", errors.ErrUnsupported)
}

// Close implements [store.Store].
func (s *Store) Close() error { return nil }
