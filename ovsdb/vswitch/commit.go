package vswitch

import (
	"context"
	"errors"
	"fmt"

	"github.com/tapline-sdn/tapline/ovsdb"
	"github.com/tapline-sdn/tapline/ovsdb/client"
)

// ErrConflict says that the switch is no longer as the transaction's snapshot showed it: a guarded
// row is gone, was renamed or has another owner, a name is taken, or a reference dangles. Nothing
// was changed. Plan again with a new snapshot.
var ErrConflict = errors.New("the switch's database has changed since the snapshot")

// ErrLockLost says that the connection does not hold the lock that the transaction asserts. Nothing
// was changed.
var ErrLockLost = errors.New("the lock of the switch's database is not held")

// ErrFenced says that the switch does not bear the pair of external_ids that the transaction
// requires. Nothing was changed.
var ErrFenced = errors.New("the switch bears another mark than the transaction requires")

// ErrOutcomeUnknown says that the transaction may or may not have taken effect.
// Read the state again.
var ErrOutcomeUnknown = client.ErrOutcomeUnknown

// Transactor executes operations; *client.Conn is one.
type Transactor interface {
	Transact(
		ctx context.Context, db string, ops ...ovsdb.Operation,
	) ([]ovsdb.OperationResult, error)
}

// Result is the result of a transaction.
type Result struct {
	// NextCfg is Open_vSwitch.next_cfg after IncrementNextCfg, else 0.
	NextCfg int64
	// Inserted are the UUIDs of the inserted rows. Of several mirrors or
	// controllers of one name it has the last; see UUID.
	Inserted map[RowName]UUID

	rows []UUID // in the order of insertion
}

// UUID returns the real UUID of a row that the transaction inserted, given the
// one that the insert method returned. Any other it returns as it is.
func (r Result) UUID(id UUID) UUID {
	if n := insertedIndex(id); n < len(r.rows) {
		return r.rows[n]
	}
	return id
}

// Commit executes the transaction. Its error is ErrConflict, ErrLockLost, ErrFenced, or
// ErrOutcomeUnknown, or a mistake in building, or an error of the connection or
// the server, such as an *ovsdb.OperationError for a value that the schema does
// not allow.
func (t *Txn) Commit(ctx context.Context, conn Transactor) (Result, error) {
	ops, at, err := t.build()
	if err != nil {
		return Result{}, fmt.Errorf("transaction: %w", err)
	}

	results, err := conn.Transact(ctx, Database, ops...)
	if err != nil {
		return Result{}, fmt.Errorf("transaction: %w", at.conflict(err, len(ops)))
	}

	out := Result{Inserted: map[RowName]UUID{}}
	for i, in := range t.inserts {
		id := results[at.inserts+i].UUID
		out.rows = append(out.rows, id)
		out.Inserted[in.name] = id
	}

	if at.nextCfg >= 0 {
		rows := results[at.nextCfg].Rows
		if len(rows) != 1 {
			return Result{}, fmt.Errorf("transaction: %d rows in table %s where one should be: %w",
				len(rows), TableOpenVSwitch, ErrOutcomeUnknown)
		}

		n, _, err := as[ovsdb.Integer](rows[0]["next_cfg"])
		if err != nil {
			return Result{}, fmt.Errorf("transaction: next_cfg: %w: %w", err, ErrOutcomeUnknown)
		}

		out.NextCfg = int64(n)
	}

	return out, nil
}

// conflict adds ErrLockLost, ErrFenced or ErrConflict to the errors that mean it. A conflict is a
// guard that did not hold, or a commit that would violate an index or leave a dangling reference.
func (at layout) conflict(err error, ops int) error {
	var failed *ovsdb.OperationError
	if !errors.As(err, &failed) {
		return err
	}

	if failed.Err == ovsdb.ErrorNotOwner {
		return fmt.Errorf("%w: %w", ErrLockLost, err)
	}

	if failed.Index == at.fence && failed.Err == ovsdb.ErrorTimedOut {
		return fmt.Errorf("%w: %w", ErrFenced, err)
	}

	guard := failed.Index < at.guards && failed.Err == ovsdb.ErrorTimedOut
	commit := failed.Index == ops &&
		(failed.Err == ovsdb.ErrorConstraintViolation ||
			failed.Err == ovsdb.ErrorReferentialIntegrity)
	if guard || commit {
		return fmt.Errorf("%w: %w", ErrConflict, err)
	}

	return err
}
