package idempotency

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/store"
)

func TestMemoryIsBounded(t *testing.T) {
	now := time.Now()
	m := New[int](func() time.Time { return now })

	by := func(n int) store.Request { return store.Request{Key: fmt.Sprint(n), Digest: "d"} }
	create := func(n int) (again bool) {
		before, err := m.Begin(by(n))
		require.NoError(t, err)
		if before == nil {
			m.Created(by(n), "id")
			m.End(by(n), &n)
		}
		return before != nil
	}

	for n := range maxCreations {
		require.False(t, create(n))
	}
	require.True(t, create(0))
	require.False(t, create(maxCreations), "one more than is remembered")
	require.False(t, create(0), "the oldest is forgotten")
	require.True(t, create(maxCreations))
	require.Len(t, m.byKey, maxCreations)
	require.Len(t, m.order, maxCreations)

	kept, err := m.Begin(by(maxCreations))
	require.NoError(t, err)
	require.Equal(t, maxCreations, *kept.Answer)

	now = now.Add(lifetime + time.Second)
	require.False(t, create(maxCreations), "too old")
	require.Len(t, m.byKey, 1)

	m.Learn(by(1), "id", now.Add(-lifetime-time.Second))
	m.Learn(store.Request{}, "id", now)
	require.Len(t, m.byKey, 1)
	m.Learn(by(2), "id", now.Add(-time.Hour))
	require.True(t, create(2))
}

func TestAFailedCreationIsForgotten(t *testing.T) {
	m := New[int](time.Now)
	r := store.Request{Key: "k", Digest: "d"}

	for range 2 {
		before, err := m.Begin(r)
		require.NoError(t, err)
		require.Nil(t, before)

		_, err = m.Begin(r)
		require.ErrorIs(t, err, ErrBusy)
		_, err = m.Begin(store.Request{Key: "k", Digest: "other"})
		require.ErrorIs(t, err, ErrReused)

		m.End(r, nil)
	}
	require.Empty(t, m.byKey)
}

func TestAnAnswerThatIsTooLargeIsMadeAnew(t *testing.T) {
	m := New[int](time.Now)
	r := store.Request{Key: "k", Digest: "d"}

	_, err := m.Begin(r)
	require.NoError(t, err)
	m.Created(r, "id")
	m.End(r, nil)

	before, err := m.Begin(r)
	require.NoError(t, err)
	require.Equal(t, &Earlier[int]{ID: "id"}, before)
}
