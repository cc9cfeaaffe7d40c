package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/engine/fleet"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/inventory"
	"github.com/tapline-sdn/tapline/controller/inventory/switchtest"
	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/controller/session"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/plugin"
	"github.com/tapline-sdn/tapline/plugin/mirror"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

const patience = 10 * time.Second

// inProcess is a Plugin that runs the mirror logic in this process.
type inProcess struct {
	mu   sync.Mutex
	stop context.CancelFunc
	runs int
	away error
	wrap func(plugin.Mirror) plugin.Mirror
	next func(plugin.Mirror) plugin.Mirror // of what a reload starts
}

func (p *inProcess) Run(ctx context.Context, use func(context.Context, plugin.Mirror) error) {
	for ctx.Err() == nil {
		run, stop := context.WithCancel(ctx)
		p.mu.Lock()
		p.stop, p.away = stop, nil
		p.runs++
		wrap := p.wrap
		p.mu.Unlock()
		m := plugin.Mirror(mirror.New())
		if wrap != nil {
			m = wrap(m)
		}

		err := use(run, m)
		stop()
		p.mu.Lock()
		p.away = err
		p.mu.Unlock()
	}
}

func (p *inProcess) Aside(ctx context.Context,
	use func(context.Context, plugin.Mirror) error) error {
	return use(ctx, mirror.New())
}

func (p *inProcess) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.away
}

func (p *inProcess) Status() plugin.Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := plugin.Status{Name: "mirror", Restarts: uint64(p.runs)}
	if p.away != nil {
		s.Problem = p.away.Error()
	}
	return s
}

// Reload tries another instance, wrapped by next.
func (p *inProcess) Reload(ctx context.Context,
	try func(context.Context, plugin.Mirror) error) error {
	m := plugin.Mirror(mirror.New())
	if p.next != nil {
		m = p.next(m)
	}
	if err := try(ctx, m); err != nil {
		return err
	}

	p.mu.Lock()
	p.wrap = p.next
	p.mu.Unlock()
	p.restart()
	return nil
}

func (p *inProcess) starts() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.runs
}

func (p *inProcess) restart() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stop()
}

type uncounted struct{}

func (uncounted) Converged(time.Duration) {}
func (uncounted) Applied(int, int, bool)  {}

// ring is a running engine whose switches are played by the test.
type ring struct {
	t      *testing.T
	e      *Engine
	plugin *inProcess
	store  store.Store
	end    func()
	sock   string
	hosts  int
}

func newRing(t *testing.T, s store.Store) *ring {
	t.Helper()
	return newRingWith(t, s, nil)
}

func newRingWith(t *testing.T, s store.Store, h Hypervisor) *ring {
	t.Helper()
	dir, err := os.MkdirTemp("", "r") // The path of a unix socket must be short.
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	r := &ring{t: t, plugin: &inProcess{}, store: s, sock: dir}
	ctx, cancel := context.WithCancel(context.Background())
	r.e, err = New(ctx, Config{
		Store: s, Plugin: r.plugin, TapBridge: "brtap", Keys: inventory.DefaultKeys(),
		OpenFlowPort: 6653,
		Logger:       slog.New(slog.DiscardHandler), Observer: uncounted{}, Hypervisor: h,
	})
	require.NoError(t, err)
	var running sync.WaitGroup
	running.Go(func() { r.e.Run(ctx) })
	r.end = func() {
		cancel()
		running.Wait()
	}

	t.Cleanup(r.end)
	r.idle()
	return r
}

// flows returns all tap flows, as a list of everything does.
func (r *ring) flows() []view.Flow { return r.e.FlowViews(r.e.FlowRows()) }

// idle waits until the plugin has answered everything.
func (r *ring) idle() {
	r.t.Helper()
	require.Eventually(r.t, func() bool {
		r.e.mu.Lock()
		defer r.e.mu.Unlock()
		return r.e.mirror != nil && r.e.planning.Idle()
	}, patience, time.Millisecond)
}

// target is an OVSDB server that takes connections and says nothing, so that the test alone reports
// what the host has.
func (r *ring) target() string {
	r.t.Helper()
	r.hosts++
	path := filepath.Join(r.sock, fmt.Sprint(r.hosts))
	silent, err := net.Listen("unix", path)
	require.NoError(r.t, err)
	r.t.Cleanup(func() { _ = silent.Close() })
	return "unix:" + path
}

// host registers a host. Its tunnel address ends with its number.
func (r *ring) host(name string, adjust ...func(*store.Host)) view.Host {
	r.t.Helper()
	h := store.Host{Name: name, OVSDB: r.target()}
	h.TunnelIP = netip.AddrFrom4([4]byte{192, 0, 2, byte(r.hosts)})
	for _, f := range adjust {
		f(&h)
	}
	v, err := r.e.CreateHost(r.t.Context(), h)
	require.NoError(r.t, err)
	return v
}

func (r *ring) running(name string) *fleet.Host {
	r.e.mu.Lock()
	defer r.e.mu.Unlock()
	return r.e.fleet.Running[r.e.intent.Hosts.Find(name).ID]
}

// report plays a host's session: this is what the switch shows, and everything that is desired
// stands, but for what states says.
func (r *ring) report(name string, snap *vswitch.Snapshot, states map[string]session.OwnerState) {
	r.t.Helper()
	h := r.running(name)
	for range 2 { // What is seen may change what is desired.
		r.e.mu.Lock()
		now := session.Report{Connected: true, Snapshot: snap, Program: h.Program,
			Owners: map[string]session.OwnerState{}}
		if h.Program != nil {
			for owner, print := range h.Program.Fingerprints {
				now.Owners[owner] = session.OwnerState{Fingerprint: print, State: session.Ready}
			}
			for owner, state := range states {
				if print, wanted := h.Program.Fingerprints[owner]; wanted {
					state.Fingerprint = print
					now.Owners[owner] = state
				}
			}
		}

		r.e.mu.Unlock()
		r.e.observe(h, now)
		r.idle()
	}
}

func (r *ring) lose(name, problem string) {
	h := r.running(name)
	r.e.mu.Lock()
	now := session.Report{Problem: problem, Snapshot: h.Report.Snapshot}
	r.e.mu.Unlock()
	r.e.observe(h, now)
	r.idle()
}

// strip plays the session of a deleted host, which has taken everything off its switch.
func (r *ring) strip(id string) {
	r.t.Helper()
	r.e.mu.Lock()
	h := r.e.fleet.Retiring(id)
	r.e.mu.Unlock()
	require.NotNil(r.t, h, "the host is being deleted")
	r.e.stripped(h)
}

func (r *ring) program(name string) *reconcile.Desired {
	h := r.running(name)
	r.e.mu.Lock()
	defer r.e.mu.Unlock()
	return h.Program
}

func (r *ring) prints(name string) map[string]uint64 {
	d := r.program(name)
	require.NotNil(r.t, d)
	return maps.Clone(d.Fingerprints)
}

// kindOf is the kind of an engine's error, or 0.
func kindOf(err error) view.ErrorKind {
	var e *view.Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return 0
}

func wantError(t *testing.T, err error, kind view.ErrorKind, field, text string) {
	t.Helper()
	var e *view.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, kind, e.Kind, "%v", err)
	assert.Equal(t, field, e.Field, "%v", err)
	assert.ErrorContains(t, err, text)
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		require.NoError(t, err)
		return v
	}
}

// hostSnapshot is a switch with guests g1 and g2 on br0.
func hostSnapshot(t *testing.T, more ...switchtest.Bridge) *vswitch.Snapshot {
	return switchtest.Snapshot(t, map[string]string{"ovn-bridge-mappings": "net0:br0"},
		append([]switchtest.Bridge{{Name: "br0", Datapath: "netdev", Ports: []switchtest.Port{
			switchtest.NICPort("eth0", "ixgbe"),
			switchtest.GuestPort("vnet1", 11, map[string]string{"attached-mac": "52:54:00:00:00:01",
				"vm-id": "g1"}),
			switchtest.GuestPort("vnet2", 12, map[string]string{"attached-mac": "52:54:00:00:00:02",
				"vm-id": "g2"}),
		}}}, more...)...)
}

// tapBridge is the tap bridge with the NIC of a service plugged.
func (r *ring) tapBridge(s view.Service) switchtest.Bridge {
	return switchtest.Bridge{Name: "brtap", Datapath: "netdev",
		IDs: map[string]string{"tapline": r.e.ClusterID()}, Ports: []switchtest.Port{
			{Name: s.IfName, Devices: []switchtest.Device{{OFPort: 5, MAC: s.MAC.String(),
				Driver: "tun"}}},
		}}
}

// world is a ring with a host h1, its guests, and a disabled service col of guest g2 with an
// enabled flow of guest g1.
func newWorld(t *testing.T) (*ring, view.Service, view.Flow) {
	t.Helper()
	return newWorldIn(t, store.NewMemory())
}

func newWorldIn(t *testing.T, s store.Store) (*ring, view.Service, view.Flow) {
	t.Helper()
	r := newRing(t, s)
	r.host("h1")
	r.report("h1", hostSnapshot(t), nil)
	service := must(r.e.CreateService(t.Context(),
		store.Service{Service: tap.Service{Name: "col", Type: tap.ServiceGuest,
			TargetID: "g2"}}))(t)
	f := must(r.e.CreateFlow(t.Context(), store.Flow{Flow: tap.Flow{Name: "f1", Type: tap.FlowVNIC,
		TapID: "col", GuestID: "g1", Enabled: true}}))(t)
	r.idle()
	return r, service, f
}

func enable(s *store.Service) error  { s.Enabled = true; return nil }
func disable(s *store.Service) error { s.Enabled = false; return nil }

// ready makes the world's service and flow ready.
func (r *ring) ready(s view.Service) {
	r.t.Helper()
	must(r.e.UpdateService(r.t.Context(), s.ID, 0, enable))(r.t)
	r.idle()
	r.report("h1", hostSnapshot(r.t, r.tapBridge(s)), nil)
	r.stored()
}

// stored waits until it is stored where tap NICs are.
func (r *ring) stored() {
	r.t.Helper()
	require.Eventually(r.t, func() bool {
		r.e.mu.Lock()
		defer r.e.mu.Unlock()
		return len(r.e.unstoredPlaces) == 0
	}, patience, time.Millisecond, "where NICs are was not stored")
}
