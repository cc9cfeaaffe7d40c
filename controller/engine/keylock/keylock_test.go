package keylock

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
)

// TestBeside: those of different keys go side by side, those that share one after the other, and
// who is alone is alone.
func TestBeside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w Lock
		first := w.Beside("name a", "source x")
		w.Beside("name b", "source y")() // It does not wait.
		var entered atomic.Int32
		var waiting sync.WaitGroup
		for _, keys := range [][]string{{"name c", "source x"}, {"source z", "name a"}} {
			waiting.Go(func() {
				defer w.Beside(keys...)()
				entered.Add(1)
			})
		}
		synctest.Wait()
		assert.Zero(t, entered.Load(), "a key was held by two")
		first()
		waiting.Wait()
		assert.Equal(t, int32(2), entered.Load())
		assert.Empty(t, w.keys, "keys are left")

		second := w.Beside("name a")
		assert.False(t, w.TryLock(), "alone beside another")
		second()
		w.Lock()
		defer w.Unlock()
	})
}
