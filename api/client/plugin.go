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

// Plugins are the plugins of the controller.
func (c *Client) Plugins() Plugins {
	return Plugins{Resource[api.Plugin, api.PluginList, struct{}, struct{}]{c: c, path: "plugins", tag: func(*api.Plugin, string) {}}}
}

// List lists plugins.
func (p Plugins) List(ctx context.Context, opts ...Option) (api.PluginList, error) {
	return p.r.List(ctx, opts...)
}

// Get reads one.
func (p Plugins) Get(ctx context.Context, name string) (api.Plugin, error) { return p.r.Get(ctx, name) }

// Reload starts a plugin anew and lets it take over from the process that runs, which goes on if anything is wrong with the new one.
func (p Plugins) Reload(ctx context.Context, name string) (api.Plugin, error) {
	return p.r.do(ctx, http.MethodPost, p.r.one(name)+"/reload", nil, nil)
}
