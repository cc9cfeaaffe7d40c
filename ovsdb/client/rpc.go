package client

import (
	"context"
	"errors"
	"fmt"

	"github.com/tapline-sdn/tapline/ovsdb"
	"github.com/tapline-sdn/tapline/ovsdb/internal/jsontext"
)

// ListDBs returns the names of the server's databases (RFC 7047, 4.1.1).
func (c *Conn) ListDBs(ctx context.Context) ([]string, error) {
	var names []string
	err := c.call(ctx, "list_dbs", []byte("[]"), func(result []byte) error {
		cursor := jsontext.NewCursor(result)
		for range cursor.Array() {
			names = append(names, cursor.String())
		}
		return cursor.End()
	})
	if err != nil {
		return nil, err
	}

	return names, nil
}

// GetSchema returns the schema of a database (RFC 7047, 4.1.2). It is asked
// for once in a connection.
func (c *Conn) GetSchema(ctx context.Context, db string) (*ovsdb.DatabaseSchema, error) {
	return c.schema(ctx, db, c.askSchema(ctx, db))
}

func stringParams(s string) []byte {
	return append(jsontext.AppendString([]byte{'['}, s), ']')
}

// Echo asks the server for a sign of life (RFC 7047, 4.1.11).
func (c *Conn) Echo(ctx context.Context) error {
	return c.call(ctx, "echo", []byte("[]"), func([]byte) error { return nil })
}

// Transact executes operations as one transaction (RFC 7047, 4.1.3). Several
// may be under way at once; the server executes them in the order in which
// they were handed over.
//
// The results are one for each operation. Where the transaction failed, and
// so changed nothing, the error is an *ovsdb.OperationError (an operation or
// the commit failed) or an *RPCError (the server refused the request). Where
// it was sent and no reply came the error is ErrOutcomeUnknown and the cause.
func (c *Conn) Transact(
	ctx context.Context, db string, ops ...ovsdb.Operation,
) ([]ovsdb.OperationResult, error) {
	results, _, err := c.TransactSeq(ctx, db, ops...)
	return results, err
}

// TransactSeq is Transact and returns the sequence number of the reply as well. Every Update with a
// smaller Seq came before it, those of this transaction among them.
func (c *Conn) TransactSeq(
	ctx context.Context, db string, ops ...ovsdb.Operation,
) ([]ovsdb.OperationResult, uint64, error) {
	params, err := appendTransact(nil, db, ops)
	if err != nil {
		return nil, 0, fmt.Errorf("transact: %w", err)
	}

	t, err := c.startTransact(ctx, params, ops)
	if err != nil {
		return nil, 0, err
	}

	err = c.await(ctx, t.pending)
	if refused := (*RPCError)(nil); errors.As(err, &refused) {
		return nil, 0, err
	}
	if err != nil {
		if ctx.Err() != nil {
			c.cancel(t.id)
		}
		return nil, 0, fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
	}

	return t.results, t.seq, t.err
}

// transaction is a transaction that was queued for the writer. Its results may be read once the
// reply has come.
type transaction struct {
	pending
	results []ovsdb.OperationResult
	seq     uint64
	err     error // an *ovsdb.OperationError
}

// startTransact queues a transaction; params is the encoding of its ops.
func (c *Conn) startTransact(
	ctx context.Context, params []byte, ops []ovsdb.Operation,
) (t *transaction, err error) {
	t = &transaction{}
	t.pending, err = c.start(ctx, "transact", params, func(result []byte) error {
		t.seq = c.seq
		t.results, t.err = ovsdb.ParseResults(result, ops)
		if failed := (*ovsdb.OperationError)(nil); errors.As(t.err, &failed) {
			return nil
		}
		return t.err
	})
	return t, err
}

func appendTransact(b []byte, db string, ops []ovsdb.Operation) ([]byte, error) {
	b = jsontext.AppendString(append(b, '['), db)
	for i, op := range ops {
		var err error
		if b, err = ovsdb.AppendOperation(append(b, ','), op); err != nil {
			return nil, fmt.Errorf("operation %d: %w", i, err)
		}
	}

	return append(b, ']'), nil
}
