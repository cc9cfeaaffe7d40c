package main

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/plugin"
	"github.com/tapline-sdn/tapline/plugin/mirror"
)

func TestPluginDescribe(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "tapline-mirror")
	out, err := exec.Command("go", "build", "-o", binary, "../../plugin/tapline-mirror").
		CombinedOutput()
	require.NoError(t, err, "%s", out)
	run := func(args ...string) (string, error) {
		var out bytes.Buffer
		cmd := root()
		cmd.SetArgs(append([]string{"plugin", "describe"}, args...))
		cmd.SetOut(&out)
		cmd.SetErr(&out)
		err := cmd.ExecuteContext(t.Context())
		return out.String(), err
	}

	text, err := run("--path", binary, "-o", "json")
	require.NoError(t, err)
	var got description
	require.NoError(t, json.Unmarshal([]byte(text), &got))
	require.JSONEq(t, mirror.Schema, string(got.ConfigSchema))
	got.ConfigSchema = nil
	require.Equal(
		t,
		description{
			Name:            "mirror",
			Version:         plugin.Version,
			ProtocolVersion: plugin.ProtocolVersion,
			Path:            binary,
		},
		got,
	)

	text, err = run("--path", binary)
	require.NoError(t, err)
	require.Contains(t, text, `"bridge"`)

	_, err = run("--path", filepath.Join(t.TempDir(), "absent"))
	require.ErrorContains(t, err, "there is no such file")
	_, err = run("--path", "/bin/true")
	require.ErrorContains(t, err, "did not start as a mirror plugin")
	_, err = run("--path", binary, "-o", "yaml")
	require.ErrorContains(t, err, "want text or json")
}
