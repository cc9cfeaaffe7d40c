package main

import (
	"context"
	"encoding/json"
	"os"
	"os/signal"
	"syscall"

	"github.com/tapline-sdn/tapline/controller/access"
	"github.com/tapline-sdn/tapline/controller/audit"
)

// reloadOnHangup reads the configuration file again on each SIGHUP, until ctx ends. It takes over
// the roles of client certificates, and reloads the plugins. Other settings need a restart.
func (ctl *controller) reloadOnHangup(ctx context.Context) {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)

	for {
		select {
		case <-ctx.Done():
			return
		case <-hangup:
			ctl.reloadClientRoles()
			ctl.reloadPlugins(ctx)
		}
	}
}

// reloadClientRoles takes api.tls.client_roles over from the configuration file. A file with a
// fault changes nothing.
func (ctl *controller) reloadClientRoles() {
	c, err := ctl.reread()
	if err != nil {
		ctl.log.Error("the configuration file was not read again on SIGHUP", "error", err)
		return
	}

	for _, change := range ctl.keys.SetClients(c.API.ClientRoles) {
		ctl.log.Info("role of client certificates changed on SIGHUP", "common_name", change.Name,
			"was", string(change.Was), "now", string(change.Now))
		ctl.recordClientRole(change)
	}
}

// recordClientRole writes a change of a role to the audit log. The role counts already, so a
// failure only shows in /readyz.
func (ctl *controller) recordClientRole(c access.ClientChange) {
	change := audit.Change{
		Kind: "client_role", ID: c.Name, Name: c.Name,
		Before: roleJSON(c.Was), After: roleJSON(c.Now),
	}
	_ = ctl.audit.Write(audit.Record{
		Actor: audit.Actor{Type: "config"}, Action: change.Action(), Change: change,
		Outcome: audit.Success,
	})
}

// roleJSON is a role in a record of the audit log; nil for none.
func roleJSON(r access.Role) json.RawMessage {
	if r == "" {
		return nil
	}
	return json.RawMessage(`{"role":"` + string(r) + `"}`)
}

// reloadPlugins reloads the plugins from their files and configuration.
func (ctl *controller) reloadPlugins(ctx context.Context) {
	for _, p := range ctl.engine.Plugins() {
		v, err := ctl.engine.ReloadPlugin(ctx, p.Name)
		if err == nil { // ReloadPlugin logs its errors.
			ctl.log.Info("plugin reloaded on SIGHUP", "plugin", v.Name, "version", v.Version)
		}
	}
}
