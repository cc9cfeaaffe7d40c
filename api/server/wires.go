package server

import (
	"context"
	"fmt"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/controller/engine"
	"github.com/tapline-sdn/tapline/controller/store"
)

func wireID(v engine.WireView) string { return v.ID }

func (s *server) mountWires() {
	mount(s, resource[engine.WireView, api.Wire, api.WireCreate, api.WirePatch]{
		path: "wires",
		get:  s.engine.Wire,
		create: func(ctx context.Context, body api.WireCreate, _ store.Request) (engine.WireView, error) {
			return createWire(ctx, s.engine, body)
		},
		update: func(ctx context.Context, ref string, _ uint64, p api.WirePatch) (engine.WireView, error) {
			return s.engine.UpdateWire(ctx, ref, p.Bridges)
		},
		remove: func(ctx context.Context, ref string, _ uint64) error { return s.engine.DeleteWire(ctx, ref) },
		json:   wireJSON,
		id:     wireID,
		list: listed(s.engine.Wires, map[string]column[engine.WireView]{
			"name": text(func(w engine.WireView) string { return w.Name }),
			"host_id": references(func(w engine.WireView) []string {
				var ids []string
				for _, h := range w.Hosts {
					ids = append(ids, h.HostID)
				}
				return ids
			}, s.engine.Host, hostID),
		}),
	})
}

// createWire declares a wire that nobody carries yet. Two that create the same wire at once both succeed, as two
// updates would: a wire is no more than what the hosts' records say of it.
func createWire(ctx context.Context, e Engine, body api.WireCreate) (engine.WireView, error) {
	if _, err := e.Wire(body.Name); err == nil {
		return engine.WireView{}, &engine.Error{
			Kind: engine.Conflict, Field: "name",
			Message: fmt.Sprintf("wire %q exists: change it with PATCH %s/wires/%s", body.Name, api.Prefix, body.Name),
		}
	}
	bridges := make(map[string]*string, len(body.Bridges))
	for host, bridge := range body.Bridges {
		bridges[host] = &bridge
	}
	return e.UpdateWire(ctx, body.Name, bridges)
}
