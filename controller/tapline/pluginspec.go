package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/tapline-sdn/tapline/controller/config"
	"github.com/tapline-sdn/tapline/plugin"
	"github.com/tapline-sdn/tapline/plugin/mirror"
)

// checkPluginConfig checks the configuration of the mirror plugin as the plugin that ships with
// this controller would.
func checkPluginConfig(c *config.Config) error {
	for i, p := range c.Plugins {
		if _, err := mirror.ParseConfig(p.Config); err != nil {
			return pluginErrors(c, i, err)
		}
	}
	return nil
}

// pluginErrors adds the places in the configuration file to a plugin's errors about its
// configuration. Other errors are returned as they are.
func pluginErrors(c *config.Config, index int, err error) error {
	var wrong *plugin.ConfigError
	if !errors.As(err, &wrong) {
		return err
	}

	var all config.Errors
	for _, f := range wrong.Fields {
		path := fmt.Sprintf("plugins[%d].config", index)
		if f.Field != "" {
			path += "." + f.Field
		}
		all = append(all, c.Error(path, "%s", f.Message))
	}

	return all
}

// startPlugin launches the mirror plugin. It also returns the plugin's settings, which name the tap
// bridge.
func startPlugin(
	ctx context.Context, c *config.Config, reread func() (*config.Config, error), log *slog.Logger,
) (*plugin.Supervisor, mirror.Config, error) {
	spec, err := pluginSpec(c, log)
	if err != nil {
		return nil, mirror.Config{}, err
	}

	settings, err := mirror.ParseConfig(spec.Config)
	if err != nil {
		return nil, mirror.Config{}, pluginErrors(c, 0, err)
	}

	initial := spec
	spec.Renew = func() (plugin.Spec, error) { return renewSpec(initial, settings, reread) }
	supervisor, err := plugin.Start(ctx, spec)
	if err != nil {
		return nil, mirror.Config{}, pluginErrors(c, 0, err)
	}

	return supervisor, settings, nil
}

// pluginSpec says which mirror plugin to run. Without a configured path it is the one beside this
// program.
func pluginSpec(c *config.Config, log *slog.Logger) (plugin.Spec, error) {
	p := c.Plugins[0]
	if p.Path == "" {
		self, err := os.Executable()
		if err != nil {
			return plugin.Spec{}, fmt.Errorf("plugins[0].path: %w", err)
		}
		p.Path = filepath.Join(filepath.Dir(self), "tapline-"+p.Name)
	}

	return plugin.Spec{
		Name: p.Name, Path: p.Path, SHA256: p.SHA256, Config: p.Config, Logger: log,
	}, nil
}

// renewSpec reads from the configuration file which plugin to reload. Settings that the controller
// itself took over at its start cannot change until it is restarted.
func renewSpec(
	initial plugin.Spec, settings mirror.Config, reread func() (*config.Config, error),
) (plugin.Spec, error) {
	c, err := reread()
	if err != nil {
		return plugin.Spec{}, fmt.Errorf("plugin %s: %w", initial.Name, err)
	}

	spec, err := pluginSpec(c, initial.Logger)
	if err != nil {
		return plugin.Spec{}, err
	}

	const fixed = "it was %q at the start; restart the controller to change it"
	changed, err := mirror.ParseConfig(spec.Config)
	switch {
	case err != nil:
		return plugin.Spec{}, pluginErrors(c, 0, err)
	case spec.Name != initial.Name:
		return plugin.Spec{}, c.Error("plugins[0].name", fixed, initial.Name)
	case changed.Bridge != settings.Bridge:
		return plugin.Spec{}, c.Error("plugins[0].config.bridge", fixed, settings.Bridge)
	}

	spec.Renew = func() (plugin.Spec, error) { return renewSpec(initial, settings, reread) }
	return spec, nil
}
