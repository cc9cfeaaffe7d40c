package link

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTurns(t *testing.T) {
	for _, tc := range []struct {
		name string
		end  func(*turn)
		want time.Duration // that the next one waits
	}{
		{"given on when it is ended", (*turn).end, 0},
		{"given on once, however often it is ended", func(t *turn) { t.end(); t.end() }, 0},
		{"ends by itself", func(*turn) {}, turnTime},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				turns := NewTurns(1)
				first, err := turns.take(t.Context(), nil)
				require.NoError(t, err)
				begin := time.Now()
				tc.end(first)
				second, err := turns.take(t.Context(), nil)
				require.NoError(t, err)
				assert.Equal(t, tc.want, time.Since(begin))
				first.end() // It is the other's now.
				assert.Empty(t, turns.free, "turns that can be taken")
				second.end()
				time.Sleep(2 * turnTime)
				assert.Len(t, turns.free, 1, "turns that can be taken")
			})
		})
	}
}

func TestWaitingForATurnEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := NewTurns(1)
		mine, err := turns.take(t.Context(), nil)
		require.NoError(t, err)
		defer mine.end()
		gone := make(chan struct{})
		time.AfterFunc(turnTime/10, func() { close(gone) })
		_, err = turns.take(t.Context(), gone)
		require.ErrorIs(t, err, errEnded)
		ctx, cancel := context.WithTimeout(t.Context(), turnTime/10)
		defer cancel()
		_, err = turns.take(ctx, nil)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
	})
}
