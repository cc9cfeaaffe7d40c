package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/tapline-sdn/tapline/controller/engine"
)

// reloadOnHangup reloads the plugins from their files and configuration on each SIGHUP.
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
				v, err := ring.ReloadPlugin(ctx, p.Name)
				if err == nil { // ReloadPlugin logs its errors.
					log.Info("plugin reloaded on SIGHUP", "plugin", v.Name, "version", v.Version)
				}
			}
		}
	}
}
