package servertest

import (
	"context"
	"maps"
	"slices"

	"github.com/tapline-sdn/tapline/controller/engine/events"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/inventory"
	"github.com/tapline-sdn/tapline/controller/store"
)

// guestRecord is a guest that was declared or learned.
type guestRecord struct {
	store.Guest
	learned *view.Guest // nil if it was declared
}

func (e *Engine) newGuests() records[guestRecord, view.Guest] {
	return records[guestRecord, view.Guest]{
		e: e, kind: "guest", idForm: "guest",
		ident:  func(g *guestRecord) (*string, string) { return &g.ID, g.Name },
		meta:   func(g *guestRecord) *store.Meta { return &g.Meta },
		view:   guestView,
		health: func(view.Guest) view.Health { return view.Health{} },
		event:  func(v *view.Guest) events.Event { return events.Event{Guest: v} },
	}
}

func guestView(g guestRecord) view.Guest {
	if g.learned != nil {
		return *g.learned
	}

	v := view.Guest{
		ID: g.ID, Name: g.Name, Declared: true, Revision: g.Revision, Record: &g.Guest,
	}
	for _, key := range slices.Sorted(maps.Keys(g.Labels)) {
		v.Labels = append(v.Labels, inventory.Label{Key: key, Value: g.Labels[key],
			From: []inventory.Source{inventory.FromDeclared}})
	}
	for _, n := range g.NICs {
		nic := view.NIC{MAC: n.MAC, IfName: n.IfName}
		if n.IP.IsValid() {
			nic.IPs = append(nic.IPs, n.IP)
		}
		v.NICs = append(v.NICs, nic)
	}
	return v
}

func (e *Engine) Guests() []view.Guest { return e.guests.list() }

func (e *Engine) Guest(ref string) (view.Guest, error) { return e.guests.get(ref) }

func (e *Engine) CreateGuest(_ context.Context, g store.Guest) (view.Guest, error) {
	return e.guests.create(guestRecord{Guest: g})
}

func (e *Engine) UpdateGuest(
	_ context.Context, ref string, ifRevision uint64, edit func(*store.Guest) error,
) (view.Guest, error) {
	return e.guests.update(ref, ifRevision, func(g *guestRecord) error {
		if g.learned != nil {
			return conflict("",
				"guest %q is learned from the switches; only declared guests can be changed", ref)
		}
		return edit(&g.Guest)
	})
}

func (e *Engine) DeleteGuest(_ context.Context, ref string, ifRevision uint64) error {
	return e.guests.remove(ref, ifRevision, false)
}
