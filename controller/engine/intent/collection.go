package intent

import (
	"cmp"
	"maps"
	"slices"

	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/store"
)

// Collection holds the records of one kind. Records are replaced, never changed in place.
type Collection[T any] struct {
	Kind   store.Kind
	Noun   string // for messages
	ByID   map[string]*T
	byName map[string]string
	order  []*T // by name; nil until somebody asks
	Key    func(*T) (id, name string)
	Meta   func(*T) *store.Meta
	Notes  func(*T) store.Notes
}

func newCollection[T any](
	kind store.Kind, noun string, key func(*T) (string, string), meta func(*T) *store.Meta,
	notes func(*T) store.Notes,
) *Collection[T] {
	return &Collection[T]{Kind: kind, Noun: noun, ByID: map[string]*T{},
		byName: map[string]string{}, Key: key, Meta: meta, Notes: notes}
}

// Find looks a record up by id or name; nil if there is none.
func (c *Collection[T]) Find(ref string) *T {
	if r := c.ByID[ref]; r != nil {
		return r
	}
	return c.ByID[c.byName[ref]]
}

// Get looks a record up by id or name, or returns a NotFound error.
func (c *Collection[T]) Get(ref string) (*T, error) {
	if r := c.Find(ref); r != nil {
		return r, nil
	}
	return nil, view.Errorf(view.NotFound, "", "there is no %s %q", c.Noun, ref)
}

// Put adds a record, or replaces the one of the same id.
func (c *Collection[T]) Put(r *T) {
	id, name := c.Key(r)
	c.Remove(id)
	c.ByID[id] = r
	c.byName[name] = id
	if c.order != nil {
		c.order = slices.Insert(c.order, c.place(name), r)
	}
}

// Remove removes the record of an id, if there is one.
func (c *Collection[T]) Remove(id string) {
	if old := c.ByID[id]; old != nil {
		_, name := c.Key(old)
		delete(c.byName, name)
		delete(c.ByID, id)
		if c.order != nil {
			at := c.place(name)
			c.order = slices.Delete(c.order, at, at+1)
		}
	}
}

// place is the index in the order at which a name is, or would be inserted.
func (c *Collection[T]) place(name string) int {
	at, _ := slices.BinarySearchFunc(c.order, name, func(r *T, name string) int {
		_, has := c.Key(r)
		return cmp.Compare(has, name)
	})
	return at
}

// CheckFree returns a Conflict error if another record than that of an id has a name as its name or
// id.
func (c *Collection[T]) CheckFree(id, name string) error {
	if other := c.Find(name); other != nil {
		if otherID, _ := c.Key(other); otherID != id {
			if c.Meta(other).Deleting {
				return view.Errorf(view.Conflict, "name",
					"%s %q (%s) is being deleted: some switch may still have something of it",
					c.Noun, name, otherID)
			}
			return view.Errorf(view.Conflict, "name", "%s %q already exists (%s)", c.Noun, name,
				otherID)
		}
	}
	return nil
}

// Sorted returns all records by name. The slice is valid until a record is put or removed.
func (c *Collection[T]) Sorted() []*T {
	if c.order == nil {
		c.order = slices.AppendSeq(make([]*T, 0, len(c.ByID)), maps.Values(c.ByID))
		slices.SortFunc(c.order, func(a, b *T) int {
			_, x := c.Key(a)
			_, y := c.Key(b)
			return cmp.Compare(x, y)
		})
	}
	return c.order
}
