package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/store"
)

func watch(t testing.TB, s store.Store, after uint64) <-chan store.Event {
	t.Helper()
	events, err := s.Watch(t.Context(), after)
	require.NoError(t, err)
	return events
}

func next(t testing.TB, events <-chan store.Event) store.Event {
	t.Helper()
	select {
	case event, ok := <-events:
		require.True(t, ok, "the watch ended")
		return event
	case <-time.After(wait):
		require.FailNow(t, "no event")
		return store.Event{}
	}
}

// requireEnd waits for the end of a watch and drops the events before it.
func requireEnd(t testing.TB, events <-chan store.Event) {
	t.Helper()
	deadline := time.After(wait)
	for {
		select {
		case _, ok := <-events:
			if !ok {
				return
			}
		case <-deadline:
			require.FailNow(t, "the watch does not end")
		}
	}
}

func testWatch(t *testing.T, s store.Store) {
	early := watch(t, s, 0)
	commit(t, s, put(store.KindHost, "h1", `1`), put(store.KindGuest, "g1", `1`))
	commit(t, s, at(1, put(store.KindHost, "h1", `2`)))
	_, err := s.Commit(t.Context(), at(1, put(store.KindHost, "h1", `3`)))
	require.ErrorIs(t, err, store.ErrConflict)
	commit(t, s, del(store.KindGuest, "g1"))

	want := []store.Event{
		{Revision: 1, Ops: []store.Op{
			put(store.KindHost, "h1", `1`), put(store.KindGuest, "g1", `1`),
		}},
		{Revision: 2, Ops: []store.Op{at(1, put(store.KindHost, "h1", `2`))}},
		{Revision: 3, Ops: []store.Op{del(store.KindGuest, "g1")}},
	}

	late := watch(t, s, 1)
	for _, event := range want {
		require.Equal(t, event, next(t, early))
	}

	for _, event := range want[1:] {
		require.Equal(t, event, next(t, late))
	}

	last := watch(t, s, 3)
	commit(t, s, put(store.KindHost, "h2", `1`))
	for _, events := range []<-chan store.Event{early, late, last} {
		require.EqualValues(t, 4, next(t, events).Revision)
	}
}

func testWatchElsewhere(t *testing.T, s store.Store) {
	commit(t, s, put(store.KindHost, "h1", `1`))
	_, err := s.Watch(t.Context(), 2)
	require.ErrorIs(t, err, store.ErrTooOld, "a revision that was never made")
}

func testWatchEnds(t *testing.T, s store.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	idle, err := s.Watch(ctx, 0)
	require.NoError(t, err)
	commit(t, s, put(store.KindHost, "h1", `1`), put(store.KindHost, "h2", `1`))
	commit(t, s, put(store.KindHost, "h1", `2`))
	next(t, idle) // The second is not read.
	cancel()
	requireEnd(t, idle)
	_, err = s.Watch(ctx, 0)
	require.ErrorIs(t, err, context.Canceled)
}
