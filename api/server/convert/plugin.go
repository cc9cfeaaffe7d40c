package convert

import (
	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/controller/engine/view"
)

// Plugin returns the JSON form of a plugin.
func Plugin(v view.Plugin) api.Plugin {
	return api.Plugin{
		Name: v.Name, Version: v.Version, Path: v.Path,
		Status: api.Status(v.State), Reason: v.Reason, ReasonCode: string(v.Code),
		Since: TimeText(v.Since), Restarts: int(v.Restarts),
	}
}
