package ovsdb

import (
	"errors"
	"fmt"
	"time"
)

// ParseOperation reads an operation as AppendOperation writes it, for servers and for tools that
// look at what a client sends. Values are read without a type; see ParseValue.
func ParseOperation(text []byte) (Operation, error) {
	c := newReader(text)
	m := operationMembers{timeout: -1}
	for name := range c.Object() {
		if parse := memberParsers[string(name)]; parse != nil {
			parse(c, &m)
		}
	}

	if err := c.End(); err != nil {
		return nil, fmt.Errorf("operation: %w", err)
	}

	form, known := operationForms[m.op]
	switch {
	case !known:
		return nil, fmt.Errorf("operation %.40q is none of RFC 7047, 5.2", m.op)
	case form.hasTable != (m.table != ""):
		return nil, fmt.Errorf("operation %s: a table is missing or misplaced", m.op)
	}

	return form.make(m), nil
}

// operationMembers are the members that operations have.
type operationMembers struct {
	op, table string
	where     []Condition
	row       Row
	rows      []Row
	columns   []string
	mutations []Mutation
	until     Function
	timeout   time.Duration
	uuidName  NamedUUID
	uuid      UUID
	durable   bool
	comment   string
	lock      string
}

// operationForms says which operations have a table, and makes them from their members.
var operationForms = map[string]struct {
	hasTable bool
	make     func(m operationMembers) Operation
}{
	"insert": {true,
		func(m operationMembers) Operation { return Insert{m.table, m.row, m.uuidName, m.uuid} }},
	"select": {true,
		func(m operationMembers) Operation { return Select{m.table, m.where, m.columns} }},
	"update": {true, func(m operationMembers) Operation { return Update{m.table, m.where, m.row} }},
	"mutate": {true,
		func(m operationMembers) Operation { return Mutate{m.table, m.where, m.mutations} }},
	"delete": {true, func(m operationMembers) Operation { return Delete{m.table, m.where} }},
	"wait": {true, func(m operationMembers) Operation {
		return Wait{m.table, m.where, m.columns, m.until, m.rows, m.timeout}
	}},
	"commit":  {false, func(m operationMembers) Operation { return Commit{m.durable} }},
	"abort":   {false, func(operationMembers) Operation { return Abort{} }},
	"comment": {false, func(m operationMembers) Operation { return Comment{m.comment} }},
	"assert":  {false, func(m operationMembers) Operation { return Assert{m.lock} }},
}

// maxTimeout is the longest timeout of a Wait that time.Duration holds, in
// milliseconds.
const maxTimeout = int64(1<<63-1) / int64(time.Millisecond)

var memberParsers = map[string]func(c *reader, m *operationMembers){
	"op":    func(c *reader, m *operationMembers) { m.op = c.String() },
	"table": func(c *reader, m *operationMembers) { m.table = c.String() },
	"row":   func(c *reader, m *operationMembers) { m.row = parseUntypedRow(c) },
	"where": func(c *reader, m *operationMembers) {
		for range c.Array() {
			column, verb, v := parseTriple(c)
			m.where = append(m.where, Condition{column, Function(verb), v})
		}
	},
	"mutations": func(c *reader, m *operationMembers) {
		for range c.Array() {
			column, verb, v := parseTriple(c)
			m.mutations = append(m.mutations, Mutation{column, Mutator(verb), v})
		}
	},
	"rows": func(c *reader, m *operationMembers) {
		for range c.Array() {
			m.rows = append(m.rows, parseUntypedRow(c))
		}
	},
	"columns": func(c *reader, m *operationMembers) {
		m.columns = []string{}
		for range c.Array() {
			m.columns = append(m.columns, c.String())
		}
	},
	"until": func(c *reader, m *operationMembers) { m.until = Function(c.String()) },
	"timeout": func(c *reader, m *operationMembers) {
		n := c.Int()
		if n < 0 || n > maxTimeout {
			c.Fail(fmt.Errorf("timeout of %d ms", n))
		}
		m.timeout = time.Duration(n) * time.Millisecond
	},
	"uuid-name": func(c *reader, m *operationMembers) { m.uuidName = NamedUUID(parseID(c.Cursor)) },
	"uuid":      func(c *reader, m *operationMembers) { m.uuid = parsePlainUUID(c) },
	"durable":   func(c *reader, m *operationMembers) { m.durable = c.Bool() },
	"comment":   func(c *reader, m *operationMembers) { m.comment = c.String() },
	"lock":      func(c *reader, m *operationMembers) { m.lock = parseID(c.Cursor) },
}

// parseTriple consumes a condition or a mutation.
func parseTriple(c *reader) (column, verb string, v Value) {
	for i := range c.Array() {
		switch i {
		case 0:
			column = c.String()
		case 1:
			verb = c.String()
		case 2:
			v = parseValue(c, nil)
		default:
			c.Fail(errors.New("more than [column, function, value]"))
		}
	}

	if v == nil {
		c.Fail(errors.New("less than [column, function, value]"))
	}

	return column, verb, v
}
