package main

import (
	"context"
	"log/slog"
	"sync"

	"github.com/tapline-sdn/tapline/controller/config"
	"github.com/tapline-sdn/tapline/plugin"
	"github.com/tapline-sdn/tapline/plugin/mirror"
)

// pluginKeeper has a plugin ready for when this process is elected, so that a take-over does not
// wait for its start, and a plugin that does not start shows before. A term takes it and ends it.
type pluginKeeper struct {
	config *config.Config
	reread func() (*config.Config, error)
	log    *slog.Logger

	mu       sync.Mutex
	ready    *plugin.Supervisor // nil: none
	settings mirror.Config      // at the start; they name the tap bridge
	spec     *plugin.Spec       // of the last plugin; nil: none was started yet
	reload   func(context.Context)
}

// Prepare starts a plugin, unless one is ready. It locks mu.
func (k *pluginKeeper) Prepare(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ready != nil {
		return nil
	}

	if k.spec == nil {
		ready, settings, err := startPlugin(ctx, k.config, k.reread, k.log)
		if err != nil {
			return err
		}
		k.ready, k.settings = ready, settings
		return nil
	}

	ready, err := plugin.Start(ctx, *k.spec)
	if err == nil {
		k.ready = ready
	}
	return err
}

// Take hands out the plugin that is ready. Its receiver has to run it. It locks mu.
func (k *pluginKeeper) Take() (*plugin.Supervisor, mirror.Config) {
	k.mu.Lock()
	defer k.mu.Unlock()
	taken := k.ready
	k.ready = nil
	return taken, k.settings
}

// Remember has the next plugin be like one that was taken, which may have been reloaded. It locks
// mu.
func (k *pluginKeeper) Remember(spec plugin.Spec) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.spec = &spec
}

// SetReload says how the plugin is reloaded that was taken; nil: it is not in use any more. It
// locks mu.
func (k *pluginKeeper) SetReload(reload func(context.Context)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.reload = reload
}

// Reload replaces the plugin that is in use, or else the one that is ready, by one as the
// configuration file says now. It locks mu.
func (k *pluginKeeper) Reload(ctx context.Context) error {
	k.mu.Lock()
	reload := k.reload
	k.mu.Unlock()
	if reload != nil {
		reload(ctx)
		return nil
	}
	return k.renew(ctx)
}

// renew replaces the plugin that is ready, if there is one. It locks mu.
func (k *pluginKeeper) renew(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ready == nil {
		return nil
	}

	spec, err := k.ready.Spec().Renew()
	if err != nil {
		return err
	}
	next, err := plugin.Start(ctx, spec)
	if err != nil {
		return err
	}

	endPlugin(k.ready)
	k.ready, k.spec = next, &spec
	return nil
}

// Close ends the plugin that is ready. It locks mu.
func (k *pluginKeeper) Close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ready != nil {
		endPlugin(k.ready)
		k.ready = nil
	}
}

// endPlugin ends a plugin that was never used.
func endPlugin(s *plugin.Supervisor) {
	over, cancel := context.WithCancel(context.Background())
	cancel()
	s.Run(over, nil)
}
