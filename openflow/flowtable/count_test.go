package flowtable_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/openflow/flowtable"
	"github.com/tapline-sdn/tapline/testenv/ovs"
)

// TestWatchCount: flows that come and go are noticed on a real switch.
func TestWatchCount(t *testing.T) {
	s := ovs.StartBridge(t)
	conn := dial(t, s)
	ctx, stop := context.WithCancel(within(t))
	defer stop()
	changes, ended := make(chan struct{}, 1000), make(chan error, 1)
	go func() {
		ended <- flowtable.WatchCount(ctx, conn, time.Millisecond,
			func() { changes <- struct{}{} })
	}()

	before, err := flowtable.Count(ctx, conn)
	require.NoError(t, err)
	for n, noticed := 0, 0; noticed < 4; n++ {
		want := before
		if n%2 == 0 {
			s.Ofctl("add-flow", "br0", "table=7,actions=drop")
			want++
		} else {
			s.Ofctl("del-flows", "br0", "table=7")
		}

		now, err := flowtable.Count(ctx, conn)
		require.NoError(t, err)
		assert.Equal(t, want, now)

		select {
		case <-changes:
			noticed++
		case <-time.After(20 * time.Millisecond): // It had not counted yet, or comes later.
		case <-ctx.Done():
			t.Fatalf("%d changes were noticed of %d", noticed, n)
		}
	}

	stop()
	require.ErrorIs(t, <-ended, context.Canceled)
}

// TestWatchCountEnds: a connection that ends, ends the watch.
func TestWatchCountEnds(t *testing.T) {
	s := ovs.StartBridge(t)
	conn := dial(t, s)
	ended := make(chan error, 1)
	go func() {
		ended <- flowtable.WatchCount(t.Context(), conn, time.Millisecond, func() {})
	}()

	require.NoError(t, conn.Close())
	err := <-ended
	require.Error(t, err)
	assert.False(t, errors.Is(err, context.Canceled))
}
