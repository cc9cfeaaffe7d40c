package change

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/tapline-sdn/tapline/controller/audit"
	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/store"
)

// Begin looks up the record to change and makes a copy of it. With ifRevision other than 0, the
// record must be at that revision.
func Begin[T any](c *intent.Collection[T], ref string, ifRevision uint64) (before *T, copied T,
	err error) {
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

// Deleting reports whether a record of an id or name is being deleted.
func Deleting[T any](c *intent.Collection[T], ref string) bool {
	record := c.Find(ref)
	return record != nil && c.Meta(record).Deleting
}

// CheckName refuses a name that is no name, or that another record has.
func CheckName[T any](c *intent.Collection[T], record *T) error {
	id, name := c.Key(record)
	check := intent.CheckName
	if c.Kind == store.KindHost {
		check = func(name string) error { return intent.CheckWord("name", name) }
	}
	if err := check(name); err != nil {
		return err
	}
	return c.CheckFree(id, name)
}

// Op makes the operation that stores a record, which was created, or changed from before.
func Op[T any](c *intent.Collection[T], record, before *T) (op store.Op, err error) {
	id, name := c.Key(record)
	meta := c.Meta(record)
	meta.UpdatedAt = time.Now().UTC()
	op = store.Op{Kind: c.Kind, ID: id}
	if before == nil {
		meta.CreatedAt = meta.UpdatedAt
	} else {
		meta.CreatedAt = c.Meta(before).CreatedAt
		op.IfRevision = c.Meta(before).Revision
	}

	if op.Value, err = json.Marshal(record); err != nil {
		return store.Op{}, fmt.Errorf("%s %s: %w", c.Noun, name, err)
	}
	return op, nil
}

// DeletingOp marks a record as deleted, and makes the operation that stores it.
func DeletingOp[T any](c *intent.Collection[T], record, before *T) (op store.Op, err error) {
	c.Meta(record).Deleting = true
	return Op(c, record, before)
}

// EraseOp makes the operation that erases a record.
func EraseOp[T any](c *intent.Collection[T], record *T) store.Op {
	id, _ := c.Key(record)
	return store.Op{Kind: c.Kind, ID: id, IfRevision: c.Meta(record).Revision}
}

// HoldOp stores which hosts may hold something of a service or a flow.
func HoldOp(id string, hosts []string) store.Op {
	return store.Op{Kind: store.KindHold, ID: id, Value: encode(store.Hold{Hosts: hosts})}
}

// PlaceOp stores to which host the tap NIC of a service is pinned.
func PlaceOp(service, host string) store.Op {
	return store.Op{Kind: store.KindPlace, ID: service, Value: encode(store.Place{Host: host})}
}

func encode(v any) json.RawMessage {
	value, err := json.Marshal(v)
	if err != nil {
		panic(err) // Strings can be encoded.
	}
	return value
}

// Entry is a change as the audit log has it. Of a deletion record is nil, of a creation before is
// nil.
func Entry[T any](c *intent.Collection[T], record, before *T) (entry audit.Change, err error) {
	about := record
	if about == nil {
		about = before
	}

	entry.Kind = strings.ReplaceAll(c.Noun, " ", "_")
	entry.ID, entry.Name = c.Key(about)
	if entry.Before, err = noted(c, before); err == nil {
		entry.After, err = noted(c, record)
	}
	if err != nil {
		return entry, fmt.Errorf("%s %s: %w", c.Noun, entry.Name, err)
	}
	return entry, nil
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
