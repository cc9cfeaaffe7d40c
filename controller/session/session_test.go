package session

import (
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/controller/session/repair"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// standing makes sure that the capture stands on the switch itself.
func standing(t *testing.T, k *kept) {
	t.Helper()
	snap := k.last().Snapshot
	bridge, exists := snap.Bridge("br0")
	require.True(t, exists)
	mirrors := snap.BridgeMirrors(bridge)
	require.Len(t, mirrors, 1)
	port, stands := snap.PortOnBridge("br0", "tlm-1")
	require.True(t, stands)
	guest, _ := snap.PortOnBridge("br0", "vnet1")
	assert.Equal(t, port.UUID, *mirrors[0].OutputPort)
	assert.Equal(t, guest.UUID, mirrors[0].SelectSrcPort[0])
}

func TestProgramAndDrift(t *testing.T) {
	h := startHost(t)
	k := keep(t, h.OVSDB)
	k.await("a report", func() bool { return k.last().Connected })
	d := k.use(program())
	k.ready(d)
	standing(t, k)
	flows := ofctl(t, h, "dump-flows", tapBridge)
	for _, want := range []string{"in_port=4097 ", "dl_type=0x88b5"} {
		assert.Contains(t, flows, want)
	}

	_, drifts, converged := k.told()
	assert.Equal(t, 1, converged)
	assert.Zero(t, drifts)

	for _, tc := range []struct {
		name  string
		spoil func() error
		gone  func() bool // what was spoiled is not as it should be
	}{
		{"patch port", func() error {
			_, err := h.VSCtl("--no-wait", "del-port", "tlm-1")
			return err
		}, func() bool {
			_, stands := k.last().Snapshot.PortByName("tlm-1")
			return !stands
		}},
		{"mirror", func() error {
			_, err := h.VSCtl("--no-wait", "clear", "Bridge", "br0", "mirrors")
			return err
		}, func() bool {
			b, _ := k.last().Snapshot.Bridge("br0")
			return len(b.Mirrors) == 0
		}},
		{"flows", func() error {
			_, err := h.OFCtl("del-flows", tapBridge)
			return err
		}, func() bool {
			out, err := h.OFCtl("dump-flows", tapBridge)
			return err != nil || !strings.Contains(out, "in_port=4097 ")
		}},
		{"foreign flow", func() error {
			_, err := h.OFCtl("add-flow", tapBridge, "table=7,priority=7,actions=drop")
			return err
		}, func() bool {
			out, err := h.OFCtl("dump-flows", tapBridge, "table=7")
			return err != nil || strings.Contains(out, "priority=7")
		}},
		{"tap bridge", func() error {
			_, err := h.VSCtl("--no-wait", "del-br", tapBridge)
			return err
		}, func() bool {
			_, stands := k.last().Snapshot.Bridge(tapBridge)
			return !stands
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, before, _ := k.told()
			start := time.Now()
			require.NoError(t, tc.spoil())
			k.await("drift is noticed", func() bool {
				_, now, _ := k.told()
				return now > before
			})

			k.await("drift is repaired", func() bool { return !tc.gone() && allReady(k.last(), d) })
			t.Logf("repaired and read back after %v", time.Since(start))
			standing(t, k)
		})
	}

	_, _, converged = k.told()
	assert.Equal(t, 1, converged, "repairing is not converging")
	gone := k.use(program(withoutCapture))
	k.ready(gone)
	assert.Equal(t, "vnet1", vsctl(t, h, "list-ports br0"))
	assert.Empty(t, vsctl(t, h, "list Mirror"))
	assert.NotContains(t, ofctl(t, h, "dump-flows", tapBridge), "in_port=4097 ")
}

func ended(t *testing.T, k *kept) {
	t.Helper()
	select {
	case <-k.done:
	case <-time.After(patience):
		t.Fatal("Run does not return")
	}
}

// TestRetire: a host that is removed is as it was before.
func TestRetire(t *testing.T) {
	h := startHost(t)
	before := vsctl(t, h, "--columns=name,external_ids,ports,mirrors list Bridge")
	k := keep(t, h.OVSDB)
	k.ready(k.use(program()))
	k.Retire()
	ended(t, k)
	assert.Equal(t, before, vsctl(t, h, "--columns=name,external_ids,ports,mirrors list Bridge"))
	assert.Equal(t, "vnet1", vsctl(t, h, "list-ports br0"))
	assert.False(t, k.Offer(nil), "nobody takes a connection any more")
}

// TestRetireUnreachable: a host that is removed while it cannot be reached is tried again until the
// session is given up.
func TestRetireUnreachable(t *testing.T) {
	k := keep(t, "unix:/nonexistent/db.sock")
	k.await("a problem", func() bool { return k.last().Problem != "" })
	assert.False(t, k.last().Connected)
	k.Retire()
	k.mu.Lock()
	before := k.reports
	k.mu.Unlock()
	k.await("another attempt", func() bool {
		k.mu.Lock()
		defer k.mu.Unlock()
		return k.reports > before+1
	})
	select {
	case <-k.done:
		t.Fatal("it was given up")
	default:
	}
	k.stop()
	ended(t, k)
}

// TestRefused: what the switch refuses is told with its reason, tried again, and forgotten once it
// is no longer wanted.
func TestRefused(t *testing.T) {
	h := startHost(t)
	k := keep(t, h.OVSDB)
	d := k.use(program())
	k.ready(d)
	for _, tc := range []struct {
		name   string
		adjust func(*tap.Program)
		reason string
	}{
		{"transaction", func(p *tap.Program) {
			p.Ports[1].VLANMode = "sideways"
		}, "constraint violation"},
		{"flow", func(p *tap.Program) {
			p.Flows[1].Mod.Match = oxm.Match{oxm.TCPDst(80)}
		}, "BAD_PREREQ"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bad := k.use(program(tc.adjust))
			k.await("it is told", func() bool {
				r := k.last()
				return r.Program == bad && r.Owners["cap1"].State == Failed &&
					strings.Contains(r.Owners["cap1"].Reason, tc.reason)
			})

			assert.Equal(t, Ready, k.last().Owners["tunnel"].State, "others do not suffer")
			k.mu.Lock()
			reports := k.reports
			k.mu.Unlock()
			k.await("it is tried again", func() bool {
				k.mu.Lock()
				defer k.mu.Unlock()
				return k.reports > reports && k.report.Owners["cap1"].State == Failed
			})

			k.ready(k.use(program()))
		})
	}
}

// TestQuarrel: transactions of others between our snapshot and our commit make us plan again, and
// not fail.
func TestQuarrel(t *testing.T) {
	h := startHost(t)
	k := keep(t, h.OVSDB)
	stop, quarrelled := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(quarrelled)
		for {
			select {
			case <-stop:
				return
			default:
			}
			for _, line := range []string{"--if-exists del-port tlm-1",
				"--if-exists del-port vnet1", "--may-exist add-port br0 vnet1"} {
				if _, err := h.VSCtl(append([]string{"--no-wait"},
					strings.Fields(line)...)...); err != nil {
					assert.NoError(t, err)
					return
				}
			}
		}
	}()

	for i := range 10 {
		p := program()
		if i%2 == 1 {
			withoutCapture(p)
		}
		d := k.use(p)
		k.await("it is planned", func() bool { return k.last().Program == d })
		for owner, state := range k.last().Owners {
			assert.NotEqual(t, Failed, state.State, "%s: %s", owner, state.Reason)
		}
	}

	close(stop)
	<-quarrelled
	k.ready(k.use(program()))
	standing(t, k)
}

// TestUninitializedDatabase: a database that loses its one row, as before `ovs-vsctl init`, is
// told, survived, and kept again.
func TestUninitializedDatabase(t *testing.T) {
	h := startHost(t)
	k := keep(t, h.OVSDB)
	d := k.use(program())
	k.ready(d)
	out, err := exec.Command("ovsdb-client", "transact", "unix:"+h.OVSDBSocket(),
		`["Open_vSwitch",{"op":"delete","table":"Open_vSwitch","where":[]}]`).CombinedOutput()
	require.NoError(t, err, "%s", out)
	k.await("it is told", func() bool {
		r := k.last()
		return r.Snapshot.System() == nil && r.Owners["bridge"].State == Failed &&
			strings.Contains(r.Owners["bridge"].Reason, "not initialized")
	})

	vsctl(t, h, "--no-wait init -- add-br br0 -- add-port br0 vnet1")
	k.ready(d)
	standing(t, k)
}

// TestBlocked: what stands in the way and is not ours is told, and gone once it is.
func TestBlocked(t *testing.T) {
	h := startHost(t)
	vsctl(t, h, "add-port br0 tlm-1")
	k := keep(t, h.OVSDB)
	d := k.use(program())
	k.await("it is told", func() bool { return k.last().Owners["cap1"].State == Failed })
	assert.Equal(t, OwnerState{Fingerprint: d.Fingerprints["cap1"], State: Failed,
		Reason: "port tlm-1 exists and is not ours"}, k.last().Owners["cap1"])
	vsctl(t, h, "--no-wait del-port tlm-1")
	k.ready(d)
}

// TestApplyLatest: only the latest program counts.
func TestApplyLatest(t *testing.T) {
	h := startHost(t)
	k := keep(t, h.OVSDB)
	var last *reconcile.Desired
	for i := range 20 {
		last = k.use(program(func(p *tap.Program) { p.Flows[1].Mod.Priority = uint16(1 + i) }))
	}
	k.ready(last)
	assert.Contains(t, ofctl(t, h, "dump-flows", tapBridge, "table=3"), "priority=20 ")
	assert.Equal(t, 1, strings.Count(ofctl(t, h, "dump-flows", tapBridge, "table=3"), "priority="))
}

// TestTakingAwayIsNoDrift: what the program no longer has was ours, and nobody else's doing.
func TestTakingAwayIsNoDrift(t *testing.T) {
	h := startHost(t)
	k := keep(t, h.OVSDB)
	for range repair.FreeRepairs + 2 {
		k.ready(k.use(program()))
		k.ready(k.use(program(withoutCapture)))
	}
	_, drifts, _ := k.told()
	assert.Zero(t, drifts)
}

// TestCounts: what a switch merely counts is handed on instead of waking the session; here for how
// long its connections have stood.
func TestCounts(t *testing.T) {
	h := startHost(t)
	var counts atomic.Int64
	k := keep(t, h.OVSDB, func(c *Config) { c.Counted = func(*vswitch.Snapshot) { counts.Add(1) } })
	k.ready(k.use(program(withoutCapture)))
	k.await("the switch has counted twice", func() bool { return counts.Load() > 1 })
}
