package vswitch

import (
	"fmt"

	"github.com/tapline-sdn/tapline/ovsdb"
)

// Row is any of the row types.
type Row interface {
	OpenVSwitch | Datapath | Bridge | Port | Interface | Mirror | Controller | Manager
}

// Table names a table of the database.
type Table string

// The tables that have row types.
const (
	TableOpenVSwitch Table = "Open_vSwitch"
	TableDatapath    Table = "Datapath"
	TableBridge      Table = "Bridge"
	TablePort        Table = "Port"
	TableInterface   Table = "Interface"
	TableMirror      Table = "Mirror"
	TableController  Table = "Controller"
	TableManager     Table = "Manager"
)

// table is a row type bound to the schema of one server.
type table[T Row] struct {
	name    Table
	version string // of the schema
	id      func(*T) *UUID
	columns []column[T]
	bound   map[string]*bound[T] // the columns that the schema has
}

type bound[T any] struct {
	column[T]
	typ *ovsdb.ColumnType
}

// bind returns the table with those columns that the schema has. The first column names the rows; a
// table without it is not one of Open vSwitch.
func bind[T Row](
	db *ovsdb.DatabaseSchema, name Table, id func(*T) *UUID, columns []column[T],
) (*table[T], error) {
	schema := db.Tables[string(name)]
	if schema == nil {
		return nil, fmt.Errorf("database %s %s has no table %s", db.Name, db.Version, name)
	}

	t := &table[T]{name: name, version: db.Version, id: id, columns: columns,
		bound: map[string]*bound[T]{}}
	for _, c := range columns {
		if cs := schema.Columns[c.name]; cs != nil {
			t.bound[c.name] = &bound[T]{c, &cs.Type}
		}
	}

	if t.bound[columns[0].name] == nil {
		return nil, fmt.Errorf("table %s of database %s %s has no column %s", name, db.Name,
			db.Version, columns[0].name)
	}

	return t, nil
}

// decode makes a row from its columns. Columns left out have their default, which is the zero value
// of the field.
func (t *table[T]) decode(id UUID, row ovsdb.Row) (*T, error) {
	out := new(T)
	*t.id(out) = id
	return out, t.assign(out, id, row, false)
}

// patch makes a row from the old one and the differences of some columns.
func (t *table[T]) patch(old *T, id UUID, diff ovsdb.Row) (*T, error) {
	out := new(T)
	*out = *old
	return out, t.assign(out, id, diff, true)
}

func (t *table[T]) assign(out *T, id UUID, row ovsdb.Row, diff bool) error {
	for name, v := range row {
		c := t.bound[name]
		if c == nil {
			continue
		}

		var err error
		switch {
		case !diff || c.typ.Max == 1:
			err = c.set(out, v)
		case c.apply != nil:
			err = c.apply(out, v)
		default:
			if v, err = ovsdb.ApplyDiff(c.value(out), v, c.typ); err == nil {
				err = c.set(out, v)
			}
		}

		if err != nil {
			return fmt.Errorf("table %s, row %v, column %s: %w", t.name, id, name, err)
		}
	}

	return nil
}

// apply applies the change u to rows. It calls touch with the old row and the new one; nil means
// that there is none.
func (t *table[T]) apply(
	rows tree[*T], u ovsdb.RowUpdate, touch func(old, new *T),
) (tree[*T], error) {
	old, exists := rows.get(u.UUID)
	var now *T
	var err error
	switch {
	case !exists && (u.Change == ovsdb.RowDiff || u.Change == ovsdb.RowDelete):
		err = fmt.Errorf("table %s: %v of row %v, which is not there", t.name, u.Change, u.UUID)
	case u.Change == ovsdb.RowDelete:
	case u.Change == ovsdb.RowDiff:
		now, err = t.patch(old, u.UUID, u.Row)
	default:
		now, err = t.decode(u.UUID, u.Row)
	}

	if err != nil {
		return rows, err
	}

	touch(old, now)
	if now == nil {
		return rows.without(u.UUID), nil
	}

	return rows.with(u.UUID, now), nil
}

// externalIDs returns the column external_ids of a row, by which its owner is known.
func (t *table[T]) externalIDs(row *T) Pairs {
	for i := range t.columns {
		if c := &t.columns[i]; c.name == "external_ids" {
			return c.pairs(row)
		}
	}
	return Pairs{}
}

// equal reports whether two rows have the same contents.
func (t *table[T]) equal(a, b *T) bool {
	for _, c := range t.columns {
		if !c.equal(a, b) {
			return false
		}
	}

	return true
}
