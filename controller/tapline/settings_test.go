package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/config"
	"github.com/tapline-sdn/tapline/plugin"
)

// TestEffectiveConfig: the effective configuration passes config check, and names the running
// plugin.
func TestEffectiveConfig(t *testing.T) {
	c := config.Default()
	c.DataDir = "state"
	text, err := effectiveConfig(
		c,
		plugin.Spec{
			Name:   "mirror",
			Path:   "/opt/tapline-mirror",
			Config: json.RawMessage(`{"bridge":"spy"}`),
		},
	)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "tapline.yaml")
	require.NoError(t, os.WriteFile(path, text, 0o600))
	check := root()
	check.SetArgs([]string{"config", "check", path})
	require.NoError(t, check.Execute())
	got, err := config.Load(path)
	require.NoError(t, err)
	require.Equal(
		t,
		config.Plugin{
			Name:   "mirror",
			Path:   "/opt/tapline-mirror",
			Config: json.RawMessage(`{"bridge":"spy","tunnel":"auto","vxlan_port":24789}`),
		},
		got.Plugins[0],
	)
	here, err := os.Getwd()
	require.NoError(t, err)
	require.Equal(t, filepath.Join(here, "state"), got.DataDir)
	require.Empty(t, c.Plugins[0].Path, "the configuration itself stays as it is")
}
