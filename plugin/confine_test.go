package plugin_test

import (
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/plugin"
	"github.com/tapline-sdn/tapline/plugin/sandbox"
)

// TestPluginIsConfined: a hostile plugin that the controller starts can neither read the
// controller's files nor leave something behind, and opens no TCP connection. It runs as the
// controller's user, who may all do that.
func TestPluginIsConfined(t *testing.T) {
	if !sandbox.Available() {
		t.Skip("the kernel has no Landlock")
	}

	dataDir := t.TempDir()
	token := filepath.Join(dataDir, "admin.token")
	require.NoError(t, os.WriteFile(token, []byte("tl_secret"), 0o600))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)

	for name, attempt := range map[string]string{
		"read":                     `cat ` + token,
		"list":                     `ls ` + dataDir,
		"write":                    `/bin/echo x >` + dataDir + `/tapline.db`,
		"write elsewhere":          `/bin/echo x >/tmp/tapline-plugin-was-here`,
		"connect":                  `bash -c ': >/dev/tcp/127.0.0.1/` + port + `'`,
		"look into the controller": `head -c 1 /proc/$PPID/mem`,
	} {
		t.Run(name, func(t *testing.T) {
			if name == "connect" && sandbox.Version() < 4 {
				t.Skip("the kernel's Landlock is too old to confine TCP")
			}
			script := filepath.Join(t.TempDir(), "hostile")
			content := "#!/bin/sh\n" + attempt + " && echo done >&2\nexit 1\n"
			require.NoError(t, os.WriteFile(script, []byte(content), 0o700))
			var log strings.Builder
			hostile := spec(script)
			hostile.Logger = slog.New(slog.NewTextHandler(&log, nil))

			_, err := plugin.Launch(t.Context(), hostile)
			require.ErrorContains(t, err, "did not start as a mirror plugin")
			require.Contains(t, log.String(), "ermission denied")
			require.NotContains(t, log.String(), "tl_secret")
			require.NotContains(t, log.String(), "line=done")
		})
	}

	left, err := os.ReadDir(dataDir)
	require.NoError(t, err)
	require.Len(t, left, 1)
	require.NoFileExists(t, "/tmp/tapline-plugin-was-here")
}
