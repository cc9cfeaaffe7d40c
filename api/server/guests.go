package server

import (
	"context"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/controller/engine"
	"github.com/tapline-sdn/tapline/controller/store"
)

func guestID(v engine.GuestView) string { return v.ID }

func (s *server) mountGuests() {
	mount(s, resource[engine.GuestView, api.Guest, api.GuestCreate, api.GuestPatch]{
		path: "guests",
		get:  s.engine.Guest,
		create: func(ctx context.Context, body api.GuestCreate, by store.Request) (engine.GuestView, error) {
			g, err := newGuest(body)
			if err != nil {
				return engine.GuestView{}, err
			}
			g.Request = by
			return s.engine.CreateGuest(ctx, g)
		},
		update: func(ctx context.Context, ref string, rev uint64, p api.GuestPatch) (engine.GuestView, error) {
			return s.engine.UpdateGuest(ctx, ref, rev, func(g *store.Guest) error { return editGuest(g, p) })
		},
		remove:   s.engine.DeleteGuest,
		json:     guestJSON,
		id:       guestID,
		revision: func(v engine.GuestView) uint64 { return v.Revision },
		list: listed(s.engine.Guests, map[string]column[engine.GuestView]{
			"name":       text(func(g engine.GuestView) string { return g.Name }),
			"applied_by": text(appliedGuest),
			"declared":   flag(func(g engine.GuestView) bool { return g.Declared }),
			"host_id": references(func(g engine.GuestView) []string {
				var ids []string
				for _, n := range g.NICs {
					ids = append(ids, n.HostID)
				}
				return ids
			}, s.engine.Host, hostID),
		}),
	})
}

func appliedGuest(v engine.GuestView) string {
	if v.Record == nil {
		return ""
	}
	return v.Record.AppliedBy
}
