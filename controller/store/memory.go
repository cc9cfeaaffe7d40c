package store

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/google/uuid"
)

// Memory is a [Store] in memory, for tests. It refuses batches that are larger than [MaxOps].
type Memory struct {
	cluster string
	secret  []byte
	history *History

	mu      sync.Mutex
	closed  bool
	lastKey uint32
	records map[recordID]Record
}

type recordID struct {
	kind Kind
	id   string
}

var _ Store = (*Memory)(nil)

// NewMemory returns an empty store.
func NewMemory() *Memory {
	return &Memory{
		cluster: uuid.NewString(),
		secret:  NewSecret(),
		history: NewHistory(4096, 0),
		records: make(map[recordID]Record),
	}
}

// Load implements [Store].
func (m *Memory) Load(ctx context.Context) (State, error) {
	m.mu.Lock()
	defer m.mu.Unlock()

	if err := m.usableLocked(ctx); err != nil {
		return State{}, err
	}

	state := State{
		ClusterID: m.cluster,
		Secret:    bytes.Clone(m.secret),
		LastKey:   m.lastKey,
		Revision:  m.history.Revision(),
	}

	for _, r := range m.records {
		r.Value = bytes.Clone(r.Value)
		state.Records = append(state.Records, r)
	}

	slices.SortFunc(state.Records, Record.Compare)

	return state, nil
}

// Commit implements [Store].
func (m *Memory) Commit(ctx context.Context, ops ...Op) (uint64, error) {
	ops, err := CopyBatch(ops)
	if err != nil {
		return 0, fmt.Errorf("commit: %w", err)
	}

	if len(ops) > MaxOps {
		return 0, fmt.Errorf("commit: the batch has %d operations: at most %d fit every store",
			len(ops), MaxOps)
	}

	m.mu.Lock()
	defer m.mu.Unlock()

	if err := m.usableLocked(ctx); err != nil {
		return 0, err
	}

	for _, op := range ops {
		if err := op.CheckCondition(m.records[recordID{op.Kind, op.ID}].Revision); err != nil {
			return 0, fmt.Errorf("commit: %w", err)
		}
	}

	revision := m.history.Revision()
	if len(ops) == 0 {
		return revision, nil
	}

	revision++
	for _, op := range ops {
		if op.Value == nil {
			delete(m.records, recordID{op.Kind, op.ID})
		} else {
			m.records[recordID{op.Kind, op.ID}] = Record{op.Kind, op.ID, revision, op.Value}
		}
	}

	m.history.Publish(Event{Revision: revision, Ops: ops})
	return revision, nil
}

// NextKey implements [Store].
func (m *Memory) NextKey(ctx context.Context) (uint32, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.usableLocked(ctx); err != nil {
		return 0, err
	}
	m.lastKey++
	return m.lastKey, nil
}

// Watch implements [Store].
func (m *Memory) Watch(ctx context.Context, after uint64) (<-chan Event, error) {
	return m.history.Watch(ctx, after)
}

// Close implements [Store].
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed {
		m.closed = true
		m.history.close()
	}
	return nil
}

func (m *Memory) usableLocked(ctx context.Context) error {
	if m.closed {
		return ErrClosed
	}
	return ctx.Err()
}
