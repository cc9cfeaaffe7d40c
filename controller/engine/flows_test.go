package engine

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// TestCreateFlowsBeside: of flows that contradict each other and are created at once, one is
// created.
func TestCreateFlowsBeside(t *testing.T) {
	for name, flow := range map[string]func(i int) tap.Flow{
		"same name": func(i int) tap.Flow {
			return tap.Flow{Name: "twin", Type: tap.FlowVNIC,
				Direction: []tap.Direction{tap.In, tap.Out}[i%2]}
		},
		"same source": func(i int) tap.Flow {
			return tap.Flow{Name: fmt.Sprintf("twin%d", i), Type: tap.FlowVNIC, Direction: tap.In}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, service, first := newWorld(t)
			before := len(r.flows())
			var made atomic.Int32
			var creating sync.WaitGroup
			for i := range 8 {
				creating.Go(func() {
					f := flow(i)
					f.TapID, f.GuestID = service.Name, first.GuestID
					_, err := r.e.CreateFlow(t.Context(), store.Flow{Flow: f})
					if err == nil {
						made.Add(1)
					} else {
						assert.Equal(t, view.Conflict, kindOf(err), err.Error())
					}
				})
			}

			creating.Wait()
			require.Equal(t, int32(1), made.Load())
			assert.Len(t, r.flows(), before+1)
		})
	}
}
