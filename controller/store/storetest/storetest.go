package storetest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/store"
)

// Harness makes stores of one implementation.
type Harness struct {
	// Open returns a new, empty store. The suite closes it.
	Open func(t testing.TB) store.Store
	// Reopen closes a store and opens it again; nil if nothing is kept.
	Reopen func(t testing.TB, s store.Store) store.Store
}

// Run tests an implementation against the contract of [store.Store].
func Run(t *testing.T, h Harness) {
	tests := []struct {
		name string
		run  func(t *testing.T, s store.Store)
	}{
		{"empty", testEmpty},
		{"commit and load", testCommit},
		{"batch is all or nothing", testAtomic},
		{"conditions", testConditions},
		{"bad operations", testBadOps},
		{"large batch", testLargeBatch},
		{"values belong to the caller", testOwnership},
		{"order of records", testOrder},
		{"ended context", testContext},
		{"keys", testKeys},
		{"many at a time", testConcurrent},
		{"one winner", testRace},
		{"watch", testWatch},
		{"watch from elsewhere", testWatchElsewhere},
		{"watch ends with the context", testWatchEnds},
		{"close", testClose},
	}

	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := h.Open(t)
			t.Cleanup(func() { require.NoError(t, s.Close()) })
			tt.run(t, s)
		})
	}

	t.Run("model", func(t *testing.T) { testModel(t, h) })
	if h.Reopen != nil {
		t.Run("reopen", func(t *testing.T) { testReopen(t, h) })
	}
}

// wait is the limit for everything that must not take long.
const wait = 30 * time.Second

func put(kind store.Kind, id, value string) store.Op {
	return store.Op{Kind: kind, ID: id, Value: json.RawMessage(value)}
}

func del(kind store.Kind, id string) store.Op { return store.Op{Kind: kind, ID: id} }

func at(revision uint64, op store.Op) store.Op {
	op.IfRevision = revision
	return op
}

func commit(t testing.TB, s store.Store, ops ...store.Op) uint64 {
	t.Helper()
	revision, err := s.Commit(t.Context(), ops...)
	require.NoError(t, err)
	return revision
}

func load(t testing.TB, s store.Store) store.State {
	t.Helper()
	state, err := s.Load(t.Context())
	require.NoError(t, err)
	return state
}

func testEmpty(t *testing.T, s store.Store) {
	state := load(t, s)
	require.NotEmpty(t, state.ClusterID)
	require.Len(t, state.Secret, store.SecretSize)
	require.Equal(t, store.State{ClusterID: state.ClusterID, Secret: state.Secret}, state)
	require.Zero(t, commit(t, s), "a batch without operations makes no revision")
	require.Equal(t, state.ClusterID, load(t, s).ClusterID)
}

func testCommit(t *testing.T, s store.Store) {
	require.EqualValues(t, 1, commit(t, s,
		put(store.KindHost, "h1", `{"name":"a"}`), put(store.KindGuest, "g1", `{}`)))

	require.EqualValues(t, 2, commit(t, s, put(store.KindHost, "h1", `{"name":"b"}`)))
	require.EqualValues(t, 2, commit(t, s))
	require.EqualValues(t, 3, commit(t, s, put(store.KindHost, "h2", `null`)))
	require.EqualValues(t, 4, commit(t, s, del(store.KindGuest, "g1")))
	require.EqualValues(t, 5, commit(t, s, del(store.KindGuest, "never was")))

	state := load(t, s)
	require.EqualValues(t, 5, state.Revision)
	require.Equal(t, []store.Record{
		{Kind: store.KindHost, ID: "h1", Revision: 2, Value: json.RawMessage(`{"name":"b"}`)},
		{Kind: store.KindHost, ID: "h2", Revision: 3, Value: json.RawMessage(`null`)},
	}, state.Records)
}

func testAtomic(t *testing.T, s store.Store) {
	commit(t, s, put(store.KindHost, "h1", `1`))
	before := load(t, s)

	_, err := s.Commit(t.Context(),
		put(store.KindHost, "h1", `2`), put(store.KindHost, "h2", `2`),
		at(7, put(store.KindFlow, "f1", `2`)), del(store.KindHost, "h1"))

	require.ErrorIs(t, err, store.ErrConflict)
	require.Equal(t, before, load(t, s))
	require.EqualValues(t, 2, commit(t, s, put(store.KindHost, "h2", `3`)),
		"a refused batch takes no revision")
}

func testConditions(t *testing.T, s store.Store) {
	first := commit(t, s, put(store.KindFlow, "f1", `1`))
	second := commit(t, s, at(first, put(store.KindFlow, "f1", `2`)))
	for name, op := range map[string]store.Op{
		"old revision":      at(first, put(store.KindFlow, "f1", `3`)),
		"future revision":   at(second+1, put(store.KindFlow, "f1", `3`)),
		"delete":            at(first, del(store.KindFlow, "f1")),
		"no record":         at(first, put(store.KindFlow, "f2", `3`)),
		"delete no record":  at(first, del(store.KindFlow, "f2")),
		"same id elsewhere": at(second, put(store.KindService, "f1", `3`)),
	} {
		_, err := s.Commit(t.Context(), op)
		require.ErrorIs(t, err, store.ErrConflict, name)
		require.ErrorContains(t, err, string(op.Kind), name)
		require.ErrorContains(t, err, op.ID, name)
	}

	// Conditions are about the records before the batch.
	third := commit(t, s,
		at(second, put(store.KindFlow, "f1", `3`)), at(second, put(store.KindFlow, "f1", `4`)))

	require.Equal(t, json.RawMessage(`4`), load(t, s).Records[0].Value)
	commit(t, s, at(third, del(store.KindFlow, "f1")))
	require.Empty(t, load(t, s).Records)
}

func testBadOps(t *testing.T, s store.Store) {
	for name, op := range map[string]store.Op{
		"kind":    put("meta", "cluster_id", `1`),
		"no kind": put("", "x", `1`),
		"no id":   put(store.KindHost, "", `1`),
		"long id": put(store.KindHost, string(make([]byte, 256)), `1`),
		"json":    put(store.KindHost, "h1", `{`),
		"empty":   put(store.KindHost, "h1", ``),
	} {
		_, err := s.Commit(t.Context(), put(store.KindHost, "good", `1`), op)
		require.Error(t, err, name)
		require.NotErrorIs(t, err, store.ErrConflict, name)
	}
	require.Zero(t, load(t, s).Revision)
}

// testLargeBatch writes, changes and deletes as many records at once as every store takes.
func testLargeBatch(t *testing.T, s store.Store) {
	events := watch(t, s, 0)
	var writes, deletes []store.Op
	for i := range store.MaxOps {
		id := strings.Repeat("x", 251) + fmt.Sprintf("%04d", i)
		writes = append(writes, put(store.KindFlow, id, `"`+strings.Repeat("y", 4000)+`"`))
		deletes = append(deletes, del(store.KindFlow, id))
	}

	require.EqualValues(t, 1, commit(t, s, writes...))
	require.Len(t, load(t, s).Records, store.MaxOps)
	require.EqualValues(t, 2, commit(t, s, deletes...))
	require.Empty(t, load(t, s).Records)
	require.Equal(t, writes, next(t, events).Ops)
	require.Equal(t, deletes, next(t, events).Ops)
}

func testOwnership(t *testing.T, s store.Store) {
	events := watch(t, s, 0)
	op := put(store.KindHost, "h1", `"abc"`)
	commit(t, s, op)
	copy(op.Value, `"xyz"`)
	load(t, s).Records[0].Value[1] = '!'
	require.JSONEq(t, `"abc"`, string(load(t, s).Records[0].Value))
	require.JSONEq(t, `"abc"`, string(next(t, events).Ops[0].Value))
}

func testOrder(t *testing.T, s store.Store) {
	kinds := []store.Kind{store.KindService, store.KindHost, store.KindFlow, store.KindGuest}
	for _, kind := range kinds {
		for _, id := range []string{"b", "a", "c", "a-1", "B"} {
			commit(t, s, put(kind, id, `1`))
		}
	}

	var names []string
	for _, r := range load(t, s).Records {
		names = append(names, string(r.Kind)+" "+r.ID)
	}

	require.Len(t, names, 20)
	require.True(t, slices.IsSorted(names), names)
}

func testContext(t *testing.T, s store.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Commit(ctx, put(store.KindHost, "h1", `1`))
	require.ErrorIs(t, err, context.Canceled)
	_, err = s.Load(ctx)
	require.ErrorIs(t, err, context.Canceled)
	_, err = s.NextKey(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.Zero(t, load(t, s).Revision)
}

func testKeys(t *testing.T, s store.Store) {
	const workers, each = 8, 200
	var mu sync.Mutex
	seen := make(map[uint32]bool)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range each {
				key, err := s.NextKey(t.Context())
				mu.Lock()
				if err != nil || key == 0 || seen[key] {
					t.Errorf("key %d, seen before: %v, error: %v", key, seen[key], err)
				}
				seen[key] = true
				mu.Unlock()
			}
		})
	}

	wg.Wait()

	require.Len(t, seen, workers*each)
	state := load(t, s)
	require.Zero(t, state.Revision, "a key is no batch")
	for key := range seen {
		require.LessOrEqual(t, key, state.LastKey)
	}
}

func testConcurrent(t *testing.T, s store.Store) {
	const workers, each = 16, 50
	events := watch(t, s, 0)
	var mu sync.Mutex
	written := make(map[uint64]string)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				id := fmt.Sprintf("f-%d-%d", w, i)
				revision, err := s.Commit(t.Context(), put(store.KindFlow, id, `1`))
				if err != nil {
					t.Errorf("commit: %v", err)
					return
				}

				mu.Lock()
				written[revision] = id
				mu.Unlock()

				// A batch whose condition fails must not fail those that share its write.
				future := at(revision+1_000_000, del(store.KindFlow, id))
				if _, err := s.Commit(t.Context(), future); err == nil {
					t.Error("a condition that does not hold was accepted")
				}
			}
		})
	}

	wg.Wait()

	require.Len(t, written, workers*each, "each batch has its own revision")
	for revision := uint64(1); revision <= workers*each; revision++ {
		event := next(t, events)
		require.Equal(t, revision, event.Revision)
		require.Equal(t, written[revision], event.Ops[0].ID)
	}

	for _, r := range load(t, s).Records {
		require.Equal(t, written[r.Revision], r.ID)
	}
}

func testRace(t *testing.T, s store.Store) {
	revision := commit(t, s, put(store.KindHost, "h1", `0`))
	for range 20 {
		var mu sync.Mutex
		var won []uint64
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				got, err := s.Commit(t.Context(), at(revision, put(store.KindHost, "h1", `1`)))
				if err == nil {
					mu.Lock()
					won = append(won, got)
					mu.Unlock()
				}
			})
		}

		wg.Wait()

		require.Len(t, won, 1, "one of the commits from the same revision wins")
		revision = won[0]
	}
}

func testClose(t *testing.T, s store.Store) {
	events := watch(t, s, 0)
	commit(t, s, put(store.KindHost, "h1", `1`))
	require.NoError(t, s.Close())
	require.NoError(t, s.Close(), "closing twice is no error")
	requireEnd(t, events)

	_, err := s.Commit(t.Context(), put(store.KindHost, "h1", `2`))
	require.ErrorIs(t, err, store.ErrClosed)
	_, err = s.Commit(t.Context())
	require.ErrorIs(t, err, store.ErrClosed)
	_, err = s.Load(t.Context())
	require.ErrorIs(t, err, store.ErrClosed)
	_, err = s.NextKey(t.Context())
	require.ErrorIs(t, err, store.ErrClosed)
	_, err = s.Watch(t.Context(), 1)
	require.ErrorIs(t, err, store.ErrClosed)
}

func testReopen(t *testing.T, h Harness) {
	s := h.Open(t)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	seen := make(map[uint32]bool)
	want := load(t, s)
	for round := range 4 {
		for range 100 {
			key, err := s.NextKey(t.Context())
			require.NoError(t, err)
			require.False(t, seen[key], "key %d was given out before", key)
			seen[key] = true
		}

		commit(t, s,
			put(store.KindHost, fmt.Sprint(round), `{}`), put(store.KindHost, "last", `{}`))

		before := load(t, s)
		s = h.Reopen(t, s)
		after := load(t, s)
		require.Equal(t, want.ClusterID, after.ClusterID)
		require.Equal(t, want.Secret, after.Secret)
		require.Equal(t, before.Revision, after.Revision)
		require.Equal(t, before.Records, after.Records)
		require.GreaterOrEqual(t, after.LastKey, before.LastKey)
		if after.Revision > 0 {
			_, err := s.Watch(t.Context(), after.Revision+1)
			require.ErrorIs(t, err, store.ErrTooOld)
		}
	}
}
