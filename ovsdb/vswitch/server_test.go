package vswitch_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tapline-sdn/tapline/ovsdb"
	"github.com/tapline-sdn/tapline/ovsdb/client"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/testenv/ovs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// commit builds a transaction on the watcher's snapshot and commits it.
func commit(
	ctx context.Context, t testing.TB, conn *client.Conn, w *vswitch.Watcher,
	build func(*vswitch.Txn),
) vswitch.Result {
	t.Helper()
	txn := vswitch.NewTxn(w.Snapshot(), owner)
	build(txn)
	result, err := txn.Commit(ctx, conn)
	require.NoError(t, err)
	return result
}

// addBridge adds a bridge with ports.
func addBridge(name string, ports ...string) func(*vswitch.Txn) {
	return func(txn *vswitch.Txn) {
		br := txn.InsertBridge(vswitch.Bridge{Name: name, DatapathType: "dummy"})
		for _, p := range ports {
			txn.InsertPort(br, vswitch.Port{Name: p}, vswitch.Interface{Type: "dummy"})
		}
	}
}

// TestSnapshotFollows: after a random sequence of transactions by us and by
// ovs-vsctl, the snapshot that followed every update equals one of a watcher
// that starts from scratch.
func TestSnapshotFollows(t *testing.T) {
	s := ovs.StartServer(t)
	ctx, conn, w := watch(t, s)
	random := rand.New(rand.NewPCG(1, 2))
	seed := func() int { return random.IntN(1 << 20) }
	commit(ctx, t, conn, w, addBridge("br0", "p0", "p1"))
	commit(ctx, t, conn, w, addBridge("br1", "p2"))

	for i := range 150 {
		snap := w.Snapshot()
		b := snap.Bridges()[random.IntN(len(snap.Bridges()))]
		ports := snap.BridgePorts(b)
		p := ports[random.IntN(len(ports))]
		txn := vswitch.NewTxn(snap, owner)

		switch random.IntN(8) {
		case 0, 1:
			txn.InsertPort(b.UUID,
				vswitch.Port{Name: fmt.Sprintf("p%d", i+10), Tag: new(seed() % 4096),
					Trunks: []int{seed() % 4096, seed() % 4096}})

		case 2:
			if p.Name != b.Name {
				txn.DeletePort(p.UUID)
			}

		case 3:
			txn.MovePort(p.UUID, snap.Bridges()[random.IntN(len(snap.Bridges()))].UUID)
		case 4:
			changed := *p
			changed.Tag, changed.Trunks = nil, []int{seed() % 4096}
			changed.ExternalIDs = vswitch.PairsOf(map[string]string{"owner": "test",
				fmt.Sprint(seed() % 3): fmt.Sprint(seed() % 3)})
			txn.UpdatePort(changed)

		case 5:
			txn.InsertMirror(b.UUID,
				vswitch.Mirror{Name: "m", SelectSrcPort: []vswitch.UUID{p.UUID},
					OutputPort: &p.UUID})

		case 6:
			for _, m := range snap.BridgeMirrors(b) {
				txn.DeleteMirror(m.UUID)
			}

		case 7:
			s.Vsctl("--no-wait", "set", "Bridge", b.Name,
				fmt.Sprintf("flood_vlans=%d,%d", seed()%4096,
					seed()%4096), fmt.Sprintf("other_config:k=%d", seed()))
		}

		_, err := txn.Commit(ctx, conn)
		require.NoError(t, err)

		if i%25 == 0 {
			_, _, fresh := watch(t, s)
			require.NoError(t, conn.Echo(ctx)) // what ovs-vsctl changed has come
			sameSnapshots(t, fresh.Snapshot(), w.Snapshot())
		}
	}

	_, _, fresh := watch(t, s)
	sameSnapshots(t, fresh.Snapshot(), w.Snapshot())
}

// TestAssertLock: a transaction that asserts a lock fails with ErrLockLost and changes nothing
// while another connection holds the lock, and takes effect once this one does.
func TestAssertLock(t *testing.T) {
	s := ovs.StartServer(t)
	ctx, conn, w := watch(t, s)
	other, err := client.Dial(ctx, s.Remote, client.Options{})
	require.NoError(t, err)
	defer other.Close()
	held, err := other.Lock(ctx, "tapline_test")
	require.NoError(t, err)
	require.True(t, held.Held())
	mine, err := conn.Lock(ctx, "tapline_test")
	require.NoError(t, err)

	locked := func() error {
		txn := vswitch.NewTxn(w.Snapshot(), owner)
		addBridge("br0", "p0")(txn)
		txn.IncrementNextCfg()
		txn.AssertLock("tapline_test")
		_, err := txn.Commit(ctx, conn)
		return err
	}

	before := w.Snapshot()
	err = locked()
	require.ErrorIs(t, err, vswitch.ErrLockLost)
	require.NotErrorIs(t, err, vswitch.ErrConflict)
	require.NoError(t, conn.Echo(ctx))
	require.Empty(t, w.Snapshot().Since(before), "nothing changed")

	require.NoError(t, held.Unlock(ctx))

	for !mine.Held() {
		select {
		case <-mine.Changed():
		case <-ctx.Done():
			t.Fatal("the lock does not pass on in time")
		}
	}

	require.NoError(t, locked())
	_, ok := w.Snapshot().PortOnBridge("br0", "p0")
	require.True(t, ok)

	// A conflict is still told apart.
	txn := vswitch.NewTxn(w.Snapshot(), owner)
	br, _ := w.Snapshot().Bridge("br0")
	txn.InsertPort(br.UUID, vswitch.Port{Name: "p1"})
	txn.AssertLock("tapline_test")
	s.Vsctl("--no-wait", "del-br", "br0")
	_, err = txn.Commit(ctx, conn)
	require.ErrorIs(t, err, vswitch.ErrConflict)
}

// TestConflicts: a switch that is not what the snapshot showed makes the commit
// fail with ErrConflict, and nothing of it takes effect.
func TestConflicts(t *testing.T) {
	for _, tc := range []struct {
		name   string
		behind []string // what ovs-vsctl does behind our back
		build  func(*vswitch.Txn, *vswitch.Snapshot)
	}{
		{"bridge was deleted", []string{"del-br", "br0"},
			func(txn *vswitch.Txn, s *vswitch.Snapshot) {
				b, _ := s.Bridge("br0")
				txn.InsertPort(b.UUID, vswitch.Port{Name: "x"})
			}},
		{"bridge was replaced", []string{"del-br", "br0", "--", "add-br", "br0"},
			func(txn *vswitch.Txn, s *vswitch.Snapshot) {
				b, _ := s.Bridge("br0")
				txn.InsertMirror(b.UUID, vswitch.Mirror{Name: "x", SelectAll: true})
			}},
		{"mirrored port was deleted", []string{"del-port", "p0"},
			func(txn *vswitch.Txn, s *vswitch.Snapshot) {
				b, _ := s.Bridge("br0")
				p, _ := s.PortByName("p0")
				txn.InsertMirror(b.UUID,
					vswitch.Mirror{Name: "x", SelectSrcPort: []vswitch.UUID{p.UUID}})
			}},
		{"port changed hands", []string{"set", "Port", "p0", "external_ids:owner=another"},
			func(txn *vswitch.Txn, s *vswitch.Snapshot) {
				p, _ := s.PortByName("p0")
				txn.DeletePort(p.UUID)
			}},
		{"port moved on",
			[]string{"--", "--id=@p", "get", "Port", "p0", "--", "remove", "Bridge", "br0", "ports",
				"@p", "--", "add", "Bridge", "br1", "ports", "@p"},
			func(txn *vswitch.Txn, s *vswitch.Snapshot) {
				p, _ := s.PortByName("p0")
				b, _ := s.Bridge("br2")
				txn.MovePort(p.UUID, b.UUID)
			}},
		{"name is taken", []string{"add-port", "br1", "x"},
			func(txn *vswitch.Txn, s *vswitch.Snapshot) {
				b, _ := s.Bridge("br0")
				txn.InsertPort(b.UUID, vswitch.Port{Name: "x"})
			}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := ovs.StartServer(t)
			ctx, conn, w := watch(t, s)
			commit(ctx, t, conn, w, addBridge("br0", "p0"))
			commit(ctx, t, conn, w, addBridge("br1"))
			commit(ctx, t, conn, w, addBridge("br2"))
			old := w.Snapshot()
			s.Vsctl(append([]string{"--no-wait"}, tc.behind...)...)
			txn := vswitch.NewTxn(old, owner)
			tc.build(txn, old)
			txn.IncrementNextCfg()
			_, err := txn.Commit(ctx, conn)
			require.ErrorIs(t, err, vswitch.ErrConflict)

			// What was in the way can be seen at once, and that nothing was done.
			require.True(t, len(w.Snapshot().Since(old)) > 0, "the new snapshot shows why")
			require.Equal(t, old.System().NextCfg, w.Snapshot().System().NextCfg, "next_cfg")
		})
	}
}

// TestSharedMaps: keys that another writes at the same time stay.
func TestSharedMaps(t *testing.T) {
	s := ovs.StartServer(t)
	ctx, conn, w := watch(t, s)
	commit(ctx, t, conn, w, addBridge("br0"))
	old := w.Snapshot()
	s.Vsctl("--no-wait", "set", "Bridge", "br0", "external_ids:theirs=1",
		"external_ids:both=theirs", "--", "add-port", "br0", "theirs")
	b, _ := old.Bridge("br0")
	want := *b
	want.ExternalIDs = vswitch.PairsOf(map[string]string{"owner": "test", "ours": "1",
		"both": "ours"})
	txn := vswitch.NewTxn(old, owner)
	txn.UpdateBridge(want)
	txn.InsertPort(b.UUID, vswitch.Port{Name: "ours"})
	_, err := txn.Commit(ctx, conn)
	require.NoError(t, err)
	b, _ = w.Snapshot().Bridge("br0")
	require.Equal(t,
		vswitch.PairsOf(map[string]string{"owner": "test", "ours": "1", "theirs": "1",
			"both": "ours"}), b.ExternalIDs, "external_ids")
	require.Equal(t, "ours\ntheirs", s.Vsctl("list-ports", "br0"), "ports")
}

// TestReplaceInOneTransaction: a port is replaced by one of its name at once,
// and a mirror goes with its port.
func TestReplaceInOneTransaction(t *testing.T) {
	s := ovs.StartServer(t)
	s.StartSwitch()
	ctx, conn, w := watch(t, s)
	commit(ctx, t, conn, w, addBridge("br0", "p0", "p1"))
	var m vswitch.UUID
	result := commit(ctx, t, conn, w, func(txn *vswitch.Txn) {
		b, _ := w.Snapshot().Bridge("br0")
		old, _ := w.Snapshot().PortByName("p0")
		src, _ := w.Snapshot().PortByName("p1")
		txn.DeletePort(old.UUID)
		p := txn.InsertPort(b.UUID,
			vswitch.Port{Name: "p0", VLANMode: "trunk",
				Trunks: []int{4095}}, vswitch.Interface{Type: "dummy", OFPortRequest: 77})
		m = txn.InsertMirror(b.UUID,
			vswitch.Mirror{Name: "m", SelectSrcPort: []vswitch.UUID{src.UUID}, OutputPort: &p})
		txn.IncrementNextCfg()
	})
	snap := applied(ctx, t, w, result.NextCfg)
	p, _ := snap.PortOnBridge("br0", "p0")
	require.EqualValues(t, 77, snap.PortInterfaces(p)[0].OFPort, "port number")
	require.Equal(t, "up", snap.PortInterfaces(p)[0].AdminState, "admin state")
	mirror, _ := snap.Mirror(result.UUID(m))
	require.Equal(t, p.UUID, *mirror.OutputPort, "output")

	// The row of the moved port is the one that was.
	commit(ctx, t, conn, w, addBridge("br1"))
	result = commit(ctx, t, conn, w, func(txn *vswitch.Txn) {
		b, _ := w.Snapshot().Bridge("br1")
		txn.MovePort(p.UUID, b.UUID)
		txn.DeleteMirror(mirror.UUID)
		txn.IncrementNextCfg()
	})
	snap = applied(ctx, t, w, result.NextCfg)
	moved, ok := snap.PortOnBridge("br1", "p0")
	require.True(t, ok && moved.UUID == p.UUID, "the port has moved")
	require.True(t, snap.PortInterfaces(moved)[0].OFPort > 0, "it has a number again")
	_, ok = snap.Mirror(mirror.UUID)
	require.False(t, ok, "the mirror is gone")
	require.Equal(t, "p0", s.Vsctl("list-ports", "br1"), "ovs-vsctl sees it")

	result = commit(ctx, t, conn, w, func(txn *vswitch.Txn) {
		for _, b := range w.Snapshot().Bridges() {
			txn.DeleteBridge(b.UUID)
		}
		txn.IncrementNextCfg()
	})
	snap = applied(ctx, t, w, result.NextCfg)
	for range snap.Ports() {
		t.Fatal("a port outlives its bridge")
	}

	require.Equal(t, "", s.Vsctl("list-br"), "bridges")
}

// TestControllers: controllers come, change and go.
func TestControllers(t *testing.T) {
	s := ovs.StartServer(t)
	ctx, conn, w := watch(t, s)
	commit(ctx, t, conn, w, addBridge("br0"))
	commit(ctx, t, conn, w, func(txn *vswitch.Txn) {
		b, _ := w.Snapshot().Bridge("br0")
		txn.InsertController(b.UUID,
			vswitch.Controller{Target: "tcp:127.0.0.1:6653", InactivityProbe: new(0),
				MaxBackoff: 1000, ConnectionMode: "out-of-band"})
	})

	require.Equal(t, "tcp:127.0.0.1:6653", s.Vsctl("get-controller", "br0"), "controller")
	get := func() *vswitch.Controller {
		b, _ := w.Snapshot().Bridge("br0")
		return w.Snapshot().Controllers(b)[0]
	}
	commit(ctx, t, conn, w, func(txn *vswitch.Txn) {
		c := *get()
		c.Target, c.InactivityProbe = "tcp:127.0.0.1:6654", nil
		txn.UpdateController(c)
	})

	c := get()
	require.Equal(t, "tcp:127.0.0.1:6654", s.Vsctl("get-controller", "br0"), "controller")
	require.True(t, c.InactivityProbe == nil && c.MaxBackoff == 1000,
		"the probe is the default again")
	commit(ctx, t, conn, w, func(txn *vswitch.Txn) { txn.DeleteController(c.UUID) })
	require.Equal(t, "", s.Vsctl("get-controller", "br0"), "controllers")
}

// TestWatcher: Next tells every state once, the latest only, and at the end the
// connection's error; a restarted server with the same contents shows no
// differences.
func TestWatcher(t *testing.T) {
	s := ovs.StartServer(t)
	ctx, conn, w := watch(t, s)
	first, err := w.Next(ctx)
	require.NoError(t, err)
	require.Len(t, first.Bridges(), 0, "bridges")

	for i := range 5 {
		commit(ctx, t, conn, w, addBridge(fmt.Sprint("br", i)))
	}

	latest, err := w.Next(ctx)
	require.NoError(t, err)
	require.Len(t, latest.Bridges(), 5, "bridges")
	changes := latest.Since(first)
	require.True(t, changes.Has(vswitch.TableBridge) && changes.Has(vswitch.TableOpenVSwitch) &&
		!changes.Has(vswitch.TableMirror), "all of it is told")
	require.Len(t, changes, 5*3+1, "rows changed")

	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	_, err = w.Next(short)
	require.ErrorIs(t, err, context.DeadlineExceeded)

	next := make(chan error)
	go func() {
		snap, err := w.Next(ctx)
		if err == nil && len(snap.Bridges()) != 6 {
			err = fmt.Errorf("%d bridges", len(snap.Bridges()))
		}
		next <- err
	}()

	s.Vsctl("--no-wait", "add-br", "br5")
	require.NoError(t, <-next)

	go func() {
		_, err := w.Next(ctx)
		next <- err
	}()

	s.Stop()
	err = <-next
	require.True(t, err != nil && strings.Contains(err.Error(), "watch: "),
		fmt.Sprintf("the end is told: %v", err))
	_, err = vswitch.NewTxn(w.Snapshot(), owner).Commit(ctx, conn)
	require.True(t, err != nil && !errors.Is(err, vswitch.ErrOutcomeUnknown),
		"what was not sent has a known outcome")
	last := w.Snapshot()
	require.Len(t, last.Bridges(), 6, "the last state stays")

	s.Start()
	_, _, again := watch(t, s)
	require.Len(t, again.Snapshot().Since(last), 0, "differences after the restart")
}

// TestWatcherClose: a closed watcher says so, and its connection lives.
func TestWatcherClose(t *testing.T) {
	s := ovs.StartServer(t)
	ctx, conn, w := watch(t, s)
	_, err := w.Next(ctx)
	require.NoError(t, err)
	require.NoError(t, w.Close(ctx))
	_, err = w.Next(ctx)
	require.ErrorIs(t, err, client.ErrClosed)
	require.NoError(t, conn.Echo(ctx))
}

// TestEveryColumn: every column that the row types have is one that Open
// vSwitch has, but for those of later versions; and what is inserted is what is
// read, and ovs-vsctl reads the same.
func TestEveryColumn(t *testing.T) {
	s := ovs.StartServer(t)
	ctx, conn, w := watch(t, s)
	schema, err := conn.GetSchema(ctx, vswitch.Database)
	require.NoError(t, err)
	later := map[string]bool{"filter": true} // 3.4
	for table, request := range vswitch.Request() {
		for _, column := range request.Columns {
			if schema.Tables[table].Column(column) == nil && !later[column] {
				t.Errorf("%s.%s is not a column", table, column)
			}
		}
	}

	port := vswitch.Port{
		Name: "p0", Tag: new(4095), Trunks: []int{0, 7}, CVLANs: []int{9}, VLANMode: "dot1q-tunnel",
		MAC: "02:00:00:00:00:01", BondMode: "balance-slb",
		LACP: "passive", BondFakeIface: true, FakeBridge: true, Protected: true,
		ExternalIDs: vswitch.PairsOf(map[string]string{"owner": "test", "": "empty key"}),
		OtherConfig: vswitch.PairsOf(map[string]string{"é": "\"\\\n"}),
	}

	iface := vswitch.Interface{
		Name: "i0", Type: "gre", Options: vswitch.PairsOf(map[string]string{"remote_ip": "flow",
			"key": "flow"}), OFPortRequest: 65279, MAC: "02:00:00:00:00:02", MTURequest: 9000,
		ExternalIDs: vswitch.PairsOf(map[string]string{"owner": "test"}),
		OtherConfig: vswitch.PairsOf(map[string]string{"a": "b"}),
	}

	bridge := vswitch.Bridge{
		Name: "b0", DatapathType: "netdev", FailMode: "standalone",
		Protocols: []string{"OpenFlow10", "OpenFlow15"}, FloodVLANs: []int{1, 4095},
		ExternalIDs: vswitch.PairsOf(map[string]string{"owner": "test"}),
		OtherConfig: vswitch.PairsOf(map[string]string{"a": "b"}), STPEnable: true,
		RSTPEnable: true, McastSnoopingEnable: true,
	}

	mirror := vswitch.Mirror{Name: "m0", SelectAll: true, SelectVLAN: []int{5, 6},
		OutputVLAN: new(9), Snaplen: 14,
		ExternalIDs: vswitch.PairsOf(map[string]string{"owner": "test"})}
	controller := vswitch.Controller{
		Target: "ssl:192.0.2.1", Type: "service", ConnectionMode: "in-band",
		InactivityProbe: new(-5), MaxBackoff: 1000, RateLimit: 100, BurstLimit: 25,
		ExternalIDs: vswitch.PairsOf(map[string]string{"owner": "test"}),
		OtherConfig: vswitch.PairsOf(map[string]string{"a": "b"}),
	}

	var b, p, m vswitch.UUID
	result := commit(ctx, t, conn, w, func(txn *vswitch.Txn) {
		b = txn.InsertBridge(bridge)
		p = txn.InsertPort(b, port, iface, vswitch.Interface{Name: "i1"})
		m = txn.InsertMirror(b, mirror)
		txn.InsertController(b, controller)
	})

	snap := w.Snapshot()
	gotBridge, _ := snap.BridgeByUUID(result.UUID(b))
	gotPort, _ := snap.Port(result.UUID(p))
	gotMirror, _ := snap.Mirror(result.UUID(m))
	gotInterface := snap.PortInterfaces(gotPort)[0]
	gotController := snap.Controllers(gotBridge)[0]
	require.Equal(t, gotInterface.UUID,
		result.Inserted[vswitch.RowName{Table: vswitch.TableInterface, Name: "i0"}], "Inserted")
	bridge.UUID, bridge.Ports, bridge.Mirrors, bridge.Controllers = gotBridge.UUID, gotBridge.Ports,
		gotBridge.Mirrors, gotBridge.Controllers
	port.UUID, port.Interfaces = gotPort.UUID, gotPort.Interfaces
	mirror.UUID, iface.UUID, controller.UUID = gotMirror.UUID, gotInterface.UUID, gotController.UUID
	require.Equal(t, &bridge, gotBridge, "bridge")
	require.Equal(t, &port, gotPort, "port")
	require.Equal(t, &mirror, gotMirror, "mirror")
	require.Equal(t, &iface, gotInterface, "interface")
	require.Equal(t, &controller, gotController, "controller")
	require.Equal(t, "dot1q-tunnel", s.Vsctl("get", "Port", "p0", "vlan_mode"), "ovs-vsctl")

	_, err = conn.Transact(ctx, vswitch.Database, ovsdb.Comment{Text: "still well"})
	require.NoError(t, err)
}

// TestLargeSwitch: thousands of ports come in one transaction, and a watcher
// that starts afterwards sees what the first one followed.
func TestLargeSwitch(t *testing.T) {
	const n = 3000
	s := ovs.StartServer(t)
	ctx, conn, w := watch(t, s)
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("p%04d", i)
	}

	result := commit(ctx, t, conn, w, addBridge("br0", names...))
	require.Len(t, result.Inserted, 2*n+3, "rows inserted")
	b, _ := w.Snapshot().Bridge("br0")
	ports := w.Snapshot().BridgePorts(b)
	require.Len(t, ports, n+1, "ports")
	require.Equal(t, names[n-1], ports[n].Name, "the last")
	_, _, fresh := watch(t, s)
	sameSnapshots(t, fresh.Snapshot(), w.Snapshot())
	commit(ctx, t, conn, w, func(txn *vswitch.Txn) {
		for _, p := range ports[1:] {
			txn.DeletePort(p.UUID)
		}
	})

	b, _ = w.Snapshot().Bridge("br0")
	require.Len(t, b.Ports, 1, "ports that remain")
}
