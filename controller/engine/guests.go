package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

func (e *Engine) checkGuest(g *store.Guest) error {
	if len(g.NICs) == 0 {
		return view.Errorf(view.Invalid, "nics",
			"guest %s has no NIC; a declared guest needs at least one with its mac or ifname",
			g.Name)
	}

	e.mu.Lock()
	taken := g.Name != g.ID && e.seesGuest(g.Name)
	e.mu.Unlock()
	if taken {
		return view.Errorf(view.Conflict, "name",
			"%q is the id of a guest that the switches show; declare that one by --id %s, or "+
				"choose another name", g.Name, g.Name)
	}

	seen := map[string]bool{}
	for i, n := range g.NICs {
		field := fmt.Sprintf("nics[%d]", i)
		switch {
		case n.MAC.IsZero() && n.IfName == "":
			return view.Errorf(view.Invalid, field,
				"the NIC has neither mac nor ifname; by one of them its port is found")
		case n.MAC.IsMulticast():
			return view.Errorf(view.Invalid, field+".mac",
				"%s is a multicast address; a NIC has a unicast address", n.MAC)
		case len(n.IfName) > 15:
			return view.Errorf(view.Invalid, field+".ifname",
				"%q has over 15 characters, the most that an interface name has", n.IfName)
		case !n.MAC.IsZero() && seen[n.MAC.String()] || n.IfName != "" && seen[n.IfName]:
			return view.Errorf(view.Invalid, field, "two NICs of the guest are the same")
		}

		if !n.MAC.IsZero() {
			seen[n.MAC.String()] = true
		}
		if n.IfName != "" {
			seen[n.IfName] = true
		}

		e.mu.Lock()
		var other string
		for id := range e.places.GuestsClaiming(n.MAC, n.IfName) {
			if id != g.ID {
				other = e.intent.Guests.ByID[id].Name
			}
		}

		e.mu.Unlock()
		if other != "" {
			return view.Errorf(view.Conflict, field, "the NIC already belongs to guest %s", other)
		}
	}

	return nil
}

// CreateGuest declares a guest.
func (e *Engine) CreateGuest(ctx context.Context, g store.Guest) (view.Guest, error) {
	e.write.Lock()
	defer e.write.Unlock()

	g.Meta = store.Meta{Request: g.Request, AppliedBy: g.AppliedBy}
	if g.ID == "" {
		g.ID = newID()
	} else if err := intent.CheckWord("id", g.ID); err != nil {
		return view.Guest{}, err
	}

	e.mu.Lock()
	other := e.intent.Guests.Find(g.ID)
	e.mu.Unlock()
	if other != nil {
		return view.Guest{}, view.Errorf(view.Conflict, "id", "guest %q already exists", g.ID)
	}
	if err := e.checkGuest(&g); err != nil {
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
	if g.ID != before.ID {
		return view.Guest{}, view.Errorf(view.Invalid, "id", "the id of a guest cannot be changed")
	}
	if err := e.checkGuest(&g); err != nil {
		return view.Guest{}, err
	}
	if err := save(ctx, e, e.intent.Guests, &g, before, e.commit); err != nil {
		return view.Guest{}, err
	}

	return e.tookGuest(&g, before), nil
}

// undeclared replaces the error about a guest without a record by one that explains how to declare
// the guest.
func (e *Engine) undeclared(name string, err error) error {
	var missing *view.Error
	if _, none := e.guestRef("", name, view.NotFound); none == nil && errors.As(err, &missing) &&
		missing.Kind == view.NotFound {
		return view.Errorf(view.Conflict, "",
			"guest %q is learned from the switches and not declared; declare it by guest-create "+
				"--id %s", name, name)
	}
	return err
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

	if err := e.unused(g.ID, "guest "+g.Name); err != nil {
		return err
	}
	if err := erase(ctx, e, e.intent.Guests, g, e.commit); err != nil {
		return err
	}

	e.tookGuest(nil, g)
	return nil
}

// unused returns an error if a service or a flow refers to a guest or host. It takes mu.
func (e *Engine) unused(id, what string) error {
	e.mu.Lock()
	defer e.mu.Unlock()

	for _, s := range e.intent.Services.ByID {
		if s.TargetID == id && !s.Deleting {
			return view.Errorf(view.Conflict, "",
				"%s is the destination of tap service %s; delete that first", what, s.Name)
		}
	}

	for _, f := range e.intent.Flows.ByID {
		if f.Deleting {
			continue
		}
		if f.Type == tap.FlowVNIC && f.GuestID == id || f.Type == tap.FlowVSwitch &&
			f.HostID == id {
			return view.Errorf(view.Conflict, "",
				"%s is the source of tap flow %s; delete that first", what, f.Name)
		}
	}

	return nil
}
