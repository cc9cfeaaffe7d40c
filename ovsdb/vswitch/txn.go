package vswitch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"strconv"

	"github.com/tapline-sdn/tapline/ovsdb"
)

// ErrNotOwned says that a transaction was asked to change or delete a row that
// does not carry its owner's mark.
var ErrNotOwned = errors.New("row belongs to somebody else")

// Owner marks rows: every row that a Txn inserts carries external_ids:Key=Value, and the Txn
// refuses to update or delete a row that does not carry it. The zero Owner marks nothing and
// refuses nothing.
type Owner struct{ Key, Value string }

func (o Owner) owns(externalIDs Pairs) bool {
	return o.Key == "" || externalIDs.Get(o.Key) == o.Value && o.Value != ""
}

// Txn collects changes of a switch's database and commits them as one transaction. It is built
// against a snapshot, and guards what it relies on there. Use it once, from one goroutine.
//
// Methods that insert return a UUID by which the same Txn refers to the new row; the row's real
// UUID is known after Commit. Ops and Commit report the first mistake in building, such as a row
// that the snapshot does not have.
type Txn struct {
	snap    *Snapshot
	owner   Owner
	err     error
	comment string
	lock    string // that the connection must hold; "": none
	nextCfg bool

	inserts []insertion
	guards  []*guard
	guarded map[UUID]*guard
	updates []*rowUpdate
	updated map[UUID]*rowUpdate
	edits   []*edit
	edited  map[editKey]*edit
	homes   map[UUID]UUID // by port that was moved or deleted: its new bridge, or zero
	// renumbered are interfaces of ports that were moved.
	renumbered []UUID
}

// insertion is a row to insert. Its references are among the edits.
type insertion struct {
	id   UUID
	name RowName
	row  ovsdb.Row
}

// RowName names a row of a table: by its name, or a controller by its target.
type RowName struct {
	Table Table
	Name  string
}

// rowUpdate is what changes in a row that exists.
type rowUpdate struct {
	table     Table
	id        UUID
	row       ovsdb.Row
	mutations []ovsdb.Mutation
}

// edit adds references to a set and takes others out.
type edit struct {
	editKey
	add, remove []UUID
}

type editKey struct {
	table  Table
	id     UUID
	column string
}

// NewTxn starts a transaction against a snapshot.
func NewTxn(snap *Snapshot, owner Owner) *Txn {
	return &Txn{
		snap: snap, owner: owner,
		guarded: map[UUID]*guard{},
		updated: map[UUID]*rowUpdate{},
		edited:  map[editKey]*edit{},
		homes:   map[UUID]UUID{},
	}
}

// Empty reports whether the transaction changes no row. IncrementNextCfg alone
// does not count. The nil Txn is empty.
func (t *Txn) Empty() bool { return t == nil || len(t.inserts)+len(t.updates)+len(t.edits) == 0 }

// IncrementNextCfg makes the transaction increment Open_vSwitch.next_cfg. The switch has applied
// the transaction once cur_cfg of a later snapshot has reached Result.NextCfg.
func (t *Txn) IncrementNextCfg() { t.nextCfg = true }

// AssertLock makes the transaction fail with ErrLockLost, and change nothing, unless the connection
// that commits it holds this lock (RFC 7047, 5.2.10). The name is an <id>: letters, digits and
// underscores. See client.Conn.Lock.
func (t *Txn) AssertLock(name string) { t.lock = name }

// Comment writes a line to the log of the database.
func (t *Txn) Comment(text string) { t.comment = text }

// fail records the first mistake.
func (t *Txn) fail(err error) {
	if t.err == nil {
		t.err = err
	}
}

// placeholderPrefix begins the UUIDs of rows that are not inserted yet. Its version is 15, which no
// generated UUID has.
var placeholderPrefix = [8]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// placeholder returns the UUID that stands for the insertion of that index.
func placeholder(index int) UUID {
	var u UUID
	copy(u[:], placeholderPrefix[:])
	binary.BigEndian.PutUint64(u[8:], uint64(index))
	return u
}

func isPlaceholder(u UUID) bool { return [8]byte(u[:8]) == placeholderPrefix }

// insertedIndex is the index of a placeholder, and out of range for any other UUID.
func insertedIndex(u UUID) int {
	if n := binary.BigEndian.Uint64(u[8:]); isPlaceholder(u) && n < math.MaxInt {
		return int(n)
	}
	return math.MaxInt
}

// insert records the insertion of a row, without its status columns and references.
func insert[T Row](t *Txn, tab *table[T], name string, row T) UUID {
	id := placeholder(len(t.inserts))
	out := ovsdb.Row{}
	for _, c := range tab.columns {
		switch {
		case c.access != config, c.empty(&row):
		case tab.bound[c.name] == nil:
			t.fail(fmt.Errorf("%s %s: the switch's schema %s has no column %s", tab.name, name,
				tab.version, c.name))
		default:
			out[c.name] = c.value(&row)
		}
	}

	if t.owner.Key != "" {
		ids, _ := out["external_ids"].(ovsdb.Map)
		mark := ovsdb.Pair{Key: ovsdb.String(t.owner.Key), Value: ovsdb.String(t.owner.Value)}
		out["external_ids"] = ovsdb.NewMap(append(ids, mark)...)
	}

	t.inserts = append(t.inserts, insertion{id, RowName{tab.name, name}, out})
	return id
}

// update records the differences between a row of the snapshot and the wanted row. The last update
// of a row counts.
func update[T Row](t *Txn, tab *table[T], rows tree[*T], want *T) {
	id := *tab.id(want)
	have, ok := rows.get(id)
	if !ok {
		t.fail(fmt.Errorf("update of %s %v: %w", tab.name, id, errNoRow))
		return
	}

	u := &rowUpdate{table: tab.name, id: id, row: ovsdb.Row{}}
	for _, c := range tab.columns {
		switch {
		case c.access != config, c.equal(have, want):
		case tab.bound[c.name] == nil:
			t.fail(fmt.Errorf("update of %s %v: the switch's schema %s has no column %s", tab.name,
				id, tab.version, c.name))
		case c.pairs != nil:
			u.mutations = append(u.mutations,
				mapMutations(c.name, c.pairs(have).Map(), c.pairs(want).Map())...)
		case c.refs != nil:
			u.mutations = append(u.mutations, refMutations(c.name, c.refs(have), c.refs(want))...)
		default:
			u.row[c.name] = c.value(want)
		}
	}

	if len(u.row)+len(u.mutations) == 0 && t.updated[id] == nil {
		return
	}
	if old := t.updated[id]; old != nil {
		*old = *u
		return
	}

	t.updated[id] = u
	t.updates = append(t.updates, u)
}

var errNoRow = errors.New("the snapshot has no such row")

// mapMutations changes a map key by key, so that other writers' keys stay. A mutation by insert
// keeps the value of a key that exists, so a key that changes is deleted first.
func mapMutations(column string, have, want map[string]string) []ovsdb.Mutation {
	var gone []string
	put := map[string]string{}
	for k, v := range have {
		if w, keep := want[k]; !keep || w != v {
			gone = append(gone, k)
		}
	}
	for k, w := range want {
		if v, exists := have[k]; !exists || v != w {
			put[k] = w
			gone = append(gone, k) // Somebody may have written it meanwhile.
		}
	}

	mutations := []ovsdb.Mutation{
		{Column: column, Mutator: ovsdb.SetDelete, Value: ovsdb.StringSet(gone...)},
	}
	if len(put) > 0 {
		mutations = append(mutations,
			ovsdb.Mutation{Column: column, Mutator: ovsdb.SetInsert, Value: ovsdb.StringMap(put)})
	}
	return mutations
}

// refMutations changes a set of references element by element: it sends only what changes, and
// keeps what others write meanwhile.
func refMutations(column string, have, want []UUID) []ovsdb.Mutation {
	return setMutations(column, without(have, want), without(want, have))
}

// setMutations removes elements from a set and adds others.
func setMutations(column string, remove, add []UUID) (mutations []ovsdb.Mutation) {
	if len(remove) > 0 {
		set := ovsdb.NewSet(remove...)
		mutations = append(mutations,
			ovsdb.Mutation{Column: column, Mutator: ovsdb.SetDelete, Value: set})
	}
	if len(add) > 0 {
		set := ovsdb.NewSet(add...)
		mutations = append(mutations,
			ovsdb.Mutation{Column: column, Mutator: ovsdb.SetInsert, Value: set})
	}
	return mutations
}

// refer adds a reference to a set, or removes one; the zero UUID is none.
func (t *Txn) refer(table Table, id UUID, column string, add, remove UUID) {
	key := editKey{table, id, column}
	e := t.edited[key]
	if e == nil {
		e = &edit{editKey: key}
		t.edited[key] = e
		t.edits = append(t.edits, e)
	}

	if !add.IsZero() {
		e.add = append(e.add, add)
	}

	if !remove.IsZero() {
		e.remove = append(e.remove, remove)
	}
}

// Ops returns the operations: assert of a lock, guards, inserts, updates, references, next_cfg,
// comment. It returns the first mistake in building.
func (t *Txn) Ops() ([]ovsdb.Operation, error) {
	ops, _, err := t.build()
	return ops, err
}

// layout says where the results of each kind of operation are.
type layout struct {
	guards  int // how many: the assert of a lock and the guards come first
	inserts int // index of the first one
	nextCfg int // index of the select, or -1
}

// build returns the operations in the order that Ops documents.
func (t *Txn) build() ([]ovsdb.Operation, layout, error) {
	at := layout{nextCfg: -1}
	if t.nextCfg && t.err == nil {
		t.guardSystem()
	}
	if t.err != nil {
		return nil, at, t.err
	}

	ops := make([]ovsdb.Operation, 0, len(t.guards)+len(t.inserts)+len(t.updates)+len(t.edits)+4)
	if t.lock != "" {
		ops = append(ops, ovsdb.Assert{Lock: t.lock})
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
