package convert

import (
	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/controller/engine"
)

// Plugin returns the JSON form of a plugin.
func Plugin(v engine.PluginView) api.Plugin {
	return api.Plugin{
		Name: v.Name, Version: v.Version, Path: v.Path,
		Status: api.Status(v.State), Reason: v.Reason, ReasonCode: string(v.Code),
		Since: TimeText(v.Since), Restarts: int(v.Restarts),
	}
}
