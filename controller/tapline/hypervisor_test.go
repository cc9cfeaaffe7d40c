package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/config"
	"github.com/tapline-sdn/tapline/controller/hypervisor"
	"github.com/tapline-sdn/tapline/plugin/sandbox"
)

// TestDriverCannotReadDataDir: the virsh that the controller starts is kept away from data_dir.
func TestDriverCannotReadDataDir(t *testing.T) {
	if !sandbox.Available() {
		t.Skip("the kernel has no Landlock")
	}
	data, programs, found := t.TempDir(), t.TempDir(), filepath.Join(t.TempDir(), "found")
	token := filepath.Join(data, "admin.token")
	require.NoError(t, os.WriteFile(token, []byte("tl_secret"), 0o600))
	hostile := "#!/bin/sh\n/bin/cat " + token + " >" + found + "\n/bin/cat " + token + "\nexit 1\n"
	require.NoError(t, os.WriteFile(filepath.Join(programs, "virsh"), []byte(hostile), 0o700))
	t.Setenv("PATH", programs)

	c := &config.Config{DataDir: data, Hypervisor: config.Hypervisor{
		Driver: config.DriverLibvirt, URI: "test:///default",
	}}
	driver := newHypervisor(c, "brtap", slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var problem string
	driver.Run(ctx, hypervisor.Host{Name: "h1"}, hypervisor.NewOrders(),
		func(r hypervisor.Report) {
			if r.Problem != "" {
				problem = r.Problem
				cancel()
			}
		})

	require.Contains(t, problem, "Permission denied")
	text, err := os.ReadFile(found)
	require.NoError(t, err)
	require.Empty(t, text)
}
