package engine

import (
	"context"
	"errors"
	"time"

	"github.com/tapline-sdn/tapline/controller/engine/change"
	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// The parts that every change of intent shares. All of them are called with write held.

// committer stores what was prepared, and returns its revision; [Engine.commit] is one.
type committer func(context.Context, ...store.Op) (uint64, error)

// locked calls f with mu held.
func (e *Engine) locked(f func() error) error {
	e.mu.Lock()
	defer e.mu.Unlock()

	return f()
}

// begin looks up the record to change and makes a copy of it; see [change.Begin]. It takes mu.
func begin[T any](e *Engine, c *intent.Collection[T], ref string, ifRevision uint64) (before *T,
	copied T, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()

	return change.Begin(c, ref, ifRevision)
}

// prepare makes the operation that stores a record, which was created, or changed from before.
func prepare[T any](ctx context.Context, e *Engine, c *intent.Collection[T], record,
	before *T) (store.Op, error) {
	if err := e.locked(func() error { return change.CheckName(c, record) }); err != nil {
		return store.Op{}, err
	}
	if err := intent.CheckNotes(c.Notes(record)); err != nil {
		return store.Op{}, err
	}

	op, err := change.Op(c, record, before)
	if err != nil {
		return store.Op{}, err
	}
	return op, tellAudit(ctx, e, c, record, before)
}

// save commits a record that was created, or changed from before. The caller then takes it over
// into memory.
func save[T any](ctx context.Context, e *Engine, c *intent.Collection[T], record, before *T,
	commit committer) error {
	op, err := prepare(ctx, e, c, record, before)
	if err != nil {
		return err
	}
	c.Meta(record).Revision, err = commit(ctx, op)
	return err
}

// erase commits the deletion of a record.
func erase[T any](ctx context.Context, e *Engine, c *intent.Collection[T], record *T,
	commit committer) error {
	if err := tellAudit(ctx, e, c, nil, record); err != nil {
		return err
	}
	_, err := commit(ctx, change.EraseOp(c, record))
	return err
}

// markDeleted commits that a record is being deleted, with what hosts may hold of it.
func markDeleted[T any](ctx context.Context, e *Engine, c *intent.Collection[T], record,
	before *T, hold []string, commit committer) error {
	if err := tellAudit(ctx, e, c, nil, before); err != nil {
		return err
	}

	op, err := change.DeletingOp(c, record, before)
	if err != nil {
		return err
	}
	ops := []store.Op{op}
	if len(hold) > 0 {
		ops = append(ops, change.HoldOp(op.ID, hold))
	}

	c.Meta(record).Revision, err = commit(ctx, ops...)
	return err
}

// tellAudit records a change in the audit log before it is stored. Of a deletion record is nil, of
// a creation before is nil.
func tellAudit[T any](ctx context.Context, e *Engine, c *intent.Collection[T], record,
	before *T) error {
	if e.config.Audit == nil {
		return nil
	}

	entry, err := change.Entry(c, record, before)
	if err != nil {
		return err
	}
	if err := e.config.Audit.Change(ctx, entry); err != nil {
		return &view.Error{Kind: view.Unavailable, Message: err.Error(), Err: err}
	}
	return nil
}

func (e *Engine) commit(ctx context.Context, ops ...store.Op) (uint64, error) {
	revision, err := e.config.Store.Commit(ctx, ops...)
	switch {
	case errors.Is(err, store.ErrConflict):
		return 0, &view.Error{Kind: view.Stale, Message: "it was changed meanwhile; read it again",
			Err: err}
	case err != nil && ctx.Err() == nil:
		return 0, &view.Error{Kind: view.Unavailable,
			Message: "the change could not be stored: " + err.Error(), Err: err}
	}
	return revision, err
}

// check asks the plugin whether a service or a flow fits what exists, once it has taken in
// everything that happened so far.
func (e *Engine) check(ctx context.Context, r tap.Resource) (tap.Resource, error) {
	e.mu.Lock()
	mirror, revision := e.mirror, e.planning.Last()
	e.mu.Unlock()
	if mirror == nil {
		return tap.Resource{}, view.Errorf(view.Unavailable, "",
			"the mirror plugin is being restarted; try again")
	}

	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	out, err := mirror.Check(ctx, revision, r)
	if err != nil && ctx.Err() == nil {
		e.mu.Lock()
		other := e.mirror
		e.mu.Unlock()
		if other != nil && other != mirror { // Another has taken over meanwhile.
			out, err = other.Check(ctx, revision, r)
		}
	}

	var no *tap.Rejection
	switch {
	case errors.As(err, &no) && no.Conflict:
		return out, &view.Error{Kind: view.Conflict, Field: no.Field, Message: no.Message, Err: err}
	case errors.As(err, &no):
		return out, &view.Error{Kind: view.Invalid, Field: no.Field, Message: no.Message, Err: err}
	case err != nil:
		return out, &view.Error{Kind: view.Unavailable,
			Message: "the mirror plugin does not answer; try again", Err: err}
	}

	return out, nil
}

const checkTime = 10 * time.Second

// Creations are those of all records that there are, the oldest first.
func (e *Engine) Creations() []intent.Creation {
	e.mu.Lock()
	defer e.mu.Unlock()

	return e.intent.Creations()
}
