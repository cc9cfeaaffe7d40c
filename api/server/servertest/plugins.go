package servertest

import (
	"context"

	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/plugin"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

func (e *Engine) Plugins() []view.Plugin {
	v, _ := e.Plugin("mirror")

	return []view.Plugin{v}
}

func (e *Engine) Plugin(name string) (view.Plugin, error) {
	if name != "mirror" {
		return view.Plugin{}, &view.Error{
			Kind: view.NotFound, Message: "there is no plugin " + name,
		}
	}

	return view.Plugin{
		Status: plugin.Status{
			Name: name, Version: plugin.Version, Since: Epoch,
			Path: "/usr/lib/tapline/tapline-mirror",
		},
		Health: view.Health{State: tap.StateReady},
	}, nil
}

func (e *Engine) ReloadPlugin(_ context.Context, name string) (view.Plugin, error) {
	return e.Plugin(name)
}
