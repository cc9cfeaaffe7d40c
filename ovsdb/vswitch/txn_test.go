package vswitch_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/ovsdb"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
)

// text writes the operations of a transaction down, one a line.
func text(t testing.TB, txn *vswitch.Txn) string {
	t.Helper()
	ops, err := txn.Ops()
	require.NoError(t, err)
	var lines []string
	for _, op := range ops {
		line, err := ovsdb.AppendOperation(nil, op)
		require.NoError(t, err)
		lines = append(lines, string(line))
	}

	return strings.Join(lines, "\n")
}

func TestTxnOps(t *testing.T) {
	_, snap := twoBridges(t)
	u := func(n int) string { return `["uuid","` + id(n).String() + `"]` }
	byID := func(n int) string { return `"where":[["_uuid","==",` + u(n) + `]` }
	guard := func(table string, n int, more, name string) string {
		return `{"op":"wait","table":"` + table + `",` + byID(n) + more +
			`],"columns":["name"],"until":"==","rows":[{"name":"` + name + `"}],"timeout":0}`
	}

	const owned = `,["external_ids","includes",["map",[["owner","test"]]]]`
	guardSystem := `{"op":"wait","table":"Open_vSwitch",` + byID(100) +
		`],"columns":["_uuid"],"until":"==","rows":[{"_uuid":` + u(100) + `}],"timeout":0}`
	const mark = `"external_ids":["map",[["owner","test"]]]`
	port := func() vswitch.Port { p, _ := snap.Port(id(11)); return *p }
	mirror := func() vswitch.Mirror { m, _ := snap.Mirror(id(51)); return *m }

	for _, tc := range []struct {
		name  string
		build func(*vswitch.Txn)
		want  []string
	}{
		{"nothing", func(*vswitch.Txn) {}, nil},
		{"bridge", func(txn *vswitch.Txn) {
			txn.InsertBridge(vswitch.Bridge{Name: "new", DatapathType: "netdev",
				ExternalIDs: vswitch.PairsOf(map[string]string{"k": "v"}), DatapathID: "is status",
				Ports: []vswitch.UUID{id(11)}})
		}, []string{
			guardSystem,
			`{"op":"insert","table":"Bridge","row":{"datapath_type":"netdev",` +
				`"external_ids":["map",[["k","v"],["owner","test"]]],"name":"new","ports":["set",` +
				`[["named-uuid","row2"]]]},"uuid-name":"row1"}`,
			`{"op":"insert","table":"Port","row":{` + mark +
				`,"interfaces":["set",[["named-uuid","row3"]]],"name":"new"},"uuid-name":"row2"}`,
			`{"op":"insert","table":"Interface","row":{` + mark +
				`,"name":"new","type":"internal"},"uuid-name":"row3"}`,
			`{"op":"mutate","table":"Open_vSwitch",` + byID(100) +
				`],"mutations":[["bridges","insert",["set",[["named-uuid","row1"]]]]]}`,
		}},
		{"port and mirror", func(txn *vswitch.Txn) {
			p := txn.InsertPort(id(1), vswitch.Port{Name: "out", Trunks: []int{4095}},
				vswitch.Interface{Type: "patch",
					Options: vswitch.PairsOf(map[string]string{"peer": "in"}), OFPortRequest: 9})
			txn.InsertMirror(id(1),
				vswitch.Mirror{Name: "m2", SelectDstPort: []vswitch.UUID{id(12), p},
					OutputPort: &p})
			txn.IncrementNextCfg()
			txn.Comment("why")
		}, []string{
			guard("Bridge", 1, "", "br1"), guard("Port", 12, "", "a"), guardSystem,
			`{"op":"insert","table":"Port","row":{` + mark +
				`,"interfaces":["set",[["named-uuid","row2"]]],"name":"out","trunks":["set",` +
				`[4095]]},"uuid-name":"row1"}`,
			`{"op":"insert","table":"Interface","row":{` + mark +
				`,"name":"out","ofport_request":["set",[9]],"options":["map",[["peer","in"]]],` +
				`"type":"patch"},"uuid-name":"row2"}`,
			`{"op":"insert","table":"Mirror","row":{` + mark +
				`,"name":"m2","output_port":["set",[["named-uuid","row1"]]],` +
				`"select_dst_port":["set",[` + u(12) +
				`,["named-uuid","row1"]]]},"uuid-name":"row3"}`,
			`{"op":"mutate","table":"Bridge",` + byID(1) +
				`],"mutations":[["ports","insert",["set",[["named-uuid","row1"]]]]]}`,
			`{"op":"mutate","table":"Bridge",` + byID(1) +
				`],"mutations":[["mirrors","insert",["set",[["named-uuid","row3"]]]]]}`,
			`{"op":"mutate","table":"Open_vSwitch",` + byID(100) +
				`],"mutations":[["next_cfg","+=",1]]}`,
			`{"op":"select","table":"Open_vSwitch",` + byID(100) + `],"columns":["next_cfg"]}`,
			`{"op":"comment","comment":"why"}`,
		}},
		{"update of what is the same", func(txn *vswitch.Txn) { txn.UpdatePort(port()) },
			[]string{guard("Port", 11, owned, "b")}},
		{"update of columns and keys", func(txn *vswitch.Txn) {
			p := port()
			p.Tag, p.VLANMode, p.Interfaces = nil, "trunk", nil
			p.ExternalIDs = vswitch.PairsOf(map[string]string{"owner": "test", "k": "v"})
			txn.UpdatePort(p)
		}, []string{
			guard("Port", 11, owned, "b"),
			`{"op":"update","table":"Port",` + byID(11) +
				`],"row":{"tag":["set",[]],"vlan_mode":["set",["trunk"]]}}`,
			`{"op":"mutate","table":"Port",` + byID(11) +
				`],"mutations":[["external_ids","delete",["set",["k"]]],["external_ids","insert",` +
				`["map",[["k","v"]]]]]}`,
		}},
		{"the last update counts", func(txn *vswitch.Txn) {
			m := mirror()
			m.Snaplen = 100
			txn.UpdateMirror(m)
			// Statistics are the switch's to write.
			m.Snaplen, m.OutputPort, m.Statistics = 64, new(id(21)), nil
			txn.UpdateMirror(m)
		}, []string{
			guard("Mirror", 51, owned, "m"), guard("Port", 12, "", "a"), guard("Port", 21, "", "c"),
			`{"op":"update","table":"Mirror",` + byID(51) + `],"row":{"output_port":["set",[` +
				u(21) + `]]}}`,
		}},
		{"ports of a mirror come and go one by one", func(txn *vswitch.Txn) {
			m := mirror()
			m.SelectSrcPort, m.SelectDstPort = []vswitch.UUID{id(11), id(21)}, nil
			txn.UpdateMirror(m)
			m.SelectSrcPort, m.SelectDstPort = nil, []vswitch.UUID{id(21)}
			txn.UpdateMirror(m)
		}, []string{
			guard("Mirror", 51, owned, "m"), guard("Port", 21, "", "c"), guard("Port", 12, "", "a"),
			`{"op":"mutate","table":"Mirror",` + byID(51) +
				`],"mutations":[["select_src_port","delete",["set",[` + u(11) +
				`]]],["select_dst_port","insert",["set",[` + u(21) + `]]]]}`,
		}},
		{"system", func(txn *vswitch.Txn) {
			s := *snap.System()
			s.ExternalIDs = vswitch.PairsOf(map[string]string{"b": "2"})
			txn.UpdateSystem(s)
		}, []string{
			guardSystem,
			`{"op":"mutate","table":"Open_vSwitch",` + byID(100) +
				`],"mutations":[["external_ids","delete",["set",["a","b"]]],["external_ids",` +
				`"insert",["map",[["b","2"]]]]]}`,
		}},
		{"deletes", func(txn *vswitch.Txn) {
			txn.DeletePort(id(11))
			txn.DeletePort(id(11))
			txn.DeleteMirror(id(51))
			txn.DeleteMirror(id(51))
			txn.DeletePort(id(99)) // is not there
		}, []string{
			guard("Port", 11, owned, "b"),
			guard("Bridge", 1, `,["mirrors","includes",["set",[`+u(51)+
				`]]],["ports","includes",["set",[`+u(11)+`]]]`, "br1"),
			guard("Mirror", 51, owned, "m"),
			`{"op":"mutate","table":"Bridge",` + byID(1) +
				`],"mutations":[["ports","delete",["set",[` + u(11) + `]]]]}`,
			`{"op":"mutate","table":"Bridge",` + byID(1) +
				`],"mutations":[["mirrors","delete",["set",[` + u(51) + `]]]]}`,
		}},
		{"move of anybody's port",
			func(txn *vswitch.Txn) { txn.MovePort(id(12), id(2)); txn.MovePort(id(21), id(2)) },
			[]string{
				guard("Bridge", 2, "", "br2"), guard("Port", 12, "", "a"), guard("Bridge", 1,
					`,["ports","includes",["set",[`+u(12)+`]]]`, "br1"),
				`{"op":"update","table":"Interface",` + byID(32) + `],"row":{"ofport":["set",[]]}}`,
				`{"op":"mutate","table":"Bridge",` + byID(1) +
					`],"mutations":[["ports","delete",["set",[` + u(12) + `]]]]}`,
				`{"op":"mutate","table":"Bridge",` + byID(2) +
					`],"mutations":[["ports","insert",["set",[` + u(12) + `]]]]}`,
			}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			txn := vswitch.NewTxn(snap, owner)
			tc.build(txn)
			require.Equal(t, strings.Join(tc.want, "\n"), text(t, txn), "operations")
			require.Equal(t, strings.Join(tc.want, "\n"), text(t, txn), "operations, once more")
			changes := strings.Contains(text(t, txn), `"insert"`) ||
				strings.Contains(text(t, txn), `"update"`) ||
				strings.Contains(text(t, txn), `"mutate"`)
			require.Equal(t, !changes, txn.Empty(), "Empty")
		})
	}
}

// TestTxnMistakes: what cannot be right is refused before anything is sent.
func TestTxnMistakes(t *testing.T) {
	_, snap := twoBridges(t)
	db := schemaOf(t, asItIs)
	empty, err := vswitch.NewSnapshot(db)
	require.NoError(t, err)
	foreign := func() vswitch.Port { p, _ := snap.Port(id(12)); return *p }
	other := vswitch.NewTxn(snap, owner)
	for range 3 {
		other.InsertPort(id(1), vswitch.Port{Name: "x"})
	}

	strange := other.InsertPort(id(1), vswitch.Port{Name: "x"})
	for name, tc := range map[string]struct {
		snap  *vswitch.Snapshot
		build func(*vswitch.Txn)
		is    error
		says  string
	}{
		"update of another's port": {snap, func(t *vswitch.Txn) { t.UpdatePort(foreign()) },
			vswitch.ErrNotOwned, "owner=test"},
		"deletion of another's port": {snap, func(t *vswitch.Txn) { t.DeletePort(id(12)) },
			vswitch.ErrNotOwned, "Port"},
		"deletion of another's bridge": {snap, func(t *vswitch.Txn) { t.DeleteBridge(id(1)) },
			vswitch.ErrNotOwned, "Bridge"},
		"deletion of their controller": {snap, func(t *vswitch.Txn) { t.DeleteController(id(61)) },
			vswitch.ErrNotOwned, "Controller"},
		"update of no port": {snap,
			func(t *vswitch.Txn) { t.UpdatePort(vswitch.Port{UUID: id(99)}) }, nil, "no such row"},
		"port on no bridge": {snap,
			func(t *vswitch.Txn) { t.InsertPort(id(99), vswitch.Port{Name: "x"}) }, nil,
			"no such row"},
		"mirror of no port": {snap,
			func(t *vswitch.Txn) { t.InsertMirror(id(1), vswitch.Mirror{OutputPort: new(id(99))}) },
			nil, "no such row"},
		"move of no port": {snap, func(t *vswitch.Txn) { t.MovePort(id(99), id(1)) },
			nil, "no such row"},
		"move and then delete": {snap,
			func(t *vswitch.Txn) { t.MovePort(id(11), id(2)); t.DeletePort(id(11)) }, nil,
			"something else"},
		"move to no bridge": {snap, func(t *vswitch.Txn) { t.MovePort(id(11), id(99)) },
			nil, "no such row"},
		"column that the switch lacks": {snap,
			func(t *vswitch.Txn) { t.InsertMirror(id(1), vswitch.Mirror{Name: "m", Filter: "ip"}) },
			nil, "no column filter"},
		"row of another transaction": {snap,
			func(t *vswitch.Txn) { t.InsertMirror(id(1), vswitch.Mirror{OutputPort: &strange}) },
			nil, "another transaction"},
		"database without its one row": {empty,
			func(t *vswitch.Txn) { t.InsertBridge(vswitch.Bridge{Name: "x"}) }, nil,
			"ovs-vsctl init"},
		"count in a database without": {empty, func(t *vswitch.Txn) { t.IncrementNextCfg() }, nil,
			"ovs-vsctl init"},
		"the first mistake is reported": {snap,
			func(t *vswitch.Txn) { t.DeletePort(id(12)); t.InsertPort(id(99), vswitch.Port{}) },
			vswitch.ErrNotOwned, "Port"},
	} {
		t.Run(name, func(t *testing.T) {
			txn := vswitch.NewTxn(tc.snap, owner)
			tc.build(txn)
			_, err := txn.Commit(t.Context(), transactor(func() ([]ovsdb.OperationResult, error) {
				t.Error("something was sent")
				return nil, nil
			}))
			if err == nil || !strings.Contains(err.Error(), tc.says) || tc.is != nil &&
				!errors.Is(err, tc.is) {
				t.Fatalf("error is %v, want %q and %v", err, tc.says, tc.is)
			}
		})
	}

	t.Run("no owner refuses nothing", func(t *testing.T) {
		txn := vswitch.NewTxn(snap, vswitch.Owner{})
		txn.DeletePort(id(12))
		require.False(t, strings.Contains(text(t, txn), "external_ids"),
			"no mark is asked for or set")
	})
}

// transactor answers every transaction alike.
type transactor func() ([]ovsdb.OperationResult, error)

func (f transactor) Transact(
	context.Context, string, ...ovsdb.Operation,
) ([]ovsdb.OperationResult, error) {
	return f()
}

// TestCommitErrors: which errors mean a conflict.
func TestCommitErrors(t *testing.T) {
	_, snap := twoBridges(t)
	const ops = 4 // of the transaction below: a guard, port, interface, reference
	for name, tc := range map[string]struct {
		err  error
		want error // besides err itself
	}{
		"guard": {&ovsdb.OperationError{Index: 0, Op: "wait",
			Err: ovsdb.ErrorTimedOut}, vswitch.ErrConflict},
		"name is taken": {&ovsdb.OperationError{Index: ops, Op: "commit",
			Err: ovsdb.ErrorConstraintViolation}, vswitch.ErrConflict},
		"reference is gone": {&ovsdb.OperationError{Index: ops, Op: "commit",
			Err: ovsdb.ErrorReferentialIntegrity}, vswitch.ErrConflict},
		"value out of range": {&ovsdb.OperationError{Index: 1, Op: "insert",
			Err: ovsdb.ErrorConstraintViolation}, nil},
		"disk is full": {&ovsdb.OperationError{Index: ops, Op: "commit", Err: "I/O error"},
			nil},
		"no reply": {vswitch.ErrOutcomeUnknown, vswitch.ErrOutcomeUnknown},
		"guard of no timeout": {&ovsdb.OperationError{Index: 0, Op: "wait", Err: "unknown column"},
			nil},
	} {
		t.Run(name, func(t *testing.T) {
			txn := vswitch.NewTxn(snap, owner)
			txn.InsertPort(id(1), vswitch.Port{Name: "x"})
			_, err := txn.Commit(t.Context(),
				transactor(func() ([]ovsdb.OperationResult, error) { return nil, tc.err }))
			require.ErrorIs(t, err, tc.err)
			for _, kind := range []error{vswitch.ErrConflict, vswitch.ErrOutcomeUnknown} {
				require.Equal(t, tc.want == kind, errors.Is(err, kind), kind.Error())
			}
		})
	}
}
