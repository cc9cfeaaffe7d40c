package client

import (
	"context"
	"net/http"

	"github.com/tapline-sdn/tapline/api"
)

// Plugins lists and reloads plugins, by name.
type Plugins struct {
	r Resource[api.Plugin, api.PluginList, struct{}, struct{}]
}

// Plugins returns the plugins of the controller.
func (c *Client) Plugins() Plugins {
	return Plugins{newResource[api.Plugin, api.PluginList, struct{}, struct{}](c, "plugins", nil)}
}

// List lists plugins.
func (p Plugins) List(ctx context.Context, opts ...Option) (api.PluginList, error) {
	return p.r.List(ctx, opts...)
}

// Get reads a plugin.
func (p Plugins) Get(ctx context.Context, name string) (api.Plugin, error) {
	return p.r.Get(ctx, name)
}

// Reload starts a new process of a plugin, which takes over from the running one. If anything is
// wrong with the new process, the running one goes on.
func (p Plugins) Reload(ctx context.Context, name string) (api.Plugin, error) {
	return p.r.do(ctx, http.MethodPost, p.r.one(name)+"/reload", nil, nil)
}
