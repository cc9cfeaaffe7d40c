package engine

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/engine/forecast"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// written writes a forecast for readers.
func written(f forecast.Forecast) string {
	var b strings.Builder
	for _, r := range f.Resources {
		fmt.Fprintf(&b, "%s %s [%s] %s -> %s %s\n", r.Kind, r.Name, r.Action, r.Before.State,
			r.After.State, r.After.Reason)
	}

	for _, h := range f.Hosts {
		for _, i := range h.Items {
			fmt.Fprintf(&b, "%s: %s %s %s %v\n", h.Name, i.Action, i.Kind, i.Name, i.For)
		}
	}

	return b.String()
}

// TestRehearse: a change that is tried out is told, and nothing has changed afterwards.
func TestRehearse(t *testing.T) {
	r, s, f := newWorld(t)
	r.ready(s)
	before, program := r.state(t), r.prints("h1")
	name := captureName(t, r.program("h1").Program)

	for _, tc := range []struct {
		name   string
		change func(context.Context, *Engine) error
		want   string
	}{
		{"nothing", func(context.Context, *Engine) error { return nil }, ""},
		{"flow created", func(ctx context.Context, e *Engine) error {
			_, err := e.CreateFlow(ctx, store.Flow{Flow: tap.Flow{Name: "all",
				Type: tap.FlowVSwitch, TapID: "col", HostID: "h1", WireID: "br0", VLAN: 7,
				Enabled: true}})
			return err
		}, "tap_flow all [create]  -> ready \n" + "h1: add mirror tl-" + name + "-1 [all f1]\n"},
		{"flow disabled", func(ctx context.Context, e *Engine) error {
			_, err := e.UpdateFlow(ctx, "f1", 0,
				func(f *store.Flow) error { f.Enabled = false; return nil })
			return err
		}, "tap_flow f1 [update] ready -> disabled \n" +
			"h1: remove port tlm-" + name + " [f1]\nh1: remove port tlt-" + name +
			" [f1]\nh1: remove mirror tl-" + name + " [f1]\n"},
		{"service disabled", func(ctx context.Context, e *Engine) error {
			_, err := e.UpdateService(ctx, "col", 0, disable)
			return err
		}, "tap_service col [update] ready -> disabled \n" +
			"tap_flow f1 [] ready -> pending tap service col is disabled\n"},
		{"all deleted", func(ctx context.Context, e *Engine) error {
			if err := e.DeleteFlow(ctx, "f1", 0); err != nil {
				return err
			}
			return e.DeleteService(ctx, "col", 0)
		}, "tap_service col [delete] ready ->  \ntap_flow f1 [delete] ready ->  \n"},
		{"host created", func(ctx context.Context, e *Engine) error {
			_, err := e.CreateHost(ctx, store.Host{Name: "h7", OVSDB: "tcp:192.0.2.77:6640"})
			return err
		}, "host h7 [create]  -> pending it was not reached yet: connecting\n"},
		{"NIC joins", func(ctx context.Context, e *Engine) error {
			mac, err := tap.ParseMAC("52:54:00:00:00:33")
			if err != nil {
				return err
			}

			if _, err := e.UpdateHost(ctx, "h1", 0,
				func(h *store.Host) error {
					h.NICs = []store.HostNIC{{Name: "eth3",
						MAC: mac}}
					return nil
				}); err != nil {
				return err
			}
			if _, err := e.CreateService(ctx, store.Service{Service: tap.Service{Name: "nic",
				Type: tap.ServiceHost, TargetID: "h1", MAC: mac}}); err != nil {
				return err
			}
			if _, err := e.UpdateService(ctx, "nic", 0, enable); err != nil {
				return err
			}

			_, err = e.CreateFlow(ctx, store.Flow{Flow: tap.Flow{Name: "f2", Type: tap.FlowVNIC,
				TapID: "nic", GuestID: "g1", Enabled: true}})
			return err
		}, "tap_service nic [create]  -> ready \ntap_flow f2 [create]  -> ready \n" +
			"h1: add port eth3 [f2 nic]\n"},
		{"wire declared", func(ctx context.Context, e *Engine) error {
			_, err := e.UpdateHost(ctx, "h1", 0,
				func(h *store.Host) error {
					h.Wires = map[string]string{"net9": "br0"}
					return nil
				})
			return err
		}, "host h1 [update] ready -> ready \n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := r.e.Rehearse(t.Context(), tc.change)
			require.NoError(t, err)
			text := written(got)
			if tc.want == "" {
				assert.Empty(t, text)
			}

			for line := range strings.Lines(tc.want) {
				assert.Contains(t, text, line)
			}

			r.idle()
			assert.Equal(t, before, r.state(t))
			assert.Equal(t, program, r.prints("h1"))
		})
	}

	t.Run("refused", func(t *testing.T) {
		_, err := r.e.Rehearse(t.Context(), func(ctx context.Context,
			e *Engine) error {
			return e.DeleteService(ctx, "col", 0)
		})
		wantError(t, err, view.Conflict, "", "is where tap flow")
	})

	t.Run("too many", func(t *testing.T) {
		entered, leave := make(chan struct{}), make(chan struct{})
		done := make(chan error)
		for range maxSimulations {
			go func() {
				_, err := r.e.Rehearse(t.Context(), func(context.Context, *Engine) error {
					entered <- struct{}{}
					<-leave
					return nil
				})
				done <- err
			}()
			<-entered
		}

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := r.e.Rehearse(ctx, func(context.Context, *Engine) error { return nil })
		wantError(t, err, view.Unavailable, "", "other plans are being made")
		close(leave)
		for range maxSimulations {
			assert.NoError(t, <-done)
		}
	})

	assert.Equal(t, f.Name, must(r.e.Flow("f1"))(t).Name)
}

// captureName is the hash in the names of the one capture of a program.
func captureName(t *testing.T, p *tap.Program) string {
	t.Helper()
	for _, m := range p.Mirrors {
		return strings.TrimPrefix(m.Name, "tl-")
	}
	t.Fatal("nothing is captured")
	return ""
}

// state is everything that users see, and everything that is stored.
func (r *ring) state(t *testing.T) []any {
	t.Helper()
	stored, err := r.store.Load(t.Context())
	require.NoError(t, err)
	return []any{stored, r.e.Hosts(), r.e.Guests(), r.e.Services(), r.flows()}
}
