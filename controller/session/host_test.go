package session

import (
	"context"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/ofconn"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/plugin/tap"
	"github.com/tapline-sdn/tapline/testenv/dummy"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	patience  = 30 * time.Second
	tapBridge = "brtap"
	cluster   = "c1"
)

// startHost starts a real ovsdb-server and ovs-vswitchd, whose datapath is a dummy, with a guest's
// port vnet1.
func startHost(t *testing.T) *dummy.Host {
	t.Helper()
	dummy.Require(t)
	fleet, err := dummy.Start(t.Context(), 1)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, fleet.Close()) })
	h := fleet.Hosts[0]
	require.NoError(t, h.AddGuest("vnet1", lab.MAC{0x52, 0x54, 0, 0, 0, 1}, "g1"))
	t.Cleanup(func() {
		if t.Failed() {
			show, _ := h.VSCtl("show")
			mirrors, _ := h.VSCtl("list", "Mirror")
			flows, _ := h.OFCtl("dump-flows", tapBridge)
			log, _ := os.ReadFile(h.LogFile("ovs-vswitchd"))
			t.Logf("%s\n%s\n%s\n%s", show, mirrors, flows, log[max(0, len(log)-2000):])
		}
	})

	return h
}

// kept is a session under test with its OpenFlow listener and what it told.
type kept struct {
	*Session
	t    *testing.T
	done chan struct{} // closed when Run has returned
	stop context.CancelFunc

	mu        sync.Mutex
	report    Report
	reports   int
	applied   int
	drifts    int
	converged int
	conns     []*ofconn.Conn
}

// keep runs a session with a host until the test ends.
func keep(t *testing.T, target string, adjust ...func(*Config)) *kept {
	t.Helper()
	ln, err := ofconn.Listen(t.Context(), "ptcp:127.0.0.1:0", nil)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	k := &kept{t: t, done: make(chan struct{}), stop: stop}
	log := slog.New(slog.DiscardHandler)
	if testing.Verbose() {
		log = slog.New(slog.NewTextHandler(t.Output(),
			&slog.HandlerOptions{Level: slog.LevelDebug}))
	}

	config := Config{
		HostID: "id-1", Host: "h1", Target: target, Cluster: cluster, TapBridge: tapBridge,
		Advertise: "tcp:" + ln.Addr().String(), Logger: log,
		Report: func(r Report) {
			k.mu.Lock()
			defer k.mu.Unlock()
			k.report = r
			k.reports++
		},
		Observed: func(*vswitch.Snapshot) {},
		Applied: func(_, _ int, drift bool) {
			k.mu.Lock()
			defer k.mu.Unlock()
			k.applied++
			if drift {
				k.drifts++
			}
		},
		Converged: func(time.Duration) {
			k.mu.Lock()
			defer k.mu.Unlock()
			k.converged++
		},
		Probed: func(uint64, uint64) {},
	}

	for _, f := range adjust {
		f(&config)
	}

	k.Session = New(config)
	var running sync.WaitGroup
	running.Go(func() {
		assert.NoError(t, ofconn.Serve(ctx, ln, ofconn.Options{},
			func(ctx context.Context, c *ofconn.Conn) {
				if c.Features().DatapathID != k.DatapathID() {
					return
				}
				k.mu.Lock()
				k.conns = append(k.conns, c)
				k.mu.Unlock()
				k.ServeOpenFlow(ctx, c)
			}))
	})

	running.Go(func() {
		defer close(k.done)
		k.Run(ctx)
	})

	t.Cleanup(func() {
		stop()
		running.Wait()
	})

	return k
}

func (k *kept) last() Report {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.report
}

// told is how often something was applied, was drift, and converged.
func (k *kept) told() (applied, drifts, converged int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.applied, k.drifts, k.converged
}

func (k *kept) await(what string, holds func() bool) {
	k.t.Helper()
	if !assert.Eventually(k.t, holds, patience, 2*time.Millisecond, what) {
		r := k.last()
		k.t.Fatalf("%s: connected %v (%s), owners %+v", what, r.Connected, r.Problem, r.Owners)
	}
}

// ready waits until everything of a program stands.
func (k *kept) ready(d *reconcile.Desired) {
	k.t.Helper()
	k.await("everything is ready", func() bool { return allReady(k.last(), d) })
}

func allReady(r Report, d *reconcile.Desired) bool {
	if !r.Connected || r.Program != d || len(r.Leaving) > 0 {
		return false
	}
	for _, owner := range d.Owners {
		if got := r.Owners[owner]; got.State != Ready || got.Fingerprint != d.Fingerprints[owner] {
			return false
		}
	}
	return true
}

func (k *kept) use(p *tap.Program) *reconcile.Desired {
	k.t.Helper()
	d, err := reconcile.NewDesired(p, tapBridge)
	require.NoError(k.t, err)
	k.Apply(d)
	return d
}

// program is a tap bridge with a capture of vnet1, adjusted.
func program(adjust ...func(*tap.Program)) *tap.Program {
	flow := func(owner string, table openflow.TableID, priority uint16, match oxm.Match,
		do ...action.Instruction) tap.FlowEntry {
		return tap.FlowEntry{Owner: owner, Mod: openflow.FlowMod{Cookie: 0x7461 << 48, Table: table,
			Priority: priority, Match: match, Instructions: do}}
	}

	p := &tap.Program{
		Host: "id-1",
		Bridge: tap.TapBridge{
			Name: tapBridge, FailMode: "secure", Protocols: []string{"OpenFlow13"},
			OtherConfig: map[string]string{"disable-in-band": "true"},
		},
		Ports: []tap.Port{
			{Owner: "cap1", Bridge: lab.WireBridge, Name: "tlm-1", Type: "patch",
				Options: map[string]string{"peer": "tlt-1"}, VLANMode: "trunk",
				Trunks: []uint16{4095}},
			{Owner: "cap1", Bridge: tapBridge, Name: "tlt-1", Type: "patch",
				Options: map[string]string{"peer": "tlm-1"}, OFPortRequest: 4097},
			{Owner: "tunnel", Bridge: tapBridge, Name: "tl-gre", Type: "gre",
				Options:       map[string]string{"remote_ip": "flow", "key": "flow"},
				OFPortRequest: 4098},
		},
		Tunnel: tap.Tunnel{Port: "tl-gre", Ports: []string{"tl-gre"},
			Senders: []tap.Sender{{Addr: peerB, Port: "tl-gre", ProbeKey: 42}}},
		Mirrors: []tap.Mirror{{Owner: "cap1", Bridge: lab.WireBridge, Name: "tl-1", Output: "tlm-1",
			SelectSrc: []string{"vnet1"}, SelectDst: []string{"vnet1"}}},
		Flows: []tap.FlowEntry{
			flow("cap1", 0, 100, oxm.Match{oxm.InPort(4097)}, action.GotoTable{Table: 3}),
			flow("cap1", 3, 100, nil, action.ApplyActions{action.Output{Port: 9}}),
		},
	}

	for _, f := range adjust {
		f(p)
	}

	return p
}

func withoutCapture(p *tap.Program) {
	p.Ports, p.Mirrors, p.Flows = p.Ports[2:], nil, nil
}

func vsctl(t *testing.T, h *dummy.Host, line string) string {
	t.Helper()
	out, err := h.VSCtl(strings.Fields(line)...)
	require.NoError(t, err)
	return out
}

func ofctl(t *testing.T, h *dummy.Host, args ...string) string {
	t.Helper()
	out, err := h.OFCtl(args...)
	require.NoError(t, err)
	return out
}

// offered is the connection that a host would have made to us.
func offered(t *testing.T, h *dummy.Host) net.Conn {
	t.Helper()
	nc, err := net.Dial("unix", h.OVSDBSocket())
	require.NoError(t, err)
	return nc
}
