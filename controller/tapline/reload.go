package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/tapline-sdn/tapline/controller/access"
	"github.com/tapline-sdn/tapline/controller/audit"
)

// reloadOnHangup reads the configuration file again on each SIGHUP, until ctx ends. It takes over
// the roles of client certificates and the limits of roles, and reloads the plugins. Other settings
// need a restart.
func (ctl *controller) reloadOnHangup(ctx context.Context) {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)

	for {
		select {
		case <-ctx.Done():
			return
		case <-hangup:
			ctl.reloadAccess()
			if err := ctl.plugins.Reload(ctx); err != nil {
				ctl.log.Error("the plugin was not reloaded on SIGHUP", "error", err)
			}
		}
	}
}

// reloadAccess takes api.tls.client_roles and access.roles over from the configuration file. A file
// with a fault changes nothing.
func (ctl *controller) reloadAccess() {
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

	for _, change := range ctl.limits.Set(c.Access.Roles) {
		ctl.log.Info("limits of a role changed on SIGHUP", "role", string(change.Role),
			"default_expiry", change.Now.DefaultExpiry, "max_expiry", change.Now.MaxExpiry,
			"default_expiry_was", change.Was.DefaultExpiry, "max_expiry_was", change.Was.MaxExpiry)
		ctl.recordLimits(change)
	}
}

// recordLimits writes a change of a role's limits to the audit log.
func (ctl *controller) recordLimits(c access.LimitChange) {
	ctl.recordSetting(audit.Change{
		Kind: "role_limits", ID: string(c.Role), Name: string(c.Role),
		Before: limitsJSON(c.Was), After: limitsJSON(c.Now),
	})
}

// limitsJSON is the limits of a role in a record of the audit log; nil for none.
func limitsJSON(l access.Limits) json.RawMessage {
	if l == (access.Limits{}) {
		return nil
	}
	return json.RawMessage(fmt.Sprintf(`{"default_expiry":%q,"max_expiry":%q}`, l.DefaultExpiry,
		l.MaxExpiry))
}

// recordClientRole writes a change of a client's role to the audit log.
func (ctl *controller) recordClientRole(c access.ClientChange) {
	ctl.recordSetting(audit.Change{
		Kind: "client_role", ID: c.Name, Name: c.Name,
		Before: roleJSON(c.Was), After: roleJSON(c.Now),
	})
}

// recordSetting writes a change of the configuration to the audit log. It counts already, so a
// failure only shows in /readyz.
func (ctl *controller) recordSetting(change audit.Change) {
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
func (l *leadership) reloadPlugins(ctx context.Context) {
	for _, p := range l.engine.Plugins() {
		v, err := l.engine.ReloadPlugin(ctx, p.Name)
		if err == nil { // ReloadPlugin logs its errors.
			l.log.Info("plugin reloaded on SIGHUP", "plugin", v.Name, "version", v.Version)
		}
	}
}
