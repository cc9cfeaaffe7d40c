package server

import (
	"context"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/controller/engine"
	"github.com/tapline-sdn/tapline/controller/store"
)

func serviceID(v engine.ServiceView) string { return v.ID }

func (s *server) mountServices() {
	mount(s, resource[engine.ServiceView, api.TapService, api.TapServiceCreate, api.TapServicePatch]{
		path: "tap_services",
		list: s.engine.Services,
		get:  s.engine.Service,
		create: func(ctx context.Context, body api.TapServiceCreate) (engine.ServiceView, error) {
			v, err := newService(body)
			if err != nil {
				return engine.ServiceView{}, err
			}
			return s.engine.CreateService(ctx, v)
		},
		update: func(ctx context.Context, ref string, rev uint64, p api.TapServicePatch) (engine.ServiceView, error) {
			return s.engine.UpdateService(ctx, ref, rev, func(v *store.Service) error {
				editService(v, p)
				return nil
			})
		},
		remove: s.engine.DeleteService,
		enable: func(ctx context.Context, ref string, rev uint64, on bool) (engine.ServiceView, error) {
			return s.engine.UpdateService(ctx, ref, rev, func(v *store.Service) error {
				v.Enabled = on
				return nil
			})
		},
		wait:     s.engine.WaitService,
		json:     serviceJSON,
		id:       serviceID,
		revision: func(v engine.ServiceView) uint64 { return v.Revision },
		columns: map[string]column[api.TapService]{
			"name":       text(func(v api.TapService) string { return v.Name }),
			"type":       text(func(v api.TapService) string { return v.Type }),
			"target_id":  {values: func(v api.TapService) []string { return []string{v.TargetID} }, resolve: s.targetID},
			"host_id":    reference(func(v api.TapService) string { return v.HostID }, s.engine.Host, hostID),
			"enabled":    flag(func(v api.TapService) bool { return v.Enabled }),
			"status":     text(func(v api.TapService) api.Status { return v.Status }),
			"created_at": text(func(v api.TapService) string { return sortable(v.CreatedAt) }),
			"updated_at": text(func(v api.TapService) string { return sortable(v.UpdatedAt) }),
		},
		page: func(items []api.TapService, total int) any {
			return api.TapServiceList{TapServices: items, Total: total}
		},
	})
}

// targetID finds the guest or the host that a filter names.
func (s *server) targetID(ref string) string {
	if g, err := s.engine.Guest(ref); err == nil {
		return g.ID
	}
	if h, err := s.engine.Host(ref); err == nil {
		return h.ID
	}
	return ref
}
