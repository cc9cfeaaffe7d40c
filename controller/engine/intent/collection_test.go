package intent

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/tapline-sdn/tapline/controller/store"
)

// TestCollectionOrder: whatever is put, renamed and removed, the order is that of sorting anew.
func TestCollectionOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := New().Hosts
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			id := fmt.Sprint(rapid.IntRange(0, 9).Draw(t, "id"))
			if rapid.Bool().Draw(t, "remove") {
				c.Remove(id)
			} else if name := rapid.StringMatching(`[a-e]{1,2}`).Draw(t, "name"); c.CheckFree(id,
				name) == nil {
				c.Put(&store.Host{ID: id, Name: name})
			}

			if rapid.Bool().Draw(t, "look") {
				var want []*store.Host
				for _, h := range c.ByID {
					want = append(want, h)
				}
				slices.SortFunc(want, func(a, b *store.Host) int {
					return cmp.Compare(a.Name, b.Name)
				})
				assert.Equal(t, want, append([]*store.Host(nil), c.Sorted()...))
			}
		}
	})
}
