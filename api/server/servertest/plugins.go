package servertest

import (
	"context"

	"github.com/tapline-sdn/tapline/controller/engine"
	"github.com/tapline-sdn/tapline/plugin"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

func (e *Engine) Plugins() []engine.PluginView {
	v, _ := e.Plugin("mirror")

	return []engine.PluginView{v}
}

func (e *Engine) Plugin(name string) (engine.PluginView, error) {
	if name != "mirror" {
		return engine.PluginView{}, &engine.Error{
			Kind: engine.NotFound, Message: "there is no plugin " + name,
		}
	}

	return engine.PluginView{
		Status: plugin.Status{
			Name: name, Version: plugin.Version, Since: Epoch,
			Path: "/usr/lib/tapline/tapline-mirror",
		},
		Health: engine.Health{State: tap.StateReady},
	}, nil
}

func (e *Engine) ReloadPlugin(_ context.Context, name string) (engine.PluginView, error) {
	return e.Plugin(name)
}
