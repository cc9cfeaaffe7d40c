package ovsdb

import (
	"fmt"

	"github.com/tapline-sdn/tapline/ovsdb/internal/jsontext"
)

// OperationResult is what one operation of a transaction yielded. Which fields
// mean something depends on the operation.
type OperationResult struct {
	Count int64 // Update, Mutate, Delete: rows that matched
	UUID  UUID  // Insert: the new row
	Rows  []Row // Select: parsed without types; see TableSchema.ConvertRow
}

// OperationError says that a transaction was not executed, and why. Nothing of
// the transaction took effect.
type OperationError struct {
	Index   int    // of the operation; the number of operations where the commit itself failed
	Op      string // the operation's name; "commit" where the commit itself failed
	Table   string // empty where the operation has none
	Err     string // <error> of RFC 7047, 3.1, such as "constraint violation" or "timed out"
	Details string // for people
}

// Error tells operation, table, error and details.
func (e *OperationError) Error() string {
	s := fmt.Sprintf("operation %d (%s", e.Index, e.Op)
	if e.Table != "" {
		s += " " + e.Table
	}

	s += "): " + e.Err
	if e.Details != "" {
		s += ": " + e.Details
	}

	return s
}

// The <error> strings of RFC 7047 that a client may want to tell apart.
const (
	ErrorTimedOut             = "timed out"            // a Wait whose condition did not hold
	ErrorConstraintViolation  = "constraint violation" // a value, or an index, is violated
	ErrorReferentialIntegrity = "referential integrity violation"
	ErrorDuplicateUUIDName    = "duplicate uuid-name"
	ErrorNotOwner             = "not owner" // an Assert without the lock
	ErrorAborted              = "aborted"   // an Abort
)

// ParseResults reads the "result" of a reply to "transact" (RFC 7047, 4.1.3):
// one element per operation, null where one before it failed, and an error
// after the last where the commit failed. It returns one result for each
// operation of ops. Where the transaction failed the error is an
// *OperationError; any other error means that the text is malformed.
func ParseResults(text []byte, ops []Operation) ([]OperationResult, error) {
	c := newReader(text)
	results := make([]OperationResult, len(ops))
	var failed *OperationError
	n := 0
	for i := range c.Array() {
		n++
		switch {
		case i > len(ops):
			c.Fail(fmt.Errorf("more results than the %d operations and their commit", len(ops)))
		case c.Kind() == jsontext.Null:
			c.Null()
			if failed == nil {
				c.Fail(fmt.Errorf("result %d is null, but no operation before it failed", i))
			}

		default:
			var r OperationResult
			e := parseResult(c, &r)
			switch {
			case e != nil && failed == nil:
				failed = e
				e.describe(i, ops)
			case e == nil && i == len(ops):
				c.Fail(fmt.Errorf("more results than the %d operations", len(ops)))
			case i < len(ops):
				results[i] = r
			}
		}
	}

	if failed == nil && n < len(ops) {
		c.Fail(fmt.Errorf("%d results for %d operations", n, len(ops)))
	}

	if err := c.End(); err != nil {
		return nil, fmt.Errorf("results of a transaction: %w", err)
	}
	if failed != nil {
		return nil, failed
	}

	return results, nil
}

// describe says which operation failed.
func (e *OperationError) describe(i int, ops []Operation) {
	e.Index, e.Op = i, "commit"
	if i < len(ops) {
		e.Op, e.Table = ops[i].Name(), operationTable(ops[i])
	}
}

func operationTable(op Operation) string {
	switch op := op.(type) {
	case Insert:
		return op.Table
	case Select:
		return op.Table
	case Update:
		return op.Table
	case Mutate:
		return op.Table
	case Delete:
		return op.Table
	case Wait:
		return op.Table
	}

	return ""
}

// parseResult consumes one object: a result, or an error, which it returns.
func parseResult(c *reader, r *OperationResult) *OperationError {
	var e OperationError
	for name := range c.Object() {
		switch string(name) {
		case "count":
			r.Count = c.Int()
		case "uuid":
			if u, ok := parseAtom(c, TypeUUID).(UUID); ok {
				r.UUID = u
			} else {
				c.Fail(fmt.Errorf("the uuid of an inserted row is not a UUID"))
			}

		case "rows":
			r.Rows = []Row{}
			for range c.Array() {
				r.Rows = append(r.Rows, parseUntypedRow(c))
			}

		case "error":
			if c.Kind() != jsontext.Null {
				e.Err = c.String()
			}

		case "details":
			if c.Kind() == jsontext.String {
				e.Details = c.String()
			}
		}
	}

	if e.Err == "" {
		return nil
	}

	return &e
}

func parseUntypedRow(c *reader) Row {
	row := Row{}
	for name := range c.Object() {
		row[string(name)] = parseValue(c, nil)
	}
	return row
}
