package main

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/access"
	"github.com/tapline-sdn/tapline/controller/audit"
	"github.com/tapline-sdn/tapline/controller/config"
)

// TestClientRolesAreReread: the file's roles of client certificates count without a restart, and
// each change is on the audit trail. A file with a fault changes nothing.
func TestClientRolesAreReread(t *testing.T) {
	keys, err := access.New(t.Context(), access.Config{
		Clients: map[string]access.Role{"ops": access.Operator, "dev": access.Admin},
	})
	require.NoError(t, err)
	t.Cleanup(keys.Close)
	file := filepath.Join(t.TempDir(), "audit.log")
	trail, err := audit.Open(file, audit.Options{})
	require.NoError(t, err)
	t.Cleanup(trail.Close)

	now, fault := &config.Config{}, error(nil)
	var log strings.Builder
	ctl := &controller{
		keys: keys, audit: trail, log: slog.New(slog.NewTextHandler(&log, nil)),
		limits: access.NewRoleLimits(nil),
		reread: func() (*config.Config, error) { return now, fault },
	}

	fault = errors.New("line 7: nonsense")
	ctl.reloadAccess()
	require.Contains(t, log.String(), "line 7: nonsense")
	require.Empty(t, read(t, file), "nothing was changed")

	fault = nil
	now.API.ClientRoles = map[string]access.Role{"ops": access.Viewer, "new": access.Viewer}
	ctl.reloadAccess()
	records := read(t, file)
	require.Equal(t, 3, strings.Count(records, `"kind":"client_role"`))
	for _, part := range []string{
		`"action":"delete","kind":"client_role","id":"dev","name":"dev","before":{"role":"admin"}`,
		`"action":"create","kind":"client_role","id":"new","name":"new","after":{"role":"viewer"}`,
		`"before":{"role":"operator"},"after":{"role":"viewer"}`,
	} {
		require.Contains(t, records, part)
	}
	require.Contains(t, log.String(), "common_name=dev was=admin")

	ctl.reloadAccess()
	require.Equal(t, records, read(t, file), "nothing has changed since")
}

// TestRoleLimitsAreReread: SIGHUP takes over how long tap flows of a role may run.
func TestRoleLimitsAreReread(t *testing.T) {
	keys, err := access.New(t.Context(), access.Config{})
	require.NoError(t, err)
	t.Cleanup(keys.Close)
	file := filepath.Join(t.TempDir(), "audit.log")
	trail, err := audit.Open(file, audit.Options{})
	require.NoError(t, err)
	t.Cleanup(trail.Close)

	day := access.Limits{DefaultExpiry: time.Hour, MaxExpiry: 24 * time.Hour}
	now, fault := &config.Config{}, error(nil)
	ctl := &controller{
		keys: keys, audit: trail, log: slog.New(slog.DiscardHandler),
		limits: access.NewRoleLimits(map[access.Role]access.Limits{access.Operator: day}),
		reread: func() (*config.Config, error) { return now, fault },
	}

	fault = errors.New("line 7: nonsense")
	ctl.reloadAccess()
	require.Equal(t, day, ctl.limits.Of(access.Operator), "a fault changes nothing")

	fault = nil
	now.Access.Roles = map[access.Role]access.Limits{access.Admin: day}
	ctl.reloadAccess()
	require.Zero(t, ctl.limits.Of(access.Operator))
	require.Equal(t, day, ctl.limits.Of(access.Admin))
	records := read(t, file)
	for _, part := range []string{
		`"action":"create","kind":"role_limits","id":"admin","name":"admin",` +
			`"after":{"default_expiry":"1h0m0s","max_expiry":"24h0m0s"}`,
		`"action":"delete","kind":"role_limits","id":"operator","name":"operator","before":`,
	} {
		require.Contains(t, records, part)
	}

	ctl.reloadAccess()
	require.Equal(t, records, read(t, file), "nothing has changed since")
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return ""
	}
	require.NoError(t, err)
	return string(text)
}
