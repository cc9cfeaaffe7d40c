package vswitch

import (
	"fmt"
	"maps"
	"strconv"

	"github.com/tapline-sdn/tapline/ovsdb"
)

// Ops returns the operations: assert of a lock, wait for a mark, guards, inserts, updates,
// references, next_cfg, comment. It returns the first mistake in building.
func (t *Txn) Ops() ([]ovsdb.Operation, error) {
	ops, _, err := t.build()
	return ops, err
}

// layout says where the results of each kind of operation are.
type layout struct {
	guards  int // how many: the assert of a lock and all waits come first
	fence   int // index of the wait for a mark, or -1
	inserts int // index of the first one
	nextCfg int // index of the select, or -1
}

// build returns the operations in the order that Ops documents.
func (t *Txn) build() ([]ovsdb.Operation, layout, error) {
	at := layout{fence: -1, nextCfg: -1}
	if t.nextCfg && t.err == nil {
		t.guardSystem()
	}
	if t.fence != nil && t.snap.System() == nil {
		t.fail(errUninitialized)
	}
	if t.err != nil {
		return nil, at, t.err
	}

	ops := make([]ovsdb.Operation, 0, len(t.guards)+len(t.inserts)+len(t.updates)+len(t.edits)+5)
	if t.lock != "" {
		ops = append(ops, ovsdb.Assert{Lock: t.lock})
	}
	if t.fence != nil {
		at.fence = len(ops)
		ops = append(ops, t.fence.operation(t.snap.System().UUID))
	}
	for _, g := range t.guards {
		ops = append(ops, g.operation())
	}
	at.guards, at.inserts = len(ops), len(ops)
	ops = t.appendInserts(ops)
	ops = t.appendUpdates(ops)
	for _, e := range t.edits {
		if !isPlaceholder(e.id) {
			ops = append(ops, e.operation())
		}
	}

	if t.nextCfg {
		ops = t.appendNextCfg(ops)
		at.nextCfg = len(ops) - 1
	}
	if t.comment != "" {
		ops = append(ops, ovsdb.Comment{Text: t.comment})
	}

	for i, op := range ops {
		ops[i] = t.nameRows(op)
	}
	return ops, at, t.err
}

// appendInserts appends the inserts. References between new rows are part of the rows.
func (t *Txn) appendInserts(ops []ovsdb.Operation) []ovsdb.Operation {
	rows := make([]ovsdb.Row, len(t.inserts))
	for i, in := range t.inserts {
		rows[i] = maps.Clone(in.row)
	}
	for _, e := range t.edits {
		if i := insertedIndex(e.id); i < len(rows) {
			rows[i][e.column] = ovsdb.NewSet(e.add...)
		}
	}

	for i, in := range t.inserts {
		table := string(in.name.Table)
		ops = append(ops, ovsdb.Insert{Table: table, Row: rows[i], UUIDName: t.uuidName(in.id)})
	}
	return ops
}

// appendUpdates appends the changes of rows, and clears the numbers of interfaces that were moved.
func (t *Txn) appendUpdates(ops []ovsdb.Operation) []ovsdb.Operation {
	for _, u := range t.updates {
		table, where := string(u.table), []ovsdb.Condition{ovsdb.ByUUID(u.id)}
		if len(u.row) > 0 {
			ops = append(ops, ovsdb.Update{Table: table, Where: where, Row: u.row})
		}
		if len(u.mutations) > 0 {
			ops = append(ops, ovsdb.Mutate{Table: table, Where: where, Mutations: u.mutations})
		}
	}

	for _, id := range t.renumbered {
		where := []ovsdb.Condition{ovsdb.ByUUID(id)}
		none := ovsdb.Row{"ofport": ovsdb.Set{}}
		ops = append(ops, ovsdb.Update{Table: string(TableInterface), Where: where, Row: none})
	}
	return ops
}

// appendNextCfg increments next_cfg and reads it.
func (t *Txn) appendNextCfg(ops []ovsdb.Operation) []ovsdb.Operation {
	const table, column = string(TableOpenVSwitch), "next_cfg"
	where := []ovsdb.Condition{ovsdb.ByUUID(t.snap.System().UUID)}
	add := []ovsdb.Mutation{{Column: column, Mutator: ovsdb.Add, Value: ovsdb.Integer(1)}}

	return append(ops,
		ovsdb.Mutate{Table: table, Where: where, Mutations: add},
		ovsdb.Select{Table: table, Where: where, Columns: []string{column}})
}

func (e *edit) operation() ovsdb.Operation {
	return ovsdb.Mutate{
		Table: string(e.table), Where: []ovsdb.Condition{ovsdb.ByUUID(e.id)},
		Mutations: setMutations(e.column, e.remove, e.add),
	}
}

// uuidName is the name of an inserted row within the transaction.
func (t *Txn) uuidName(id UUID) ovsdb.NamedUUID {
	n := insertedIndex(id)
	if n >= len(t.inserts) {
		t.fail(fmt.Errorf("reference to row %v, which another transaction was to insert", id))
		return ""
	}
	return ovsdb.NamedUUID("row" + strconv.Itoa(n+1))
}

// nameRows replaces the placeholders of inserted rows by their names.
func (t *Txn) nameRows(op ovsdb.Operation) ovsdb.Operation {
	switch op := op.(type) {
	case ovsdb.Insert:
		op.Row = t.nameInRow(op.Row)
		return op
	case ovsdb.Update:
		op.Row = t.nameInRow(op.Row)
		return op
	case ovsdb.Mutate:
		for i, m := range op.Mutations {
			op.Mutations[i].Value = t.nameInValue(m.Value)
		}
		return op
	}

	return op
}

func (t *Txn) nameInRow(row ovsdb.Row) ovsdb.Row {
	out := make(ovsdb.Row, len(row))
	for column, v := range row {
		out[column] = t.nameInValue(v)
	}
	return out
}

func (t *Txn) nameInValue(v ovsdb.Value) ovsdb.Value {
	set, ok := v.(ovsdb.Set)
	if !ok {
		return v
	}

	out := make(ovsdb.Set, len(set))
	for i, atom := range set {
		out[i] = atom
		if u, ok := atom.(UUID); ok && isPlaceholder(u) {
			out[i] = t.uuidName(u)
		}
	}

	return out
}
