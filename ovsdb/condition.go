package ovsdb

import (
	"fmt"

	"github.com/tapline-sdn/tapline/ovsdb/internal/jsontext"
)

// Function is the comparison of a Condition (RFC 7047, 5.1).
type Function string

// The functions of RFC 7047. On sets and maps Includes asks whether the column
// holds at least the elements given, Excludes whether it holds none of them.
const (
	Equals         Function = "=="
	NotEquals      Function = "!="
	Includes       Function = "includes"
	Excludes       Function = "excludes"
	Less           Function = "<"
	LessOrEqual    Function = "<="
	Greater        Function = ">"
	GreaterOrEqual Function = ">="
)

// Condition is a test on one column of a row.
type Condition struct {
	Column   string
	Function Function
	Value    Value
}

// Where returns the condition column function value.
func Where(column string, function Function, value Value) Condition {
	return Condition{column, function, value}
}

// ByUUID returns the condition that holds for the row u alone.
func ByUUID(u UUID) Condition { return Condition{"_uuid", Equals, u} }

func appendCondition(b []byte, c Condition) ([]byte, error) {
	return appendTriple(b, c.Column, string(c.Function), c.Value)
}

// appendTriple appends the common form of conditions and mutations.
func appendTriple(b []byte, column, verb string, v Value) ([]byte, error) {
	b = append(jsontext.AppendString(append(b, '['), column), ',')
	b = append(jsontext.AppendString(b, verb), ',')
	b, err := AppendValue(b, v)
	if err != nil {
		return nil, fmt.Errorf("column %s: %w", column, err)
	}
	return append(b, ']'), nil
}

// appendArray appends a JSON array.
func appendArray[E any](
	b []byte, list []E, appendElement func([]byte, E) ([]byte, error),
) ([]byte, error) {
	var err error
	b = append(b, '[')
	for i, e := range list {
		if i > 0 {
			b = append(b, ',')
		}

		if b, err = appendElement(b, e); err != nil {
			return nil, err
		}
	}

	return append(b, ']'), nil
}
