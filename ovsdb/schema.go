package ovsdb

import (
	"errors"
	"fmt"
	"math"

	"github.com/tapline-sdn/tapline/ovsdb/internal/jsontext"
)

// DatabaseSchema describes a database (RFC 7047, 3.2). It is immutable once
// parsed.
type DatabaseSchema struct {
	Name     string
	Version  string // x.y.z; may be empty (ovsdb-server(7), 3.2)
	Checksum string // of ovsdb-tool(1), may be empty
	Tables   map[string]*TableSchema
}

// TableSchema describes a table.
type TableSchema struct {
	Name    string
	Columns map[string]*ColumnSchema
	MaxRows int64      // math.MaxInt64 where there is no limit
	IsRoot  bool       // rows live without being referenced
	Indexes [][]string // each is a set of columns that identify a row
}

// ColumnSchema describes a column.
type ColumnSchema struct {
	Name      string
	Type      ColumnType
	Ephemeral bool // lost when the server restarts
	Immutable bool // set by insert only
}

// Column returns the column of that name, which may be _uuid or _version, or
// nil.
func (t *TableSchema) Column(name string) *ColumnSchema {
	if c := t.Columns[name]; c != nil {
		return c
	}

	switch name {
	case "_uuid", "_version":
		return &ColumnSchema{Name: name, Immutable: true,
			Type: ColumnType{Key: BaseType{Type: TypeUUID}, Min: 1, Max: 1}}
	}

	return nil
}

// ParseSchema reads a <database-schema>.
func ParseSchema(text []byte) (*DatabaseSchema, error) {
	c := jsontext.NewCursor(text)
	db := &DatabaseSchema{Tables: map[string]*TableSchema{}}
	for name := range c.Object() {
		switch string(name) {
		case "name":
			db.Name = parseID(c)
		case "version":
			db.Version = c.String()
		case "cksum":
			db.Checksum = c.String()
		case "tables":
			for table := range c.Object() {
				t := &TableSchema{Name: string(table), MaxRows: math.MaxInt64,
					Columns: map[string]*ColumnSchema{}}
				parseTable(c, t)
				db.Tables[t.Name] = t
			}
		}
	}

	if db.Name == "" {
		c.Fail(errors.New("schema without a name"))
	}

	if err := c.End(); err != nil {
		return nil, fmt.Errorf("database schema: %w", err)
	}

	return db, nil
}

func parseID(c *jsontext.Cursor) string {
	s := c.String()
	if !isID(s) {
		c.Fail(fmt.Errorf("name %.40q: not letters, digits and underscores", s))
	}
	return s
}

func parseTable(c *jsontext.Cursor, t *TableSchema) {
	if !isID(t.Name) {
		c.Fail(fmt.Errorf("name of a table %.40q: not letters, digits and underscores", t.Name))
	}

	for name := range c.Object() {
		switch string(name) {
		case "columns":
			for column := range c.Object() {
				col := &ColumnSchema{Name: string(column)}
				parseColumn(c, col)
				t.Columns[col.Name] = col
			}

		case "maxRows":
			if t.MaxRows = c.Int(); t.MaxRows < 1 {
				c.Fail(fmt.Errorf("maxRows of table %s is %d, not positive", t.Name, t.MaxRows))
			}

		case "isRoot":
			t.IsRoot = c.Bool()
		case "indexes":
			for range c.Array() {
				var index []string
				for range c.Array() {
					index = append(index, c.String())
				}
				t.Indexes = append(t.Indexes, index)
			}
		}
	}
}

func parseColumn(c *jsontext.Cursor, col *ColumnSchema) {
	if !isID(col.Name) {
		c.Fail(fmt.Errorf("name of a column %.40q: not letters, digits and underscores", col.Name))
	}

	typed := false
	for name := range c.Object() {
		switch string(name) {
		case "type":
			col.Type = parseColumnType(c)
			typed = true
		case "ephemeral":
			col.Ephemeral = c.Bool()
		case "mutable":
			col.Immutable = !c.Bool()
		}
	}

	if !typed {
		c.Fail(fmt.Errorf("column %s without a type", col.Name))
	}
}
