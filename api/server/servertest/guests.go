package servertest

import (
	"context"

	"github.com/tapline-sdn/tapline/controller/engine"
	"github.com/tapline-sdn/tapline/controller/store"
)

// guestRecord is a guest that was declared or learned.
type guestRecord struct {
	store.Guest
	learned *engine.GuestView // nil if it was declared
}

func (e *Engine) newGuests() records[guestRecord, engine.GuestView] {
	return records[guestRecord, engine.GuestView]{
		e: e, kind: "guest", idForm: "guest",
		ident:  func(g *guestRecord) (*string, string) { return &g.ID, g.Name },
		meta:   func(g *guestRecord) *store.Meta { return &g.Meta },
		view:   guestView,
		health: func(engine.GuestView) engine.Health { return engine.Health{} },
		event:  func(v *engine.GuestView) engine.Event { return engine.Event{Guest: v} },
	}
}

func guestView(g guestRecord) engine.GuestView {
	if g.learned != nil {
		return *g.learned
	}

	v := engine.GuestView{
		ID: g.ID, Name: g.Name, Declared: true, Revision: g.Revision, Record: &g.Guest,
	}
	for _, n := range g.NICs {
		nic := engine.NICView{MAC: n.MAC, IfName: n.IfName}
		if n.IP.IsValid() {
			nic.IPs = append(nic.IPs, n.IP)
		}
		v.NICs = append(v.NICs, nic)
	}
	return v
}

func (e *Engine) Guests() []engine.GuestView { return e.guests.list() }

func (e *Engine) Guest(ref string) (engine.GuestView, error) { return e.guests.get(ref) }

func (e *Engine) CreateGuest(_ context.Context, g store.Guest) (engine.GuestView, error) {
	return e.guests.create(guestRecord{Guest: g})
}

func (e *Engine) UpdateGuest(
	_ context.Context, ref string, ifRevision uint64, edit func(*store.Guest) error,
) (engine.GuestView, error) {
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
