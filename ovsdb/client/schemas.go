package client

import (
	"context"
	"crypto/sha256"
	"errors"
	"sync"

	"github.com/tapline-sdn/tapline/ovsdb"
)

// Schemas keeps parsed schemas by their text, so that connections to many
// servers of few versions share them: that of Open vSwitch takes 30 KB. A
// server is asked whether it has the one that another has told last, which
// costs it a quarter of telling its own. Its methods may be called at the same
// time. The zero value is ready for use; nil keeps nothing.
type Schemas struct {
	mu    sync.Mutex
	known map[[sha256.Size]byte]*ovsdb.DatabaseSchema
	told  map[string]*toldSchema // by database: the last one
}

// toldSchema is a schema as a server tells it in its database _Server, and the
// transaction that finds a row there if a server has the same.
type toldSchema struct {
	schema *ovsdb.DatabaseSchema
	ops    []ovsdb.Operation
	params []byte
}

const (
	// maxSchemas bounds what a peer that makes schemas up can fill.
	maxSchemas = 64
	// maxTold bounds the schema that a server is asked about, in bytes. That of
	// Open vSwitch has 15 KB.
	maxTold = 64 << 10
)

func (s *Schemas) parse(text []byte) (*ovsdb.DatabaseSchema, error) {
	if s == nil {
		return ovsdb.ParseSchema(text)
	}

	sum := sha256.Sum256(text)
	s.mu.Lock()
	known := s.known[sum]
	s.mu.Unlock()
	if known != nil {
		return known, nil
	}

	parsed, err := ovsdb.ParseSchema(text)
	if err != nil {
		return nil, err
	}

	s.mu.Lock()
	defer s.mu.Unlock()

	if known := s.known[sum]; known != nil {
		return known, nil
	}

	if s.known == nil || len(s.known) >= maxSchemas {
		s.known = map[[sha256.Size]byte]*ovsdb.DatabaseSchema{}
	}

	s.known[sum] = parsed
	return parsed, nil
}

// last is the schema of a database that a server has told last; nil where none has.
func (s *Schemas) last(db string) *toldSchema {
	if s == nil {
		return nil
	}

	s.mu.Lock()
	defer s.mu.Unlock()

	return s.told[db]
}

// learn takes in what a server tells in _Server. It returns nil where that is no schema.
func (s *Schemas) learn(db, text string) *ovsdb.DatabaseSchema {
	schema, err := s.parse([]byte(text))
	if err != nil {
		return nil
	}

	if before := s.last(db); len(text) <= maxTold && (before == nil || before.schema != schema) {
		told := &toldSchema{schema: schema, ops: []ovsdb.Operation{ovsdb.Select{
			Table: serverTable, Columns: []string{"name"},
			Where: []ovsdb.Condition{nameIs(db),
				ovsdb.Where("schema", ovsdb.Equals, ovsdb.String(text))},
		}}}
		if told.params, err = appendTransact(nil, serverDatabase, told.ops); err != nil {
			return nil
		}

		s.mu.Lock()
		defer s.mu.Unlock()

		if s.told == nil {
			s.told = map[string]*toldSchema{}
		}

		s.told[db] = told
	}

	return schema
}

func nameIs(db string) ovsdb.Condition {
	return ovsdb.Where("name", ovsdb.Equals, ovsdb.String(db))
}

// schemaQuestion is whether a server has the schema that another has told.
type schemaQuestion struct {
	about *ovsdb.DatabaseSchema
	asked *transaction
}

// askSchema asks that, where there is one to ask about, so that what comes next need not wait for
// the answer.
func (c *Conn) askSchema(ctx context.Context, db string) *schemaQuestion {
	told := c.opts.Schemas.last(db)
	if told == nil || c.schemaOf(db) != nil {
		return nil
	}

	asked, err := c.startTransact(ctx, told.params, told.ops)
	if err != nil {
		return nil // What is asked next fails too.
	}

	return &schemaQuestion{told.schema, asked}
}

func (c *Conn) schemaOf(db string) *ovsdb.DatabaseSchema {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.schemas[db]
}

// schema finds the schema of a database in the cheapest way that works.
func (c *Conn) schema(
	ctx context.Context, db string, q *schemaQuestion,
) (schema *ovsdb.DatabaseSchema, err error) {
	if schema = c.schemaOf(db); schema != nil {
		return schema, nil
	}

	if q != nil && c.await(ctx, q.asked.pending) == nil && q.asked.err == nil &&
		len(q.asked.results[0].Rows) == 1 {
		schema = q.about
	}

	if schema == nil && c.opts.Schemas != nil {
		schema, err = c.toldSchema(ctx, db)
	}

	if schema == nil && err == nil {
		schema, err = c.fetchSchema(ctx, db)
	}

	if err != nil {
		return nil, err
	}

	c.mu.Lock()
	defer c.mu.Unlock()

	c.schemas[db] = schema
	return schema, nil
}

// toldSchema reads the schema where a server tells what it serves. It is nil where a server tells
// none: it is older than Open vSwitch 2.9.
func (c *Conn) toldSchema(ctx context.Context, db string) (*ovsdb.DatabaseSchema, error) {
	results, err := c.Transact(ctx, serverDatabase,
		ovsdb.Select{Table: serverTable, Where: []ovsdb.Condition{nameIs(db)},
			Columns: []string{"schema"}})
	var refused *RPCError
	var failed *ovsdb.OperationError
	switch {
	case errors.As(err, &refused), errors.As(err, &failed):
		return nil, nil
	case err != nil:
		return nil, err
	}

	for _, row := range results[0].Rows {
		if text, is := row["schema"].(ovsdb.String); is {
			return c.opts.Schemas.learn(db, string(text)), nil
		}
	}

	return nil, nil
}

// fetchSchema has the server tell its schema.
func (c *Conn) fetchSchema(ctx context.Context, db string) (*ovsdb.DatabaseSchema, error) {
	var schema *ovsdb.DatabaseSchema
	err := c.call(ctx, "get_schema", stringParams(db), func(result []byte) (err error) {
		schema, err = c.opts.Schemas.parse(result)
		return err
	})
	if err != nil {
		return nil, err
	}

	return schema, nil
}
