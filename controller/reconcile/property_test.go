package reconcile_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/ovsdb"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// TestConverges: whatever stands on a switch, of ours and of others, and whatever the program, some
// transactions lead to where nothing is left to do, and none of them writes a row of others, but
// for moving a guest's tap NIC. Who remembers what was as it must be finds the same.
func TestConverges(t *testing.T) {
	db := newDatabase(t)
	var memory reconcile.Memory
	rapid.Check(t, func(rt *rapid.T) {
		db.clear(rt)
		db.populate(rt)
		d := desired(rt, drawProgram(rt))
		for range 3 {
			next, err := d.Next(drawProgram(rt), tapBridge)
			require.NoError(rt, err)
			d = desired(rt, next.Program)
			require.Equal(rt, d, next)
			foreign := foreignRows(db.snapshot())
			open := rapid.Bool().Draw(rt, "gate")
			for round := 0; ; round++ {
				snap := db.snapshot()
				rows := reconcile.Diff(snap, d, self, gate(open), reconcile.Open)
				remembering := memory.Diff(snap, d, self, gate(open), reconcile.Open)
				assert.Equal(rt, writes(t, snap, rows.Txn), writes(t, snap, remembering.Txn))
				assert.Equal(rt, slices.Sorted(maps.Keys(rows.Outstanding)),
					slices.Sorted(maps.Keys(remembering.Outstanding)))

				touchesOurs(rt, snap, rows.Txn, d.Program)
				if rows.Txn.Empty() {
					break
				}

				require.Less(rt, round, 3, "does not end: %v", writes(t, db.snapshot(), rows.Txn))
				_, err := rows.Txn.Commit(db.ctx, db.conn)
				require.NoError(rt, err)
			}

			assert.Equal(rt, foreign, foreignRows(db.snapshot()))
			db.spoil(rt)
		}

		db.strip(rt)
	})
}

func (db *database) clear(rt *rapid.T) {
	txn := vswitch.NewTxn(db.snapshot(), vswitch.Owner{})
	for _, b := range db.snapshot().Bridges() {
		txn.DeleteBridge(b.UUID)
	}
	db.commitOn(rt, txn)
}

func (db *database) commitOn(rt *rapid.T, txn *vswitch.Txn) {
	if !txn.Empty() {
		_, err := txn.Commit(db.ctx, db.conn)
		require.NoError(rt, err)
	}
}

// populate makes bridges, ports and mirrors of others, some of which have names that we would use.
func (db *database) populate(rt *rapid.T) {
	txn := vswitch.NewTxn(db.snapshot(), vswitch.Owner{})
	names := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{
		"vnet1", "vnet2", "vnet3", "eth0", "eth9", "tlm-1", "tlt-2", "tl-gre", "tapabc", "x",
	}), 0, 8, rapid.ID[string]).Draw(rt, "ports")

	for i, bridge := range rapid.SliceOfDistinct(rapid.SampledFrom([]string{"br0", "br1", "br2"}),
		rapid.ID[string]).Draw(rt, "bridges") {
		b := txn.InsertBridge(vswitch.Bridge{Name: bridge})
		for j := i; j < len(names); j += 3 {
			txn.InsertPort(b, vswitch.Port{Name: names[j]})
		}

		for range rapid.IntRange(0, 2).Draw(rt, "mirrors") {
			ids := rapid.SampledFrom([]map[string]string{nil,
				{"tapline": "c2", "tapline-id": "cap1"}}).Draw(rt, "ids")
			txn.InsertMirror(b, vswitch.Mirror{Name: "tl-1", SelectAll: true,
				ExternalIDs: vswitch.PairsOf(ids)})
		}
	}

	db.commitOn(rt, txn)
}

// spoil changes some of our rows.
func (db *database) spoil(rt *rapid.T) {
	snap := db.snapshot()
	txn := vswitch.NewTxn(snap, vswitch.Owner{})
	var ports []*vswitch.Port
	for _, b := range snap.Bridges() {
		ports = append(ports, snap.BridgePorts(b)...)
	}

	for _, p := range ports {
		if p.ExternalIDs.Get("tapline") != self.Cluster || p.Name == tapBridge {
			continue
		}
		switch rapid.IntRange(0, 5).Draw(rt, p.Name) {
		case 0:
			txn.DeletePort(p.UUID)
		case 1:
			bridges := snap.Bridges()
			txn.MovePort(p.UUID, bridges[rapid.IntRange(0, len(bridges)-1).Draw(rt, "bridge")].UUID)
		case 2:
			changed := *p
			changed.Trunks, changed.Tag = []int{7}, new(8)
			txn.UpdatePort(changed)
		}
	}

	for _, b := range snap.Bridges() {
		for _, m := range snap.BridgeMirrors(b) {
			if m.ExternalIDs.Get("tapline") != self.Cluster {
				continue
			}
			switch rapid.IntRange(0, 3).Draw(rt, m.Name) {
			case 0:
				txn.DeleteMirror(m.UUID)
			case 1:
				twin := *m
				twin.OutputPort, twin.SelectSrcPort, twin.SelectDstPort = nil, nil, nil
				txn.InsertMirror(b.UUID, twin)
			}
		}
	}

	db.commitOn(rt, txn)
}

func (db *database) strip(rt *rapid.T) {
	before := foreignRows(db.snapshot())
	db.commitOn(rt, reconcile.Strip(db.snapshot(), self, tapBridge))
	require.True(rt, reconcile.Strip(db.snapshot(), self, tapBridge).Empty())
	after := foreignRows(db.snapshot())
	for name := range before {
		if name != "port tapabc" && name != "interface tapabc" { // It goes with the bridge.
			assert.Contains(rt, after, name)
		}
	}

	for p := range db.snapshot().Ports() {
		assert.NotEqual(rt, self.Cluster, p.ExternalIDs.Get("tapline"), p.Name)
	}
}

func drawProgram(rt *rapid.T) *tap.Program {
	p := program(without("cap1"))
	for i := range rapid.IntRange(0, 3).Draw(rt, "captures") {
		bridge := rapid.SampledFrom([]string{"br0", "br1", "br2"}).Draw(rt, "source")
		selected := rapid.SliceOfDistinct(rapid.SampledFrom([]string{"vnet1", "vnet2", "vnet3",
			"eth0"}), rapid.ID[string]).Draw(rt, "selected")
		capture(fmt.Sprintf("cap%d", i+1), fmt.Sprint(i+1), bridge, selected...)(p)
	}

	kinds := []func(*tap.Program){nic("eth9"), plugged("tapabc"), held("cap1"), held("cap3")}
	for _, adjust := range kinds {
		if rapid.Bool().Draw(rt, "adjust") {
			adjust(p)
		}
	}

	return p
}

// foreignRows are the rows of others, by name, as far as they are theirs.
func foreignRows(snap *vswitch.Snapshot) map[string]any {
	out := map[string]any{}
	for _, b := range snap.Bridges() {
		if b.ExternalIDs.Get("tapline") != self.Cluster {
			row := *b
			row.Ports, row.Mirrors = nil, nil
			out["bridge "+b.Name] = row
		}
		for _, m := range snap.BridgeMirrors(b) {
			if m.ExternalIDs.Get("tapline") != self.Cluster {
				out[fmt.Sprintf("mirror %v", m.UUID)] = *m
			}
		}
	}

	for p := range snap.Ports() {
		if p.ExternalIDs.Get("tapline") != self.Cluster {
			out["port "+p.Name] = *p
			for _, i := range snap.PortInterfaces(p) {
				out["interface "+i.Name] = *i
			}
		}
	}

	return out
}

// touchesOurs makes sure that no operation writes a row of others, but for the references of their
// bridges to rows of ours.
func touchesOurs(rt *rapid.T, snap *vswitch.Snapshot, txn *vswitch.Txn, p *tap.Program) {
	if txn.Empty() {
		return
	}

	ours, renumbered := map[ovsdb.UUID]bool{}, map[ovsdb.UUID]bool{}
	for p := range snap.Ports() {
		ours[p.UUID] = p.ExternalIDs.Get("tapline") == self.Cluster
		for _, i := range snap.PortInterfaces(p) {
			ours[i.UUID] = i.ExternalIDs.Get("tapline") == self.Cluster
		}
	}

	for _, b := range snap.Bridges() {
		ours[b.UUID] = b.ExternalIDs.Get("tapline") == self.Cluster
		for _, m := range snap.BridgeMirrors(b) {
			ours[m.UUID] = m.ExternalIDs.Get("tapline") == self.Cluster
		}
		for _, c := range snap.Controllers(b) {
			ours[c.UUID] = c.ExternalIDs.Get("tapline") == self.Cluster
		}
	}

	moves := func(row *vswitch.Port) { // By which it loses its number.
		ours[row.UUID] = true
		for _, device := range snap.PortInterfaces(row) {
			renumbered[device.UUID] = true
		}
	}
	for _, port := range p.Ports {
		if row, found := snap.PortByName(port.Name); found && port.Plugged {
			moves(row)
		}
	}
	if home, stands := snap.Bridge(tapBridge); stands {
		for key := range home.ExternalIDs.All() {
			name, noted := strings.CutPrefix(key, "tapline-moved-")
			if row, on := snap.PortOnBridge(tapBridge, name); noted && on {
				moves(row) // Back to where it stood.
			}
		}
	}

	ops, err := txn.Ops()
	require.NoError(rt, err)
	for _, op := range ops {
		switch op := op.(type) {
		case ovsdb.Update:
			id := op.Where[0].Value.(ovsdb.UUID)
			_, number := op.Row["ofport"]
			assert.True(rt, ours[id] || renumbered[id] && number && len(op.Row) == 1,
				"update of a foreign row of table %s", op.Table)
		case ovsdb.Mutate:
			id := op.Where[0].Value.(ovsdb.UUID)
			for _, m := range op.Mutations {
				switch {
				case op.Table == "Open_vSwitch":
					assert.Contains(rt, []string{"next_cfg", "bridges"}, m.Column)
				case !ours[id]:
					assert.Equal(rt, "Bridge", op.Table)
					assert.Contains(rt, []string{"ports", "mirrors"}, m.Column)
					sets := []ovsdb.Mutator{ovsdb.SetInsert, ovsdb.SetDelete}
					assert.True(rt, slices.Contains(sets, m.Mutator))
				}
				references, is := m.Value.(ovsdb.Set)
				if is && m.Mutator == ovsdb.SetDelete && op.Table == "Bridge" {
					for _, atom := range references {
						if row, is := atom.(ovsdb.UUID); is {
							assert.True(rt, ours[row], "deletion of a foreign %s of bridge %v",
								m.Column, id)
						}
					}
				}
			}
		case ovsdb.Delete:
			rt.Errorf("rows are deleted by their references alone: %v", op)
		}
	}
}
