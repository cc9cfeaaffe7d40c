package reconcile_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/ovsdb"
	"github.com/tapline-sdn/tapline/ovsdb/client"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/testenv/ovs"
)

var update = flag.Bool("update", false, "write testdata/*.golden")

// database is a real ovsdb-server without a switch: what is written stays as it was written.
type database struct {
	t       *testing.T
	ctx     context.Context
	server  *ovs.Server
	conn    *client.Conn
	watcher *vswitch.Watcher
}

// newDatabase starts a server, which ends with the test.
func newDatabase(t *testing.T) *database {
	t.Helper()
	server := ovs.StartServer(t)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	t.Cleanup(cancel)
	conn, err := client.Dial(ctx, server.Remote, client.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	watcher, err := vswitch.Watch(ctx, conn)
	require.NoError(t, err)
	return &database{t: t, ctx: ctx, server: server, conn: conn, watcher: watcher}
}

// vsctl runs ovs-vsctl, given in one line.
func (db *database) vsctl(line string) {
	db.t.Helper()
	db.server.Vsctl(append([]string{"--no-wait"}, strings.Fields(line)...)...)
	require.NoError(db.t, db.conn.Echo(db.ctx)) // What it changed has come.
}

func (db *database) snapshot() *vswitch.Snapshot { return db.watcher.Snapshot() }

// commit commits a transaction, if it is not empty.
func (db *database) commit(txn *vswitch.Txn) {
	db.t.Helper()
	if !txn.Empty() {
		_, err := txn.Commit(db.ctx, db.conn)
		require.NoError(db.t, err)
	}
}

// settle applies a program with the gate open, and makes sure that nothing is left to do then.
func (db *database) settle(d *reconcile.Desired) {
	db.t.Helper()
	db.commit(reconcile.Diff(db.snapshot(), d, self, reconcile.Open, reconcile.Open).Txn)
	db.idle(d)
}

func (db *database) idle(d *reconcile.Desired) {
	db.t.Helper()
	rest := reconcile.Diff(db.snapshot(), d, self, reconcile.Open, reconcile.Open)
	assert.Empty(db.t, rest.Outstanding)
	assert.Empty(db.t, rest.Blocked)
	assert.Empty(db.t, rest.Changes)
	assert.Empty(db.t, render(db.t, db.snapshot(), rest.Txn), "applying twice is not applying once")
}

// twoBridges makes a host with bridges br0 (uplink eth0, guests' vnet1 and vnet2) and br1 (vnet3).
func (db *database) twoBridges() {
	db.t.Helper()
	db.vsctl("add-br br0 -- add-port br0 eth0 -- add-port br0 vnet1 -- add-port br0 vnet2 -- " +
		"add-br br1 -- add-port br1 vnet3")
}

var uuidText = regexp.MustCompile(`\["(?:named-)?uuid","([^"]*)"\]`)

// render writes operations one a line, with names for the rows of the snapshot.
func render(t testing.TB, snap *vswitch.Snapshot, txn *vswitch.Txn) string {
	t.Helper()
	if txn.Empty() {
		return ""
	}

	ops, err := txn.Ops()
	require.NoError(t, err)
	names := rowNames(snap)
	var out strings.Builder
	for _, op := range ops {
		text, err := ovsdb.AppendOperation(nil, op)
		require.NoError(t, err)
		text = bytes.ReplaceAll(text, []byte(`,"timeout":0`), nil)
		out.WriteString(uuidText.ReplaceAllStringFunc(string(text), func(s string) string {
			id := uuidText.FindStringSubmatch(s)[1]
			if u, err := ovsdb.ParseUUID(id); err == nil {
				id = names[u]
			}
			return "<" + id + ">"
		}))

		out.WriteByte('\n')
	}

	return out.String()
}

func rowNames(snap *vswitch.Snapshot) map[vswitch.UUID]string {
	names := map[vswitch.UUID]string{}
	if s := snap.System(); s != nil {
		names[s.UUID] = "system"
	}

	for _, b := range snap.Bridges() {
		names[b.UUID] = b.Name
		for _, m := range snap.BridgeMirrors(b) {
			names[m.UUID] = "mirror " + m.Name
		}
		for _, c := range snap.Controllers(b) {
			names[c.UUID] = "controller " + c.Target
		}
	}

	for p := range snap.Ports() {
		names[p.UUID] = "port " + p.Name
		for _, i := range snap.PortInterfaces(p) {
			names[i.UUID] = "interface " + i.Name
		}
	}

	return names
}

// writes says in short what a transaction writes: the operation, the row, the columns.
func writes(t testing.TB, snap *vswitch.Snapshot, txn *vswitch.Txn) []string {
	t.Helper()
	if txn.Empty() {
		return nil
	}

	ops, err := txn.Ops()
	require.NoError(t, err)
	names := rowNames(snap)
	row := func(where []ovsdb.Condition) string { return names[where[0].Value.(ovsdb.UUID)] }
	var out []string
	for _, op := range ops {
		switch op := op.(type) {
		case ovsdb.Insert:
			text := "insert " + op.Table
			if name, ok := op.Row["name"].(ovsdb.String); ok {
				text += " " + string(name)
			}
			out = append(out, text)
		case ovsdb.Update:
			var columns []string
			for c := range op.Row {
				columns = append(columns, c)
			}
			slices.Sort(columns)
			out = append(out, fmt.Sprintf("update %s: %s", row(op.Where),
				strings.Join(columns, " ")))
		case ovsdb.Mutate:
			var columns []string
			for _, m := range op.Mutations {
				columns = append(columns, m.Column)
			}
			out = append(out, fmt.Sprintf("mutate %s: %s", row(op.Where),
				strings.Join(slices.Compact(columns), " ")))
		case ovsdb.Wait, ovsdb.Select:
		default:
			t.Fatalf("operation %T", op)
		}
	}

	return out
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), got, "run with -update if this is as it should be")
}
