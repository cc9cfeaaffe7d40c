package engine

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/sets"
	"github.com/tapline-sdn/tapline/controller/store"
)

// collection holds the records of one kind. Records are replaced, never changed in place.
type collection[T any] struct {
	kind   store.Kind
	noun   string // for messages
	byID   map[string]*T
	byName map[string]string
	order  []*T // by name; nil until somebody asks
	key    func(*T) (id, name string)
	meta   func(*T) *store.Meta
}

func newCollection[T any](kind store.Kind, noun string, key func(*T) (string, string), meta func(*T) *store.Meta) *collection[T] {
	return &collection[T]{kind: kind, noun: noun, byID: map[string]*T{}, byName: map[string]string{}, key: key, meta: meta}
}

// find looks a record up by id or name.
func (c *collection[T]) find(ref string) *T {
	if r := c.byID[ref]; r != nil {
		return r
	}
	return c.byID[c.byName[ref]]
}

// get is find, or an error that says what there is not.
func (c *collection[T]) get(ref string) (*T, error) {
	if r := c.find(ref); r != nil {
		return r, nil
	}
	return nil, view.Errorf(view.NotFound, "", "there is no %s %q", c.noun, ref)
}

func (c *collection[T]) put(r *T) {
	id, name := c.key(r)
	c.remove(id)
	c.byID[id] = r
	c.byName[name] = id
	if c.order != nil {
		c.order = slices.Insert(c.order, c.place(name), r)
	}
}

func (c *collection[T]) remove(id string) {
	if old := c.byID[id]; old != nil {
		_, name := c.key(old)
		delete(c.byName, name)
		delete(c.byID, id)
		if c.order != nil {
			at := c.place(name)
			c.order = slices.Delete(c.order, at, at+1)
		}
	}
}

// place is where a name is, or belongs, in the order.
func (c *collection[T]) place(name string) int {
	at, _ := slices.BinarySearchFunc(c.order, name, func(r *T, name string) int {
		_, has := c.key(r)
		return cmp.Compare(has, name)
	})
	return at
}

// free reports whether a name can be given to the record of an id: no other record has it as name or id.
func (c *collection[T]) free(id, name string) error {
	if other := c.find(name); other != nil {
		if otherID, _ := c.key(other); otherID != id {
			return view.Errorf(view.Conflict, "name", "%s %q already exists (%s)", c.noun, name, otherID)
		}
	}
	return nil
}

// sorted returns all records by name. The slice is valid until something is put or removed.
func (c *collection[T]) sorted() []*T {
	if c.order == nil {
		c.order = slices.AppendSeq(make([]*T, 0, len(c.byID)), maps.Values(c.byID))
		slices.SortFunc(c.order, func(a, b *T) int {
			_, x := c.key(a)
			_, y := c.key(b)
			return cmp.Compare(x, y)
		})
	}
	return c.order
}

// intent is what users asked for, in memory.
type intent struct {
	hosts    *collection[store.Host]
	guests   *collection[store.Guest]
	services *collection[store.Service]
	flows    *collection[store.Flow]

	flowsOfService sets.Multimap[string, string]
}

func newIntent() *intent {
	return &intent{
		hosts: newCollection(store.KindHost, "host",
			func(h *store.Host) (string, string) { return h.ID, h.Name }, func(h *store.Host) *store.Meta { return &h.Meta }),
		guests: newCollection(store.KindGuest, "guest",
			func(g *store.Guest) (string, string) { return g.ID, g.Name }, func(g *store.Guest) *store.Meta { return &g.Meta }),
		services: newCollection(store.KindService, "tap service",
			func(s *store.Service) (string, string) { return s.ID, s.Name }, func(s *store.Service) *store.Meta { return &s.Meta }),
		flows: newCollection(store.KindFlow, "tap flow",
			func(f *store.Flow) (string, string) { return f.ID, f.Name }, func(f *store.Flow) *store.Meta { return &f.Meta }),
		flowsOfService: sets.Multimap[string, string]{},
	}
}

func loadIntent(state store.State) (*intent, error) {
	in := newIntent()
	for _, r := range state.Records {
		var err error
		switch r.Kind {
		case store.KindHost:
			err = load(in.hosts, r)
		case store.KindGuest:
			err = load(in.guests, r)
		case store.KindService:
			err = load(in.services, r)
		case store.KindFlow:
			err = load(in.flows, r)
		case store.KindToken: // Of package access.
		default:
			err = fmt.Errorf("unknown kind; was it written by a newer version?")
		}
		if err != nil {
			return nil, fmt.Errorf("stored %s %s: %w", r.Kind, r.ID, err)
		}
	}
	for _, f := range in.flows.byID {
		f.Created = f.CreatedAt
		in.flowsOfService.Add(f.TapID, f.ID)
	}
	return in, nil
}

func load[T any](c *collection[T], r store.Record) error {
	record := new(T)
	if err := json.Unmarshal(r.Value, record); err != nil {
		return err
	}
	c.meta(record).Revision = r.Revision
	c.put(record)
	return nil
}
