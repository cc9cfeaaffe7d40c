package server

import (
	"context"
	"net/netip"
	"time"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/controller/engine"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

func serviceID(v engine.ServiceView) string { return v.ID }

func (s *server) mountServices() {
	mount(s, resource[engine.ServiceView, api.TapService, api.TapServiceCreate, api.TapServicePatch]{
		path: "tap_services",
		get:  s.engine.Service,
		create: func(ctx context.Context, body api.TapServiceCreate, by store.Request) (engine.ServiceView, error) {
			v, err := newService(body)
			if err != nil {
				return engine.ServiceView{}, err
			}
			v.Request = by
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
		sample:   s.engine.SampleServices,
		json:     serviceJSON,
		id:       serviceID,
		revision: func(v engine.ServiceView) uint64 { return v.Revision },
		list: listed(s.engine.Services, map[string]column[engine.ServiceView]{
			"name":       text(func(v engine.ServiceView) string { return v.Name }),
			"applied_by": text(func(v engine.ServiceView) string { return v.AppliedBy }),
			"type":       text(func(v engine.ServiceView) tap.ServiceType { return v.Type }),
			"target_id":  s.target(),
			"target_ip":  address(func(v engine.ServiceView) []netip.Addr { return v.TargetIPs }),
			"flow_count": count(func(v engine.ServiceView) int { return v.FlowCount }),
			"host_id":    reference(func(v engine.ServiceView) string { return v.HostID }, s.engine.Host, hostID),
			"enabled":    flag(func(v engine.ServiceView) bool { return v.Enabled }),
			"status":     text(func(v engine.ServiceView) api.Status { return status(v.State) }),
			"created_at": date(func(v engine.ServiceView) time.Time { return v.CreatedAt }),
			"updated_at": date(func(v engine.ServiceView) time.Time { return v.UpdatedAt }),
		}),
	})
}

// target is the guest or the host that collects.
func (s *server) target() column[engine.ServiceView] {
	c := text(func(v engine.ServiceView) string { return v.TargetID })
	c.resolve = func(ref string) string {
		if g, err := s.engine.Guest(ref); err == nil {
			return g.ID
		}
		if h, err := s.engine.Host(ref); err == nil {
			return h.ID
		}
		return ref
	}
	return c
}
