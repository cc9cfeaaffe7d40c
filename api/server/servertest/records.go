package servertest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/controller/engine/events"
	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// records holds the resources of one kind: R is a record, V its view. The methods are those of
// server.Engine; those that end in Locked expect the lock of the engine.
type records[R, V any] struct {
	e       *Engine
	kind    string // in a sentence
	idForm  string // prefix of the ids that are made
	ident   func(r *R) (id *string, name string)
	meta    func(r *R) *store.Meta
	view    func(r R) V
	health  func(v V) view.Health
	event   func(v *V) events.Event
	resolve func(r *R) error // turns names into ids, and checks the record; nil: nothing to do
	removal func(r R) error  // why it cannot be deleted; nil: it always can
	hard    bool             // it cannot be deleted while it is on switches, unless that is forced

	rows []R // ordered by name
}

func (t *records[R, V]) list() []V {
	t.e.mu.Lock()
	defer t.e.mu.Unlock()

	out := make([]V, len(t.rows))
	for i, r := range t.rows {
		out[i] = t.view(r)
	}
	return out
}

func (t *records[R, V]) get(ref string) (V, error) {
	t.e.mu.Lock()
	defer t.e.mu.Unlock()

	return t.getLocked(ref)
}

func (t *records[R, V]) getLocked(ref string) (v V, err error) {
	i, err := t.findLocked(ref)
	if err != nil {
		return v, err
	}

	return t.view(t.rows[i]), nil
}

func (t *records[R, V]) findLocked(ref string) (int, error) {
	for i := range t.rows {
		if id, name := t.ident(&t.rows[i]); *id == ref || name == ref {
			return i, nil
		}
	}

	return -1, &view.Error{
		Kind: view.NotFound, Message: fmt.Sprintf("there is no %s %q", t.kind, ref),
	}
}

func (t *records[R, V]) putLocked(r R) {
	id, _ := t.ident(&r)
	if i, err := t.findLocked(*id); err == nil {
		t.rows = slices.Delete(t.rows, i, i+1)
	}

	t.rows = append(t.rows, r)
	slices.SortFunc(t.rows, func(a, b R) int {
		_, x := t.ident(&a)
		_, y := t.ident(&b)
		return strings.Compare(x, y)
	})
}

func (t *records[R, V]) create(r R) (v V, err error) {
	t.e.mu.Lock()
	defer t.e.mu.Unlock()

	id, name := t.ident(&r)
	if _, err := t.findLocked(name); err == nil {
		return v, conflict("name", "there is a %s %q already", t.kind, name)
	}
	if t.resolve != nil {
		if err := t.resolve(&r); err != nil {
			return v, err
		}
	}

	if *id == "" {
		*id = t.e.newIDLocked(t.idForm)
	}

	old := t.meta(&r)
	*old = t.e.stampLocked(store.Meta{Request: old.Request, AppliedBy: old.AppliedBy})
	return t.storeLocked("created", r), nil
}

func (t *records[R, V]) update(
	ref string, ifRevision uint64, edit func(*R) error,
) (v V, err error) {
	t.e.mu.Lock()
	defer t.e.mu.Unlock()

	i, err := t.findLocked(ref)
	if err != nil {
		return v, err
	}

	r := t.rows[i]
	if err := checkRevision(t.meta(&r).Revision, ifRevision); err != nil {
		return v, err
	}

	if err := edit(&r); err != nil {
		return v, err
	}
	if t.resolve != nil {
		if err := t.resolve(&r); err != nil {
			return v, err
		}
	}

	meta := t.meta(&r)
	*meta = t.e.stampLocked(*meta)
	return t.storeLocked("updated", r), nil
}

// storeLocked stores a record that was created or updated, and publishes the event.
func (t *records[R, V]) storeLocked(what string, r R) V {
	t.putLocked(r)

	v := t.view(r)
	t.e.publishLocked(what, t.event(&v))
	return v
}

// remove deletes a record. While the switches have something of it, it stays listed as deleting. A
// kind with hard deletions refuses that unless it is forced.
func (t *records[R, V]) remove(ref string, ifRevision uint64, force bool) error {
	t.e.mu.Lock()
	defer t.e.mu.Unlock()

	i, err := t.findLocked(ref)
	if err != nil {
		return err
	}

	r := t.rows[i]
	if err := checkRevision(t.meta(&r).Revision, ifRevision); err != nil {
		return err
	}
	if t.removal != nil {
		if err := t.removal(r); err != nil {
			return err
		}
	}

	id, name := t.ident(&r)
	if !t.e.leaving[*id] {
		t.dropLocked(*id)
		return nil
	}

	if t.hard && !force {
		return &view.Error{
			Kind: view.Conflict, Code: view.CodeHostUnreachable,
			Message: fmt.Sprintf("host %q cannot be reached, and may have something of ours", name),
		}
	}

	t.e.deleting[*id] = true
	v := t.view(r)
	t.e.publishLocked("updated", t.event(&v))
	return nil
}

// dropLocked drops the record with an id, if there is one.
func (t *records[R, V]) dropLocked(id string) {
	i, err := t.findLocked(id)
	if err != nil {
		return
	}

	v := t.view(t.rows[i])
	t.rows = slices.Delete(t.rows, i, i+1)
	t.e.publishLocked("deleted", t.event(&v))
}

// wait reads a view until it is no longer pending, or ctx ends.
func (t *records[R, V]) wait(ctx context.Context, id string) (V, error) {
	for {
		t.e.mu.Lock()
		v, err := t.getLocked(id)
		changed := t.e.changed
		t.e.mu.Unlock()

		if err != nil || t.health(v).State != tap.StatePending {
			return v, err
		}

		select {
		case <-ctx.Done():
			return v, ctx.Err()
		case <-changed:
		}
	}
}

// creations returns the creations with an Idempotency-Key.
func (t *records[R, V]) creationsLocked() (out []intent.Creation) {
	for _, r := range t.rows {
		id, _ := t.ident(&r)
		if meta := t.meta(&r); meta.Request.Key != "" {
			out = append(out, intent.Creation{Request: meta.Request, ID: *id, At: meta.CreatedAt})
		}
	}

	return out
}

func invalid(field, format string, args ...any) error {
	return &view.Error{Kind: view.Invalid, Field: field, Message: fmt.Sprintf(format, args...)}
}

func conflict(field, format string, args ...any) error {
	return &view.Error{Kind: view.Conflict, Field: field, Message: fmt.Sprintf(format, args...)}
}

func checkRevision(have, want uint64) error {
	if want == 0 || have == want {
		return nil
	}

	return &view.Error{Kind: view.Stale, Message: fmt.Sprintf(
		"it was changed meanwhile: its revision is %d, not %d", have, want)}
}
