package server

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/store"
)

func TestCreationsAreBounded(t *testing.T) {
	c, now := newCreations(), time.Now()
	c.now = func() time.Time { return now }
	by := func(n int) store.Request { return store.Request{Key: fmt.Sprint(n), Digest: "d"} }
	create := func(n int) (again bool) {
		_, again, err := c.begin(by(n))
		require.NoError(t, err)
		if !again {
			c.made(by(n), "id")
			c.end(by(n), &recorded{body: make([]byte, n)})
		}
		return again
	}
	for n := range maxCreations {
		require.False(t, create(n))
	}
	require.True(t, create(0))
	require.False(t, create(maxCreations), "one more than is remembered")
	require.False(t, create(0), "the oldest is forgotten")
	require.True(t, create(maxCreations))
	require.Len(t, c.byKey, maxCreations)
	require.Len(t, c.order, maxCreations)

	long, _, err := c.begin(by(maxCreations))
	require.NoError(t, err)
	require.NotNil(t, long.answer)
	require.False(t, create(maxKept+1))
	long, _, err = c.begin(by(maxKept + 1))
	require.NoError(t, err)
	require.Nil(t, long.answer, "an answer too long to be kept is made anew")

	now = now.Add(creationTime + time.Second)
	require.False(t, create(maxCreations), "too old")
	require.Len(t, c.byKey, 1)
	c.learn(by(1), "id", now.Add(-creationTime-time.Second))
	c.learn(store.Request{}, "id", now)
	require.Len(t, c.byKey, 1)
	c.learn(by(2), "id", now.Add(-time.Hour))
	require.True(t, create(2))

	_, _, err = c.begin(by(3))
	require.NoError(t, err)
	c.end(by(3), nil)
	require.False(t, create(3), "what did not come so far is not remembered")
}
