package servertest

import (
	"context"
	"maps"
	"slices"

	"github.com/tapline-sdn/tapline/api/server"
	"github.com/tapline-sdn/tapline/controller/engine"
)

// Rehearse makes a change to a copy. It tells which resources would be made, changed or deleted; there are no switches.
func (e *Engine) Rehearse(ctx context.Context, change func(context.Context, server.Resources) error) (engine.Forecast, error) {
	e.mu.Lock()
	copied := New()
	copied.revision, copied.made, copied.health, copied.tunnels = e.revision, e.made, maps.Clone(e.health), maps.Clone(e.tunnels)
	copied.hosts.rows, copied.guests.rows = slices.Clone(e.hosts.rows), slices.Clone(e.guests.rows)
	copied.services.rows, copied.flows.rows = slices.Clone(e.services.rows), slices.Clone(e.flows.rows)
	e.mu.Unlock()
	if err := change(ctx, copied); err != nil {
		return engine.Forecast{}, err
	}
	var out engine.Forecast
	out.Resources = append(out.Resources, touched("host", e.Hosts(), copied.Hosts(),
		func(v engine.HostView) (string, string, uint64, engine.Health) {
			return v.ID, v.Name, v.Revision, v.Health
		})...)
	out.Resources = append(out.Resources, touched("guest", e.Guests(), copied.Guests(),
		func(v engine.GuestView) (string, string, uint64, engine.Health) {
			return v.ID, v.Name, v.Revision, engine.Health{}
		})...)
	out.Resources = append(out.Resources, touched("tap_service", e.Services(), copied.Services(),
		func(v engine.ServiceView) (string, string, uint64, engine.Health) {
			return v.ID, v.Name, v.Revision, v.Health
		})...)
	out.Resources = append(out.Resources, touched("tap_flow", e.Flows(), copied.Flows(),
		func(v engine.FlowView) (string, string, uint64, engine.Health) {
			return v.ID, v.Name, v.Revision, v.Health
		})...)
	return out, nil
}

// touched tells which of the resources of a kind differ.
func touched[V any](kind string, before, after []V, tell func(V) (id, name string, revision uint64, health engine.Health)) []engine.ResourceForecast {
	var out []engine.ResourceForecast
	was := map[string]engine.ResourceForecast{}
	revisions := map[string]uint64{}
	for _, v := range before {
		id, name, revision, health := tell(v)
		was[id] = engine.ResourceForecast{Kind: kind, ID: id, Name: name, Action: "delete", Before: health}
		revisions[id] = revision
	}
	for _, v := range after {
		id, name, revision, health := tell(v)
		f, existed := was[id]
		delete(was, id)
		f.Kind, f.ID, f.Name, f.After = kind, id, name, health
		switch {
		case !existed:
			f.Action = "create"
		case revisions[id] != revision:
			f.Action = "update"
		default:
			continue
		}
		out = append(out, f)
	}
	for _, id := range slices.Sorted(maps.Keys(was)) {
		out = append(out, was[id])
	}
	return out
}
