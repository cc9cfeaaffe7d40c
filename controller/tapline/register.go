package main

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/tapline-sdn/tapline/controller/config"
	"github.com/tapline-sdn/tapline/controller/engine"
	"github.com/tapline-sdn/tapline/controller/store"
)

// registerHosts registers the hosts of the configuration file, and updates those that are
// registered already.
func registerHosts(
	ctx context.Context, c *config.Config, ring *engine.Engine, log *slog.Logger,
) error {
	for i, h := range c.Hosts {
		if err := registerHost(ctx, h, ring); err != nil {
			return c.Error(fmt.Sprintf("hosts[%d]", i), "%v", err)
		}
		log.Debug("host registered from the configuration", "host", h.Name)
	}
	return nil
}

// registerHost registers one host or updates it. Wires and NICs that the file leaves out stay as
// they are registered.
func registerHost(ctx context.Context, h config.Host, ring *engine.Engine) error {
	want := store.Host{Name: h.Name, OVSDB: h.OVSDB, TunnelIP: h.TunnelIP, Wires: h.Wires}
	for _, n := range h.NICs {
		want.NICs = append(want.NICs, store.HostNIC{Name: n.Name, MAC: n.MAC})
	}

	if _, err := ring.Host(h.Name); err != nil {
		_, err := ring.CreateHost(ctx, want)
		return err
	}

	_, err := ring.UpdateHost(ctx, h.Name, 0, func(have *store.Host) error {
		have.OVSDB, have.TunnelIP = want.OVSDB, want.TunnelIP
		if want.Wires != nil {
			have.Wires = want.Wires
		}
		if want.NICs != nil {
			have.NICs = want.NICs
		}
		return nil
	})

	return err
}
