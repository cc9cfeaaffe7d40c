package vswitch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

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
	fence   *mark  // that the switch must bear; nil: none
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

// mark is a pair of Open_vSwitch:external_ids.
type mark struct{ key, value string }

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

// RequireID makes the transaction fail with ErrFenced, and change nothing, unless
// Open_vSwitch:external_ids has this pair when it commits (RFC 7047, 5.2.6, wait).
func (t *Txn) RequireID(key, value string) { t.fence = &mark{key, value} }

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
