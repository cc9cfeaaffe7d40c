package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/tapline-sdn/tapline/controller/audit"
	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// The parts that every change of intent shares. All of them are called with write held.

func newID() string { return uuid.NewString() }

// committer stores what was prepared, and returns its revision; [Engine.commit] is one.
type committer func(context.Context, ...store.Op) (uint64, error)

// prepare makes the operation that stores a record, which was created, or changed from before.
func prepare[T any](ctx context.Context, e *Engine, c *intent.Collection[T], record,
	before *T) (store.Op, error) {
	id, name := c.Key(record)
	check := intent.CheckName
	if c.Kind == store.KindHost {
		check = func(name string) error { return intent.CheckWord("name", name) }
	}
	if err := check(name); err != nil {
		return store.Op{}, err
	}

	e.mu.Lock()
	err := c.CheckFree(id, name)
	e.mu.Unlock()
	if err != nil {
		return store.Op{}, err
	}

	meta := c.Meta(record)
	meta.UpdatedAt = time.Now().UTC()
	op := store.Op{Kind: c.Kind, ID: id}
	if before == nil {
		meta.CreatedAt = meta.UpdatedAt
	} else {
		meta.CreatedAt = c.Meta(before).CreatedAt
		op.IfRevision = c.Meta(before).Revision
	}

	if op.Value, err = json.Marshal(record); err != nil {
		return store.Op{}, fmt.Errorf("%s %s: %w", c.Noun, name, err)
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

// tellAudit records a change in the audit log before it is stored. Of a deletion record is nil, of
// a creation before is nil.
func tellAudit[T any](ctx context.Context, e *Engine, c *intent.Collection[T], record,
	before *T) (err error) {
	if e.config.Audit == nil {
		return nil
	}

	about := record
	if about == nil {
		about = before
	}

	change := audit.Change{Kind: strings.ReplaceAll(c.Noun, " ", "_")}
	change.ID, change.Name = c.Key(about)
	if change.Before, err = noted(c, before); err == nil {
		change.After, err = noted(c, record)
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", c.Noun, change.Name, err)
	}

	if err := e.config.Audit.Change(ctx, change); err != nil {
		return &view.Error{Kind: view.Unavailable, Message: err.Error(), Err: err}
	}

	return nil
}

// noted is a record as the audit log shows it, that is, without its idempotency key; nil if there
// is no record.
func noted[T any](c *intent.Collection[T], record *T) (json.RawMessage, error) {
	if record == nil {
		return nil, nil
	}
	v := *record
	c.Meta(&v).Request = store.Request{}
	return json.Marshal(v)
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

// begin looks up the record to change and makes a copy of it.
func begin[T any](e *Engine, c *intent.Collection[T], ref string, ifRevision uint64) (before *T,
	copied T, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()

	before, err = c.Get(ref)
	if err != nil {
		return nil, copied, err
	}

	if c.Meta(before).Deleting {
		return nil, copied, view.Errorf(view.Conflict, "", "%s %q is being deleted", c.Noun, ref)
	}
	if has := c.Meta(before).Revision; ifRevision != 0 && has != ifRevision {
		return nil, copied, view.Errorf(view.Stale, "",
			"%s %q is at revision %d, not %d; read it again", c.Noun, ref, has, ifRevision)
	}

	return before, *before, nil
}

// erase commits the deletion of a record.
func erase[T any](ctx context.Context, e *Engine, c *intent.Collection[T], record *T,
	commit committer) error {
	id, _ := c.Key(record)
	if err := tellAudit(ctx, e, c, nil, record); err != nil {
		return err
	}
	_, err := commit(ctx, store.Op{Kind: c.Kind, ID: id, IfRevision: c.Meta(record).Revision})
	return err
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

// guestRef resolves the id or name of a guest, declared or seen. A name of two guests is a
// Conflict; one of none is an error of kind missing.
func (e *Engine) guestRef(field, ref string, missing view.ErrorKind) (string, error) {
	e.mu.Lock()
	defer e.mu.Unlock()

	g := e.intent.Guests.Find(ref)
	seen := e.seesGuest(ref)
	switch {
	case g != nil && g.ID != ref && seen:
		return "", view.Errorf(view.Conflict, field,
			"%q is the name of guest %s and the id of another guest that the switches show; "+
				"say %s for the former, or rename it by guest-update to reach the latter", ref,
			g.ID, g.ID)
	case g != nil:
		return g.ID, nil
	case seen:
		return ref, nil
	}

	if id, one := e.places.DomainNamed(ref); one {
		return id, nil
	}

	return "", view.Errorf(missing, field,
		"there is no guest %q: no port tells this id, and none was declared by guest-create", ref)
}

// seesGuest reports whether ports or a hypervisor tell of a guest of this id. The caller holds mu.
func (e *Engine) seesGuest(id string) bool {
	return e.places.SeesGuest(id)
}

func (e *Engine) hostID(ref string) (string, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if h := e.intent.Hosts.Find(ref); h != nil {
		return h.ID, true
	}
	return ref, false
}

// Creations are those of all records that there are, the oldest first.
func (e *Engine) Creations() []intent.Creation {
	e.mu.Lock()
	defer e.mu.Unlock()

	return e.intent.Creations()
}
