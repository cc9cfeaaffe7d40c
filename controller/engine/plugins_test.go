package engine

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// altered is a plugin whose answers are changed, or an error.
type altered struct {
	plugin.Mirror
	change func(*tap.Result) error
}

func (a altered) Run(ctx context.Context, changes <-chan tap.Change,
	tell func(tap.Result) error) error {
	return a.Mirror.Run(ctx, changes, func(r tap.Result) error {
		if err := a.change(&r); err != nil {
			return err
		}
		return tell(r)
	})
}

// TestReloadPlugin: a plugin that does what it must takes over and nothing changes; one that does
// not is refused, and the other goes on.
func TestReloadPlugin(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*tap.Result) error
		want   string // of the error; "" for none
	}{
		{"the same", func(*tap.Result) error { return nil }, ""},
		{"crashes", func(*tap.Result) error {
			return errors.New("it is gone")
		}, "on trial: it is gone"},
		{"programs another bridge", func(r *tap.Result) error {
			for i := range r.Programs {
				r.Programs[i].Ports = append(r.Programs[i].Ports,
					tap.Port{Owner: "x", Bridge: "br0", Name: "evil", Type: "internal"})
			}
			return nil
		}, "programs what it must not: host h1"},
		{"takes a foreign NIC", func(r *tap.Result) error {
			for i := range r.Programs {
				r.Programs[i].Ports = append(r.Programs[i].Ports,
					tap.Port{Owner: "x", Bridge: "brtap", Name: "eth0", Plugged: true})
			}
			return nil
		}, "NIC eth0 is no tap service's"},
		{"forgets a flow", func(r *tap.Result) error {
			r.Statuses = nil
			return nil
		}, "it says nothing of tap service col"},
		{"makes states up", func(r *tap.Result) error {
			for i := range r.Statuses {
				r.Statuses[i].State = tap.StateReady
			}
			return nil
		}, `the state "ready"`},
		{"answers what it was not told",
			func(r *tap.Result) error { r.Revision += 1000; return nil }, "was told no more than"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, s, _ := newWorld(t)
			r.ready(s)
			before := r.program("h1")
			r.plugin.next = func(m plugin.Mirror) plugin.Mirror { return altered{m, tc.change} }
			starts := r.plugin.starts()
			v, err := r.e.ReloadPlugin(t.Context(), "mirror")
			if tc.want != "" {
				wantError(t, err, view.Conflict, "", tc.want)
				assert.ErrorContains(t, err, "the plugin that runs goes on")
				assert.Equal(t, starts, r.plugin.starts())
			} else {
				require.NoError(t, err)
				assert.Equal(t, "mirror", v.Name)
				require.Eventually(t, func() bool {
					return r.plugin.starts() == starts+1
				}, patience, time.Millisecond)
			}

			r.idle()
			assert.NoError(t, r.e.Ready())
			assert.Equal(t, before.Fingerprints, r.prints("h1"))
			must(r.e.CreateFlow(t.Context(), store.Flow{Flow: tap.Flow{Name: "f2",
				Type: tap.FlowVNIC, TapID: "col", GuestID: "g1", Direction: tap.In}}))(t)
		})
	}

	r, _, _ := newWorld(t)
	_, err := r.e.ReloadPlugin(t.Context(), "other")
	wantError(t, err, view.NotFound, "", "no plugin")
}

// TestPluginAnswersNonsense: a plugin that runs and says what it cannot mean is ended.
func TestPluginAnswersNonsense(t *testing.T) {
	r, _, _ := newWorld(t)
	r.plugin.mu.Lock()
	r.plugin.wrap = func(m plugin.Mirror) plugin.Mirror {
		return altered{m, func(r *tap.Result) error { r.Revision = 1 << 62; return nil }}
	}
	r.plugin.mu.Unlock()
	starts := r.plugin.starts()
	r.plugin.restart()
	require.Eventually(t, func() bool {
		return r.plugin.starts() > starts+2
	}, patience, time.Millisecond)
}
