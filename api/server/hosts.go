package server

import (
	"context"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/controller/engine"
	"github.com/tapline-sdn/tapline/controller/store"
)

func hostID(v engine.HostView) string { return v.ID }

func (s *server) mountHosts() {
	mount(s, resource[engine.HostView, api.Host, api.HostCreate, api.HostPatch]{
		path: "hosts",
		get:  s.engine.Host,
		create: func(ctx context.Context, body api.HostCreate, by store.Request) (engine.HostView, error) {
			h, err := newHost(body)
			if err != nil {
				return engine.HostView{}, err
			}
			h.Request = by
			return s.engine.CreateHost(ctx, h)
		},
		update: func(ctx context.Context, ref string, rev uint64, p api.HostPatch) (engine.HostView, error) {
			return s.engine.UpdateHost(ctx, ref, rev, func(h *store.Host) error { return editHost(h, p) })
		},
		remove:   s.engine.DeleteHost,
		wait:     s.engine.WaitHost,
		json:     hostJSON,
		id:       hostID,
		revision: func(v engine.HostView) uint64 { return v.Revision },
		list: listed(s.engine.Hosts, map[string]column[engine.HostView]{
			"name":       text(func(h engine.HostView) string { return h.Name }),
			"applied_by": text(func(v engine.HostView) string { return v.AppliedBy }),
			"status":     text(func(h engine.HostView) api.Status { return status(h.State) }),
			"connected":  flag(func(h engine.HostView) bool { return h.Connected }),
		}),
	})
}
