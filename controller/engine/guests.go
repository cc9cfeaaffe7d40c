package engine

import (
	"context"
	"slices"

	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/store"
)

// CreateGuest declares a guest.
func (e *Engine) CreateGuest(ctx context.Context, g store.Guest) (view.Guest, error) {
	e.write.Lock()
	defer e.write.Unlock()

	if err := e.locked(func() error { return e.checker.NewGuest(&g) }); err != nil {
		return view.Guest{}, err
	}
	if err := save(ctx, e, e.intent.Guests, &g, nil, e.commit); err != nil {
		return view.Guest{}, err
	}

	return e.tookGuest(&g, nil), nil
}

// UpdateGuest changes a declared guest.
func (e *Engine) UpdateGuest(ctx context.Context, name string, ifRevision uint64,
	edit func(*store.Guest) error) (view.Guest, error) {
	e.write.Lock()
	defer e.write.Unlock()

	before, g, err := begin(e, e.intent.Guests, name, ifRevision)
	if err != nil {
		return view.Guest{}, e.undeclared(name, err)
	}

	g.NICs = slices.Clone(g.NICs)
	if err := edit(&g); err != nil {
		return view.Guest{}, err
	}
	if err := e.locked(func() error { return e.checker.ChangedGuest(&g, before) }); err != nil {
		return view.Guest{}, err
	}
	if err := save(ctx, e, e.intent.Guests, &g, before, e.commit); err != nil {
		return view.Guest{}, err
	}

	return e.tookGuest(&g, before), nil
}

// undeclared explains an error about a guest without a record. It takes mu.
func (e *Engine) undeclared(name string, err error) error {
	return e.locked(func() error { return e.checker.Undeclared(name, err) })
}

// tookGuest takes over a stored guest; with nil for g, its deletion. It takes mu.
func (e *Engine) tookGuest(g, before *store.Guest) view.Guest {
	e.mu.Lock()
	defer e.mu.Unlock()

	id := ""
	if before != nil {
		id = before.ID
		e.places.ClaimGuest(before, false)
		e.intent.Guests.Remove(id)
		e.relookNICs(before)
	}

	if g != nil {
		id = g.ID
		e.intent.Guests.Put(g)
		e.places.ClaimGuest(g, true)
		e.relookNICs(g)
	}

	e.planning.MarkGuest(id)
	e.order()
	e.publish.Guest(id, before)
	if g == nil || before == nil || g.Name != before.Name {
		e.publish.Renamed(id)
	}

	v, _ := e.present.Guest(id)
	return v
}

func (e *Engine) relookNICs(g *store.Guest) {
	for _, n := range g.NICs {
		e.relook(n.MAC, n.IfName)
	}
}

// DeleteGuest takes back the declaration of a guest that nothing refers to.
func (e *Engine) DeleteGuest(ctx context.Context, name string, ifRevision uint64) error {
	e.write.Lock()
	defer e.write.Unlock()

	g, _, err := begin(e, e.intent.Guests, name, ifRevision)
	if err != nil {
		return e.undeclared(name, err)
	}

	unused := func() error { return e.checker.Unused(g.ID, "guest "+g.Name) }
	if err := e.locked(unused); err != nil {
		return err
	}
	if err := erase(ctx, e, e.intent.Guests, g, e.commit); err != nil {
		return err
	}

	e.tookGuest(nil, g)
	return nil
}
