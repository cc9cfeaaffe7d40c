package server

import (
	"context"
	"time"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/controller/engine"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

func flowID(v engine.FlowView) string { return v.ID }

func (s *server) mountFlows() {
	mount(s, resource[engine.FlowView, api.TapFlow, api.TapFlowCreate, api.TapFlowPatch]{
		path: "tap_flows",
		get:  s.engine.Flow,
		create: func(ctx context.Context, body api.TapFlowCreate, by store.Request) (engine.FlowView, error) {
			v, err := newFlow(body)
			if err != nil {
				return engine.FlowView{}, err
			}
			v.Request = by
			return s.engine.CreateFlow(ctx, v)
		},
		update: func(ctx context.Context, ref string, rev uint64, p api.TapFlowPatch) (engine.FlowView, error) {
			return s.engine.UpdateFlow(ctx, ref, rev, func(v *store.Flow) error { return editFlow(v, p) })
		},
		remove: s.engine.DeleteFlow,
		enable: func(ctx context.Context, ref string, rev uint64, on bool) (engine.FlowView, error) {
			return s.engine.UpdateFlow(ctx, ref, rev, func(v *store.Flow) error {
				v.Enabled = on
				return nil
			})
		},
		wait:     s.engine.WaitFlow,
		sample:   s.engine.SampleFlows,
		json:     flowJSON,
		id:       flowID,
		revision: func(v engine.FlowView) uint64 { return v.Revision },
		append:   appendFlow,
		list: chosenFrom(s.engine.FlowRows, map[string]column[engine.FlowRow]{
			"name":       text(func(v engine.FlowRow) string { return v.Name }),
			"applied_by": text(func(v engine.FlowRow) string { return v.AppliedBy }),
			"tap_id":     reference(func(v engine.FlowRow) string { return v.TapID }, s.engine.Service, serviceID),
			"type":       text(func(v engine.FlowRow) tap.FlowType { return v.Type }),
			"guest_id":   reference(func(v engine.FlowRow) string { return v.GuestID }, s.engine.Guest, guestID),
			"host_id":    reference(func(v engine.FlowRow) string { return v.HostID }, s.engine.Host, hostID),
			"wire_id":    reference(func(v engine.FlowRow) string { return v.WireID }, s.engine.Wire, wireID),
			"direction":  text(func(v engine.FlowRow) tap.Direction { return v.Direction }),
			"enabled":    flag(func(v engine.FlowRow) bool { return v.Enabled }),
			"status":     text(func(v engine.FlowRow) api.Status { return status(v.State) }),
			"created_at": date(func(v engine.FlowRow) time.Time { return v.CreatedAt }),
			"updated_at": date(func(v engine.FlowRow) time.Time { return v.UpdatedAt }),
		}, s.engine.FlowViews),
	})
}
