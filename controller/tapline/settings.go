package main

import (
	"encoding/json"
	"os"
	"slices"

	"github.com/tapline-sdn/tapline/controller/config"
	"github.com/tapline-sdn/tapline/plugin"
	"github.com/tapline-sdn/tapline/plugin/mirror"
)

// effectiveConfig returns the configuration that the controller runs with, for its users. It names
// the plugin that runs, which may have been reloaded since the start.
func effectiveConfig(c *config.Config, running plugin.Spec) (json.RawMessage, error) {
	settings, err := mirror.ParseConfig(running.Config)
	if err != nil {
		return nil, pluginErrors(c, 0, err)
	}

	text, err := json.Marshal(settings)
	if err != nil {
		return nil, err
	}

	folder, err := os.Getwd()
	if err != nil {
		return nil, err
	}

	out := *c
	out.Plugins = slices.Clone(c.Plugins)
	out.Plugins[0] = config.Plugin{
		Name: running.Name, Path: running.Path, SHA256: running.SHA256, Config: text,
	}

	return out.Encode(folder)
}
