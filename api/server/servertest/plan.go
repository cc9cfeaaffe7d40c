package servertest

import (
	"context"
	"maps"
	"slices"

	"github.com/tapline-sdn/tapline/api/server"
	"github.com/tapline-sdn/tapline/controller/engine/forecast"
	"github.com/tapline-sdn/tapline/controller/engine/view"
)

// Rehearse makes changes to a copy of the engine. It returns which resources would be created,
// changed or deleted. There are no switches.
func (e *Engine) Rehearse(
	ctx context.Context, change func(context.Context, server.Resources) error,
) (forecast.Forecast, error) {
	after := e.clone()
	if err := change(ctx, after); err != nil {
		return forecast.Forecast{}, err
	}

	var out forecast.Forecast
	for _, kind := range []string{"host", "guest", "tap_service", "tap_flow"} {
		different := differences(kind, e.revisions(kind), after.revisions(kind))
		out.Resources = append(out.Resources, different...)
	}
	return out, nil
}

func (e *Engine) clone() *Engine {
	e.mu.Lock()
	defer e.mu.Unlock()

	c := New()
	c.revision, c.idsMade = e.revision, e.idsMade
	c.health, c.tunnels = maps.Clone(e.health), maps.Clone(e.tunnels)
	c.hosts.rows, c.guests.rows = slices.Clone(e.hosts.rows), slices.Clone(e.guests.rows)
	c.services.rows, c.flows.rows = slices.Clone(e.services.rows), slices.Clone(e.flows.rows)
	return c
}

// revision is a resource at one revision.
type revision struct {
	id, name string
	number   uint64
	health   view.Health
}

// revisions returns the resources of a kind, ordered by name.
func (e *Engine) revisions(kind string) (out []revision) {
	switch kind {
	case "host":
		for _, v := range e.Hosts() {
			out = append(out, revision{v.ID, v.Name, v.Revision, v.Health})
		}
	case "guest":
		for _, v := range e.Guests() {
			out = append(out, revision{v.ID, v.Name, v.Revision, view.Health{}})
		}
	case "tap_service":
		for _, v := range e.Services() {
			out = append(out, revision{v.ID, v.Name, v.Revision, v.Health})
		}
	case "tap_flow":
		for _, v := range e.Flows() {
			out = append(out, revision{v.ID, v.Name, v.Revision, v.Health})
		}
	}

	return out
}

// differences returns the resources of a kind that differ.
func differences(kind string, before, after []revision) (out []forecast.Resource) {
	old := map[string]revision{}
	for _, r := range before {
		old[r.id] = r
	}

	for _, r := range after {
		was, existed := old[r.id]
		delete(old, r.id)

		f := forecast.Resource{
			Kind: kind, ID: r.id, Name: r.name,
			Action: "update", Before: was.health, After: r.health,
		}
		switch {
		case !existed:
			f.Action = "create"
		case was.number == r.number:
			continue
		}
		out = append(out, f)
	}

	for _, id := range slices.Sorted(maps.Keys(old)) {
		out = append(out, forecast.Resource{
			Kind: kind, ID: id, Name: old[id].name, Action: "delete", Before: old[id].health,
		})
	}
	return out
}
