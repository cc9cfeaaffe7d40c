package ovsdb

import (
	"errors"
	"fmt"
)

// RowChange tells what happened to a row.
type RowChange uint8

// The changes. RowReplace is the modification of "update", which carries all
// watched columns of the row; RowDiff is the one of "update2", which carries
// the differences of those that changed; see ApplyDiff.
const (
	RowInitial RowChange = iota + 1
	RowInsert
	RowReplace
	RowDiff
	RowDelete
)

var rowChangeNames = [...]string{"", "initial", "insert", "replace", "diff", "delete"}

// String names the change.
func (c RowChange) String() string { return rowChangeNames[c] }

// RowUpdate is the change of one row.
type RowUpdate struct {
	UUID   UUID
	Change RowChange
	// Row is the row's contents: RowInitial and RowInsert may leave out columns
	// that hold the default of their type; RowDelete has none.
	Row Row
}

// TableUpdate is the changes of one table.
type TableUpdate struct {
	Table string
	Rows  []RowUpdate
}

// TableUpdates are the changes of one transaction, or of several together, in the order of the
// text. Apply all of them at once: between them the database is not consistent.
type TableUpdates []TableUpdate

// ParseTableUpdates reads <table-updates>, the "update" notification and the
// reply to "monitor" (RFC 7047, 4.1.6).
func ParseTableUpdates(text []byte, db *DatabaseSchema) (TableUpdates, error) {
	return parseTableUpdates(text, db, parseRowUpdate)
}

// ParseTableUpdates2 reads <table-updates2>, the "update2" and "update3"
// notifications and the replies to "monitor_cond" and "monitor_cond_since"
// (ovsdb-server(7), 4.1.14).
func ParseTableUpdates2(text []byte, db *DatabaseSchema) (TableUpdates, error) {
	return parseTableUpdates(text, db, parseRowUpdate2)
}

type rowUpdateParser func(*reader, *TableSchema, *RowUpdate)

func parseTableUpdates(
	text []byte, db *DatabaseSchema, parse rowUpdateParser,
) (TableUpdates, error) {
	c := newReader(text)
	updates := TableUpdates{}
	for name := range c.Object() {
		table := db.Tables[string(name)]
		if table == nil {
			c.Fail(fmt.Errorf("database %s has no table %.40q", db.Name, name))
			break
		}

		u := TableUpdate{Table: table.Name}
		for id := range c.Object() {
			row := RowUpdate{}
			var err error
			if row.UUID, err = parseUUID(id); err != nil {
				c.Fail(err)
			}

			if parse(c, table, &row); row.Change == 0 {
				c.Fail(fmt.Errorf("table %s: update of row %v that says nothing", table.Name,
					row.UUID))
			}

			u.Rows = append(u.Rows, row)
		}

		updates = append(updates, u)
	}

	if err := c.End(); err != nil {
		return nil, fmt.Errorf("table updates: %w", err)
	}

	return updates, nil
}

// parseRowUpdate consumes a <row-update>: "old" and "new" for a modification,
// one of them for a deletion or an insertion.
func parseRowUpdate(c *reader, table *TableSchema, u *RowUpdate) {
	var hasOld, hasNew bool
	for name := range c.Object() {
		switch string(name) {
		case "old":
			hasOld = true
		case "new":
			hasNew = true
			u.Row = parseRow(c, table)
		}
	}

	switch {
	case hasOld && hasNew:
		u.Change = RowReplace
	case hasOld:
		u.Change = RowDelete
	case hasNew:
		u.Change = RowInsert
	}
}

var rowUpdate2 = map[string]RowChange{
	"initial": RowInitial, "insert": RowInsert, "modify": RowDiff, "delete": RowDelete,
}

// parseRowUpdate2 consumes a <row-update2>.
func parseRowUpdate2(c *reader, table *TableSchema, u *RowUpdate) {
	for name := range c.Object() {
		change := rowUpdate2[string(name)]
		switch {
		case change == 0:
			continue
		case u.Change != 0:
			c.Fail(errors.New("two changes of one row in one update"))
		case change != RowDelete:
			u.Row = parseRow(c, table)
		}

		u.Change = change
	}
}

// parseRow consumes a <row>, typed by the table's schema.
func parseRow(c *reader, table *TableSchema) Row {
	row := Row{}
	for name := range c.Object() {
		column := table.Columns[string(name)]
		if column == nil {
			if column = table.Column(string(name)); column == nil {
				c.Fail(fmt.Errorf("table %s has no column %.40q", table.Name, name))
				break
			}
		}

		v := parseValue(c, &column.Type)
		if c.Err() != nil {
			c.Wrap("table " + table.Name + ", column " + column.Name)
			break
		}

		row[column.Name] = v
	}

	return row
}

// ParseSinceReply reads the reply to "monitor_cond_since" (ovsdb-server(7), 4.1.15). Found reports
// whether the updates go on from the transaction that was asked for; last is the latest transaction
// in them.
func ParseSinceReply(
	text []byte, db *DatabaseSchema,
) (found bool, last UUID, updates TableUpdates, err error) {
	c := newReader(text)
	var raw []byte
	for i := range c.Array() {
		switch i {
		case 0:
			found = c.Bool()
		case 1:
			last = parsePlainUUID(c)
		case 2:
			raw = c.Raw()
		}
	}

	if raw == nil {
		c.Fail(errors.New("fewer than three elements"))
	}

	if err := c.End(); err != nil {
		return false, UUID{}, nil, fmt.Errorf("reply to monitor_cond_since: %w", err)
	}
	if updates, err = ParseTableUpdates2(raw, db); err != nil {
		return false, UUID{}, nil, err
	}

	return found, last, updates, nil
}

// parsePlainUUID consumes a UUID that is written as a string.
func parsePlainUUID(c *reader) UUID {
	u, err := parseUUID(c.StringBytes())
	if err != nil {
		c.Fail(err)
	}
	return u
}
