package fault_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/engine"
	"github.com/tapline-sdn/tapline/controller/inventory"
	"github.com/tapline-sdn/tapline/controller/quiet"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/openflow/ofconn"
	"github.com/tapline-sdn/tapline/ovsdb/client"
	"github.com/tapline-sdn/tapline/plugin"
	"github.com/tapline-sdn/tapline/plugin/mirror"
	"github.com/tapline-sdn/tapline/plugin/tap"
	"github.com/tapline-sdn/tapline/testenv/dummy"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

const patience = 40 * time.Second

// rig is a controller in this process, assembled as in the command tapline, without an API and with
// the mirror logic in the same process.
type rig struct {
	t *testing.T
	*engine.Engine
	openflow string // IP:PORT
	log      *logged
}

// inPlace runs the mirror logic in this process.
type inPlace struct{}

func (inPlace) Run(ctx context.Context, use func(context.Context, plugin.Mirror) error) {
	for ctx.Err() == nil {
		_ = use(ctx, mirror.New()) // It returns when ctx ends.
	}
}

func (inPlace) Err() error            { return nil }
func (inPlace) Status() plugin.Status { return plugin.Status{Name: "mirror"} }

func (inPlace) Reload(context.Context, func(context.Context, plugin.Mirror) error) error {
	return errors.ErrUnsupported
}

func (inPlace) Aside(ctx context.Context, use func(context.Context, plugin.Mirror) error) error {
	return use(ctx, mirror.New())
}

type uncounted struct{}

func (uncounted) Converged(time.Duration) {}
func (uncounted) Applied(int, int, bool)  {}

// logged is the controller's log.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// since is what was logged from a position on.
func (l *logged) since(at int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()[at:]
}

func (l *logged) len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Len()
}

// newRig starts a controller, with TLS if it gets a configuration. Switches connect to its address,
// or to the one that via makes of it.
func newRig(t *testing.T, secure *tls.Config, via ...func(target string) string) *rig {
	t.Helper()
	r := &rig{t: t, log: &logged{}}
	log := slog.New(quiet.New(slog.NewTextHandler(r.log, nil)))
	listen, scheme := "ptcp:127.0.0.1:0", "tcp:"
	if secure != nil {
		listen, scheme = "pssl:127.0.0.1:0", "ssl:"
	}

	ln, err := ofconn.Listen(t.Context(), listen, secure)
	require.NoError(t, err)
	r.openflow = ln.Addr().String()
	config := engine.Config{
		Store: store.NewMemory(), Plugin: inPlace{}, TapBridge: "brtap",
		Keys:      inventory.DefaultKeys(),
		Advertise: scheme + r.openflow, Logger: log, Observer: uncounted{},
	}

	for _, f := range via {
		config.Advertise = f(config.Advertise)
	}

	if secure != nil {
		config.OVSDBTLS = client.ChainOnly(secure)
	}

	ctx, stop := context.WithCancel(context.Background())
	r.Engine, err = engine.New(ctx, config)
	require.NoError(t, err)
	var running sync.WaitGroup
	running.Go(func() { r.Run(ctx) })
	running.Go(func() {
		assert.NoError(t, ofconn.Serve(ctx, ln, ofconn.Options{Logger: log, MaxReply: 64 << 20},
			r.AcceptOpenFlow))
	})

	t.Cleanup(func() {
		stop()
		running.Wait()
		if t.Failed() {
			text := r.log.since(0)
			t.Logf("log of the controller:\n%s", text[max(0, len(text)-6000):])
		}
	})

	return r
}

// start starts dummy hosts.
func start(t *testing.T, n int) []*dummy.Host {
	t.Helper()
	dummy.Require(t)
	fleet, err := dummy.Start(t.Context(), n)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, fleet.Close()) })
	return fleet.Hosts
}

func (r *rig) await(what string, holds func() bool) time.Duration {
	r.t.Helper()
	begin := time.Now()
	require.Eventually(r.t, holds, patience, 2*time.Millisecond, what)
	return time.Since(begin)
}

// register registers a host, reached at a target.
func (r *rig) register(name, target string) {
	r.t.Helper()
	_, err := r.CreateHost(r.t.Context(), store.Host{Name: name, OVSDB: target})
	require.NoError(r.t, err)
	// Clean up if the test has not.
	r.t.Cleanup(func() { _ = r.DeleteHost(context.Background(), name, 0, false) })
}

func (r *rig) ready(name string) time.Duration {
	r.t.Helper()
	return r.await(name+" is ready", func() bool {
		h, err := r.Host(name)
		return err == nil && h.State == tap.StateReady
	})
}

// datapathID is that of a host's tap bridge.
func datapathID(t *testing.T, h *dummy.Host) uint64 {
	t.Helper()
	text, err := h.VSCtl("get", "Bridge", "brtap", "datapath_id")
	require.NoError(t, err)
	dpid, err := strconv.ParseUint(strings.Trim(text, "\"\n"), 16, 64)
	require.NoError(t, err)
	return dpid
}

// capture mirrors one guest of a host to another, and waits until the flow is ready.
func (r *rig) capture(name string, h *dummy.Host) string {
	r.t.Helper()
	ctx := r.t.Context()
	for i, guest := range []string{"src", "dst"} {
		id := name + "-" + guest
		require.NoError(r.t, h.AddGuest(guest, lab.MAC{0x52, 0x54, 0, 1, h.TunnelIP.As4()[3],
			byte(i)}, id))
		r.await(id+" is learned", func() bool { _, err := r.Guest(id); return err == nil })
	}

	s, err := r.CreateService(ctx, store.Service{Service: tap.Service{Name: name + "-sink",
		Type: tap.ServiceGuest, TargetID: name + "-dst"}})
	require.NoError(r.t, err)
	_, err = h.VSCtl("add-port", "brtap", s.IfName, "--", "set", "Interface", s.IfName,
		fmt.Sprintf("external_ids:attached-mac=%q", s.MAC))
	require.NoError(r.t, err)
	_, err = r.UpdateService(ctx, s.ID, 0,
		func(s *store.Service) error { s.Enabled = true; return nil })
	require.NoError(r.t, err)
	f, err := r.CreateFlow(ctx, store.Flow{Flow: tap.Flow{
		Name: name, Type: tap.FlowVNIC, TapID: s.ID, GuestID: name + "-src", Direction: tap.Both,
		Enabled: true,
	}})
	require.NoError(r.t, err)
	r.await(name+" is mirrored", func() bool {
		v, err := r.Flow(f.ID)
		return err == nil && v.State == tap.StateReady
	})

	return f.ID
}

// toggle disables a flow and enables it again, and returns how long that took.
func (r *rig) toggle(id string) time.Duration {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	begin := time.Now()
	for _, enabled := range []bool{false, true} {
		_, err := r.UpdateFlow(ctx, id, 0,
			func(f *store.Flow) error { f.Enabled = enabled; return nil })
		require.NoError(r.t, err)
		v, err := r.WaitFlow(ctx, id)
		require.NoError(r.t, err)
		want := tap.StateDisabled
		if enabled {
			want = tap.StateReady
		}

		require.Equal(r.t, want, v.State, v.Reason)
	}

	return time.Since(begin)
}

// pace is the median time of several toggles.
func (r *rig) pace(id string, n int) time.Duration {
	r.t.Helper()
	all := make([]time.Duration, n)
	for i := range all {
		all[i] = r.toggle(id)
	}
	slices.Sort(all)
	return all[n/2]
}

// peakHeap starts to sample the heap. The function that it returns stops that and gives the largest
// growth in bytes.
func peakHeap() (stop func() int64) {
	runtime.GC()
	read := func() int64 {
		s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		metrics.Read(s)
		return int64(s[0].Value.Uint64())
	}

	before, peak := read(), int64(0)
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				peak = max(peak, read()-before)
			case <-end:
				return
			}
		}
	}()

	return func() int64 {
		close(end)
		<-ended
		return peak
	}
}

const mib = 1 << 20
