package client

import (
	"context"
	"crypto/sha256"
	"errors"
	"sync"

	"github.com/tapline-sdn/tapline/ovsdb"
)

// Schemas caches parsed schemas by their text, so that connections to many servers of few versions
// share them: the schema of Open vSwitch takes 30 KB. A new server is asked whether it has the
// schema that another one served last, which costs it a quarter of sending its own. Methods may be
// called concurrently. The zero value is ready for use; a nil *Schemas caches nothing.
type Schemas struct {
	mu     sync.Mutex
	known  map[[sha256.Size]byte]*ovsdb.DatabaseSchema
	recent map[string]*servedSchema // by database: the schema that a server served last
}

// servedSchema is a schema as the database _Server has it, and the transaction that finds a row
// there if a server has the same schema.
type servedSchema struct {
	schema *ovsdb.DatabaseSchema
	ops    []ovsdb.Operation
	params []byte
}

const (
	// maxSchemas bounds the cache, for peers that make schemas up.
	maxSchemas = 64
	// maxServedSchema bounds the schema that a server is asked about, in bytes. The one of Open
	// vSwitch has 15 KB.
	maxServedSchema = 64 << 10
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

// latest returns the schema of a database that a server served last; nil if none has.
func (s *Schemas) latest(db string) *servedSchema {
	if s == nil {
		return nil
	}

	s.mu.Lock()
	defer s.mu.Unlock()

	return s.recent[db]
}

// remember parses and caches a schema from _Server. It returns nil if the text is no schema.
func (s *Schemas) remember(db, text string) *ovsdb.DatabaseSchema {
	schema, err := s.parse([]byte(text))
	if err != nil {
		return nil
	}

	if before := s.latest(db); len(text) <= maxServedSchema &&
		(before == nil || before.schema != schema) {
		served := &servedSchema{schema: schema, ops: []ovsdb.Operation{ovsdb.Select{
			Table: serverTable, Columns: []string{"name"},
			Where: []ovsdb.Condition{nameIs(db),
				ovsdb.Where("schema", ovsdb.Equals, ovsdb.String(text))},
		}}}
		if served.params, err = appendTransact(nil, serverDatabase, served.ops); err != nil {
			return nil
		}

		s.mu.Lock()
		defer s.mu.Unlock()

		if s.recent == nil {
			s.recent = map[string]*servedSchema{}
		}

		s.recent[db] = served
	}

	return schema
}

func nameIs(db string) ovsdb.Condition {
	return ovsdb.Where("name", ovsdb.Equals, ovsdb.String(db))
}

// schemaQuestion asks a server whether it has the schema that another one served last.
type schemaQuestion struct {
	about *ovsdb.DatabaseSchema
	asked *transaction
}

// askSchema sends a schemaQuestion, if there is a schema to ask about. It does not wait for the
// answer, so that further requests can follow at once.
func (c *Conn) askSchema(ctx context.Context, db string) *schemaQuestion {
	served := c.opts.Schemas.latest(db)
	if served == nil || c.schemaOf(db) != nil {
		return nil
	}

	asked, err := c.startTransact(ctx, served.params, served.ops)
	if err != nil {
		return nil // The next request fails too, and reports the error.
	}

	return &schemaQuestion{served.schema, asked}
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
		schema, err = c.serverSchema(ctx, db)
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

// serverSchema reads the schema from the database _Server. It is nil if the server has none: it is
// older than Open vSwitch 2.9.
func (c *Conn) serverSchema(ctx context.Context, db string) (*ovsdb.DatabaseSchema, error) {
	results, err := c.Transact(ctx, serverDatabase, ovsdb.Select{
		Table: serverTable, Where: []ovsdb.Condition{nameIs(db)}, Columns: []string{"schema"},
	})
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
			return c.opts.Schemas.remember(db, string(text)), nil
		}
	}

	return nil, nil
}

// fetchSchema requests the schema by get_schema, which every server has.
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
