package vswitch

import (
	"fmt"
	"maps"
	"slices"

	"github.com/tapline-sdn/tapline/ovsdb"
)

// guard is a row that must still be as in the snapshot when the transaction commits.
type guard struct {
	table  Table
	id     UUID
	column string // the column that names the row
	name   ovsdb.Value
	where  []ovsdb.Condition
	needs  map[string][]UUID // by column, the elements that the set must still have
}

// guardRow makes the transaction depend on a row: it must exist and have its name, and if it
// carries the owner's mark, it must still carry it.
func (t *Txn) guardRow(
	table Table, id UUID, column string, name ovsdb.Value, externalIDs Pairs,
) *guard {
	g := t.guarded[id]
	if g != nil {
		return g
	}

	g = &guard{table: table, id: id, column: column, name: name,
		where: []ovsdb.Condition{ovsdb.ByUUID(id)}, needs: map[string][]UUID{}}
	if t.owner.Key != "" && t.owner.owns(externalIDs) {
		mark := ovsdb.StringMap(map[string]string{t.owner.Key: t.owner.Value})
		g.where = append(g.where, ovsdb.Where("external_ids", ovsdb.Includes, mark))
	}

	t.guarded[id] = g
	t.guards = append(t.guards, g)
	return g
}

func (g *guard) operation() ovsdb.Operation {
	where := slices.Clone(g.where)
	for _, column := range slices.Sorted(maps.Keys(g.needs)) {
		where = append(where, ovsdb.Where(column, ovsdb.Includes, ovsdb.NewSet(g.needs[column]...)))
	}

	return ovsdb.Wait{
		Table: string(g.table), Where: where,
		Columns: []string{g.column}, Until: ovsdb.Equals, Rows: []ovsdb.Row{{g.column: g.name}},
	}
}

var errUninitialized = fmt.Errorf(
	"table %s is empty: the database was not initialized (ovs-vsctl init)", TableOpenVSwitch)

// guardSystem guards the row of table Open_vSwitch, or returns nil.
func (t *Txn) guardSystem() *guard {
	s := t.snap.System()
	if s == nil {
		t.fail(errUninitialized)
		return nil
	}
	return t.guardRow(TableOpenVSwitch, s.UUID, "_uuid", s.UUID, Pairs{})
}

// GuardSystemIDs makes the transaction depend on Open_vSwitch:external_ids: they must be exactly as
// in the snapshot.
func (t *Txn) GuardSystemIDs() {
	if t.guardSystem() == nil {
		return
	}
	s := t.snap.System()
	t.guards = append(t.guards, &guard{
		table: TableOpenVSwitch, id: s.UUID, column: "external_ids",
		name: ovsdb.StringMap(s.ExternalIDs.Map()), where: []ovsdb.Condition{ovsdb.ByUUID(s.UUID)},
	})
}

// operation waits, without patience, for the mark on the row of table Open_vSwitch. A wait compares
// whole columns, so the condition selects the row by its mark and the comparison is of its UUID.
func (m *mark) operation(system UUID) ovsdb.Operation {
	pair := ovsdb.StringMap(map[string]string{m.key: m.value})
	return ovsdb.Wait{
		Table: string(TableOpenVSwitch),
		Where: []ovsdb.Condition{
			ovsdb.ByUUID(system), ovsdb.Where("external_ids", ovsdb.Includes, pair),
		},
		Columns: []string{"_uuid"}, Until: ovsdb.Equals, Rows: []ovsdb.Row{{"_uuid": system}},
	}
}

// guardBridge guards a bridge, unless the transaction inserts it.
func (t *Txn) guardBridge(id UUID) bool {
	if insertedIndex(id) < len(t.inserts) {
		return true
	}

	b, ok := t.snap.bridges.get(id)
	if !ok {
		t.fail(fmt.Errorf("bridge %v: %w", id, errNoRow))
		return false
	}

	t.guardRow(TableBridge, id, "name", ovsdb.String(b.Name), b.ExternalIDs)
	return true
}

func (t *Txn) guardPort(p *Port) {
	t.guardRow(TablePort, p.UUID, "name", ovsdb.String(p.Name), p.ExternalIDs)
}

func (t *Txn) guardMirror(m *Mirror) {
	t.guardRow(TableMirror, m.UUID, "name", ovsdb.String(m.Name), m.ExternalIDs)
}

func (t *Txn) guardController(c *Controller) {
	t.guardRow(TableController, c.UUID, "target", ovsdb.String(c.Target), c.ExternalIDs)
}

// guardMirrorPorts guards the output port of a mirror and the ports that it selects and did not
// select before; have is nil for a new mirror. The database would silently drop a reference to a
// port that is gone.
func (t *Txn) guardMirrorPorts(have, m *Mirror) {
	if have == nil {
		have = &Mirror{}
	}

	ports := append(without(m.SelectSrcPort, have.SelectSrcPort),
		without(m.SelectDstPort, have.SelectDstPort)...)
	if m.OutputPort != nil {
		ports = append(ports, *m.OutputPort)
	}

	for _, id := range ports {
		if isPlaceholder(id) {
			continue
		}

		p, ok := t.snap.ports.get(id)
		if !ok {
			t.fail(fmt.Errorf("mirror %s: port %v: %w", m.Name, id, errNoRow))
			return
		}

		t.guardPort(p)
	}
}
