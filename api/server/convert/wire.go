package convert

import (
	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/controller/engine/view"
)

// Wire returns the JSON form of a wire.
func Wire(v view.Wire) api.Wire {
	w := api.Wire{ID: v.ID, Name: v.Name, Hosts: make([]api.WireHost, len(v.Hosts))}
	for i, h := range v.Hosts {
		w.Hosts[i] = api.WireHost{
			HostID: h.HostID, Host: h.Host, Bridge: h.Bridge, Uplinks: orNone(h.Uplinks),
			Declared: h.Declared,
		}
	}

	return w
}
