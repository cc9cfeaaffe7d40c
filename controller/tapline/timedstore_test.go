package main

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/store"
)

// tellingStore is a store that knows by itself whether it can be used.
type tellingStore struct {
	store.Store
	problem error
}

func (s *tellingStore) Err() error { return s.problem }

// TestStoreThatTells: what /readyz says of such a store is what the store says now, and not how the
// last commit went. The audit log counts as ever.
func TestStoreThatTells(t *testing.T) {
	memory := store.NewMemory()
	inner := &tellingStore{Store: memory}
	var full error
	timed := &timedStore{
		Store: inner, flush: func() error { return full }, observe: func(time.Duration) {},
	}
	write := func() {
		_, _ = timed.Commit(t.Context(), store.Op{Kind: store.KindHost, ID: "h"})
	}

	inner.problem = errors.New("etcd does not answer")
	require.Equal(t, inner.problem, timed.Err(), "nobody has to write to learn it")
	inner.problem = nil
	full = errors.New("no space for the audit log")
	write()
	require.Equal(t, full, timed.Err())
	full = nil
	write()
	require.NoError(t, timed.Err())

	require.NoError(t, memory.Close())
	write()
	require.NoError(t, timed.Err(), "the store itself says how it is")
	timed.Store = memory
	write()
	require.ErrorIs(t, timed.Err(), store.ErrClosed)
}
