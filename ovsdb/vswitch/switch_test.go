package vswitch_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/ovsdb/client"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/testenv/ovs"
)

var owner = vswitch.Owner{Key: "owner", Value: "test"}

// watch dials the server and watches its database.
func watch(t testing.TB, s *ovs.Server) (context.Context, *client.Conn, *vswitch.Watcher) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	conn, err := client.Dial(ctx, s.Remote, client.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	w, err := vswitch.Watch(ctx, conn)
	require.NoError(t, err)
	return ctx, conn, w
}

// applied waits until the switch has applied a transaction.
func applied(
	ctx context.Context, t testing.TB, w *vswitch.Watcher, nextCfg int64,
) *vswitch.Snapshot {
	t.Helper()

	for {
		snap := w.Snapshot()
		if snap.System().CurCfg >= nextCfg {
			return snap
		}

		_, err := w.Next(ctx)
		require.NoError(t, err)
	}
}

func TestTxnOnSwitch(t *testing.T) {
	s := ovs.StartServer(t)
	s.StartSwitch()
	ctx, conn, w := watch(t, s)

	txn := vswitch.NewTxn(w.Snapshot(), owner)
	br := txn.InsertBridge(vswitch.Bridge{
		Name: "br0", DatapathType: "dummy", FailMode: "secure", Protocols: []string{"OpenFlow13"},
		OtherConfig: vswitch.PairsOf(map[string]string{"disable-in-band": "true"}),
	})
	p1 := txn.InsertPort(br, vswitch.Port{Name: "p1", Tag: new(100)},
		vswitch.Interface{Type: "dummy", OFPortRequest: 11})
	p2 := txn.InsertPort(br, vswitch.Port{Name: "p2", VLANMode: "trunk", Trunks: []int{4095}},
		vswitch.Interface{Type: "dummy", OFPortRequest: 12})
	m := txn.InsertMirror(br,
		vswitch.Mirror{Name: "m1", SelectSrcPort: []vswitch.UUID{p1},
			SelectDstPort: []vswitch.UUID{p1}, OutputPort: &p2})
	txn.InsertController(br,
		vswitch.Controller{Target: "tcp:127.0.0.1:6653", ConnectionMode: "out-of-band",
			InactivityProbe: new(5000), MaxBackoff: 1000})
	txn.IncrementNextCfg()
	result, err := txn.Commit(ctx, conn)
	require.NoError(t, err)
	require.EqualValues(t, 1, result.NextCfg, "next_cfg")

	snap := w.Snapshot() // has the effects of the transaction, without waiting
	b, ok := snap.Bridge("br0")
	require.True(t, ok, "it is there")
	require.Equal(t, result.UUID(br), b.UUID, "contents")
	require.Equal(t, b.UUID,
		result.Inserted[vswitch.RowName{Table: vswitch.TableBridge, Name: "br0"}], "contents")
	require.Equal(t, []string{"OpenFlow13"}, b.Protocols, "contents")
	require.Equal(t, vswitch.PairsOf(map[string]string{"owner": "test"}), b.ExternalIDs, "contents")

	snap = applied(ctx, t, w, result.NextCfg)
	port, ok := snap.PortOnBridge("br0", "p1")
	require.True(t, ok, "it is there")
	require.EqualValues(t, 100, *port.Tag, "contents")
	require.EqualValues(t, 11, snap.PortInterfaces(port)[0].OFPort, "contents")
	mirror, ok := snap.Mirror(result.UUID(m))
	require.True(t, ok, "it is there")
	require.Equal(t, []vswitch.UUID{port.UUID}, mirror.SelectSrcPort, "contents")
	require.Equal(t, result.UUID(p2), *mirror.OutputPort, "contents")
	require.Equal(t, "p1\np2", s.Vsctl("list-ports", "br0"), "ports of the bridge")
	require.Equal(t, "p1",
		s.Vsctl("--", "--id=@p", "get", "Port", "p1", "--", "get", "Port", "p1",
			"name"), "contents")
}
