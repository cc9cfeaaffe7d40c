package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/tapline-sdn/tapline/controller/config"
	"github.com/tapline-sdn/tapline/controller/engine"
	"github.com/tapline-sdn/tapline/plugin"
	"github.com/tapline-sdn/tapline/plugin/mirror"
)

// renewSpec reads from the configuration file what the plugin is to be by now. What the controller took over at its start cannot
// change while it runs.
func renewSpec(old plugin.Spec, settings mirror.Config, reread func() (*config.Config, error)) (plugin.Spec, error) {
	c, err := reread()
	if err != nil {
		return plugin.Spec{}, fmt.Errorf("plugin %s: %w", old.Name, err)
	}
	spec, err := pluginSpec(c, old.Logger)
	if err != nil {
		return plugin.Spec{}, err
	}
	now, err := mirror.ParseConfig(spec.Config)
	switch {
	case err != nil:
		return plugin.Spec{}, pluginErrors(c, 0, err)
	case spec.Name != old.Name:
		return plugin.Spec{}, c.Error("plugins[0].name", "it was %q at the start; restart the controller to change it", old.Name)
	case now.Bridge != settings.Bridge:
		return plugin.Spec{}, c.Error("plugins[0].config.bridge", "it was %q at the start; restart the controller to change it", settings.Bridge)
	}
	spec.Renew = func() (plugin.Spec, error) { return renewSpec(old, settings, reread) }
	return spec, nil
}

// reloadOnHangup replaces the plugins by what their files and configuration are, each time that SIGHUP comes.
func reloadOnHangup(ctx context.Context, ring *engine.Engine, log *slog.Logger) {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangup:
			for _, p := range ring.Plugins() {
				if v, err := ring.ReloadPlugin(ctx, p.Name); err == nil { // An error is logged where it arises.
					log.Info("plugin reloaded on SIGHUP", "plugin", v.Name, "version", v.Version)
				}
			}
		}
	}
}
