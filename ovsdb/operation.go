package ovsdb

import (
	"fmt"
	"strconv"
	"time"

	"github.com/tapline-sdn/tapline/ovsdb/internal/jsontext"
)

// Operation is one step of a transaction: Insert, Select, Update, Mutate,
// Delete, Wait, Commit, Abort, Comment or Assert (RFC 7047, 5.2).
type Operation interface {
	// Name is the operation's name on the wire.
	Name() string
	appendMembers(b []byte) ([]byte, error)
}

// Insert adds a row. Columns that Row leaves out get their default.
type Insert struct {
	Table    string
	Row      Row
	UUIDName NamedUUID // optional: by this name the same transaction refers to the row
	UUID     UUID      // optional: the UUID of the row; Open vSwitch 2.13 (ovsdb-server(7), 5.2.1)
}

// Select reads rows.
type Select struct {
	Table   string
	Where   []Condition // all must hold; none: every row
	Columns []string    // nil: all of them, _uuid and _version too
}

// Update overwrites columns of rows.
type Update struct {
	Table string
	Where []Condition
	Row   Row
}

// Mutate changes columns of rows in place: the way to add to a set or a map
// that others change as well.
type Mutate struct {
	Table     string
	Where     []Condition
	Mutations []Mutation
}

// Delete removes rows.
type Delete struct {
	Table string
	Where []Condition
}

// Wait holds the transaction up until the Columns of the rows that match Where
// are (Until Equals) or are not (Until NotEquals) Rows. The order of the rows
// does not count.
type Wait struct {
	Table   string
	Where   []Condition
	Columns []string
	Until   Function // Equals or NotEquals
	Rows    []Row
	// Timeout ends the wait with the error "timed out". 0 makes it a test of
	// the present state; negative waits for ever. The wire has milliseconds.
	Timeout time.Duration
}

// Commit with Durable makes the reply wait until the transaction is on disk.
type Commit struct{ Durable bool }

// Abort makes the transaction fail with the error "aborted".
type Abort struct{}

// Comment is written to the database's log.
type Comment struct{ Text string }

// Assert makes the transaction fail with the error "not owner" unless this connection holds the
// lock (RFC 7047, 5.2.10). The lock is an <id>: letters, digits and underscores.
type Assert struct{ Lock string }

// Mutator is the verb of a Mutation (RFC 7047, 5.1).
type Mutator string

// The mutators. Add to Remainder are for integers and reals, and for sets of
// them; SetInsert and SetDelete are for sets and maps.
const (
	Add       Mutator = "+="
	Subtract  Mutator = "-="
	Multiply  Mutator = "*="
	Divide    Mutator = "/="
	Remainder Mutator = "%="
	SetInsert Mutator = "insert" // of a map: keys that exist keep their value
	SetDelete Mutator = "delete" // of a map: by pairs, or by a Set of keys
)

// Mutation changes one column.
type Mutation struct {
	Column  string
	Mutator Mutator
	Value   Value
}

// Name is the operation's name on the wire.
func (Insert) Name() string { return "insert" }

// Name is the operation's name on the wire.
func (Select) Name() string { return "select" }

// Name is the operation's name on the wire.
func (Update) Name() string { return "update" }

// Name is the operation's name on the wire.
func (Mutate) Name() string { return "mutate" }

// Name is the operation's name on the wire.
func (Delete) Name() string { return "delete" }

// Name is the operation's name on the wire.
func (Wait) Name() string { return "wait" }

// Name is the operation's name on the wire.
func (Commit) Name() string { return "commit" }

// Name is the operation's name on the wire.
func (Abort) Name() string { return "abort" }

// Name is the operation's name on the wire.
func (Comment) Name() string { return "comment" }

// Name is the operation's name on the wire.
func (Assert) Name() string { return "assert" }

// AppendOperation appends the JSON text of op.
func AppendOperation(b []byte, op Operation) ([]byte, error) {
	if op == nil {
		return nil, errNoValue
	}

	b = append(append(append(b, `{"op":"`...), op.Name()...), '"')
	b, err := op.appendMembers(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op.Name(), err)
	}

	return append(b, '}'), nil
}

func (op Insert) appendMembers(b []byte) ([]byte, error) {
	b, err := appendTableAnd(b, op.Table, "row", op.Row, AppendRow)
	if err != nil {
		return nil, err
	}

	if op.UUIDName != "" {
		if !isID(string(op.UUIDName)) {
			return nil,
				fmt.Errorf("table %s: name of a UUID %q: not letters, digits and underscores",
					op.Table, op.UUIDName)
		}
		b = jsontext.AppendString(append(b, `,"uuid-name":`...), string(op.UUIDName))
	}

	if !op.UUID.IsZero() {
		b = jsontext.AppendString(append(b, `,"uuid":`...), op.UUID.String())
	}

	return b, nil
}

func (op Select) appendMembers(b []byte) ([]byte, error) {
	b, err := appendTableAnd(b, op.Table, "where", op.Where, appendConditions)
	if err != nil || op.Columns == nil {
		return b, err
	}
	return appendColumns(append(b, `,"columns":`...), op.Columns)
}

func (op Update) appendMembers(b []byte) ([]byte, error) {
	b, err := appendTableAnd(b, op.Table, "where", op.Where, appendConditions)
	if err != nil {
		return nil, err
	}
	if b, err = AppendRow(append(b, `,"row":`...), op.Row); err != nil {
		return nil, fmt.Errorf("table %s: %w", op.Table, err)
	}
	return b, nil
}

func (op Mutate) appendMembers(b []byte) ([]byte, error) {
	b, err := appendTableAnd(b, op.Table, "where", op.Where, appendConditions)
	if err != nil {
		return nil, err
	}

	b, err = appendArray(append(b, `,"mutations":`...), op.Mutations,
		func(b []byte, m Mutation) ([]byte, error) {
			return appendTriple(b, m.Column, string(m.Mutator), m.Value)
		})
	if err != nil {
		return nil, fmt.Errorf("table %s: %w", op.Table, err)
	}

	return b, nil
}

func (op Delete) appendMembers(b []byte) ([]byte, error) {
	return appendTableAnd(b, op.Table, "where", op.Where, appendConditions)
}

func (op Wait) appendMembers(b []byte) ([]byte, error) {
	b, err := appendTableAnd(b, op.Table, "where", op.Where, appendConditions)
	if err != nil {
		return nil, err
	}
	if b, err = appendColumns(append(b, `,"columns":`...), op.Columns); err != nil {
		return nil, err
	}

	b = jsontext.AppendString(append(b, `,"until":`...), string(op.Until))
	if b, err = appendArray(append(b, `,"rows":`...), op.Rows, AppendRow); err != nil {
		return nil, fmt.Errorf("table %s: %w", op.Table, err)
	}

	if op.Timeout >= 0 {
		b = strconv.AppendInt(append(b, `,"timeout":`...), op.Timeout.Milliseconds(), 10)
	}

	return b, nil
}

func (op Commit) appendMembers(b []byte) ([]byte, error) {
	return strconv.AppendBool(append(b, `,"durable":`...), op.Durable), nil
}

func (Abort) appendMembers(b []byte) ([]byte, error) { return b, nil }

func (op Comment) appendMembers(b []byte) ([]byte, error) {
	return AppendValue(append(b, `,"comment":`...), String(op.Text))
}

func (op Assert) appendMembers(b []byte) ([]byte, error) {
	if !isID(op.Lock) {
		return nil, fmt.Errorf("lock %q: not letters, digits and underscores", op.Lock)
	}
	return AppendValue(append(b, `,"lock":`...), String(op.Lock))
}

// appendTableAnd appends the member "table" and one more.
func appendTableAnd[T any](
	b []byte, table, name string, v T, appendMember func([]byte, T) ([]byte, error),
) ([]byte, error) {
	b = jsontext.AppendString(append(b, `,"table":`...), table)
	b = append(append(append(b, `,"`...), name...), `":`...)
	b, err := appendMember(b, v)
	if err != nil {
		return nil, fmt.Errorf("table %s: %w", table, err)
	}
	return b, nil
}

func appendConditions(b []byte, where []Condition) ([]byte, error) {
	return appendArray(b, where, appendCondition)
}

func appendColumns(b []byte, columns []string) ([]byte, error) {
	return appendArray(b, columns, func(b []byte, name string) ([]byte, error) {
		return jsontext.AppendString(b, name), nil
	})
}
