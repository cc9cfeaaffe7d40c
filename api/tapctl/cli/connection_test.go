package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api/tapctl/tapctltest"
)

func TestTokenAndServer(t *testing.T) {
	d := tapctltest.New(t)
	url := d.Env["TAPLINE_SERVER"]
	state := t.TempDir()
	write := func(dir, content string) string {
		t.Helper()
		path := filepath.Join(dir, "admin.token")
		require.NoError(t, os.MkdirAll(dir, 0o700))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}

	right, wrong := write(filepath.Join(state, "tapline"), tapctltest.Token+"\n"), write(
		filepath.Join(state, "wrong"), "other")

	home := t.TempDir()
	write(filepath.Join(home, ".local", "state", "tapline"), tapctltest.Token)
	empty := write(filepath.Join(state, "empty"), "\n")

	for name, tc := range map[string]struct {
		env  map[string]string
		args string
		code int
		want string
	}{
		"variable": {map[string]string{"TAPLINE_TOKEN": tapctltest.Token}, "", 0,
			""},
		"flag before variable": {map[string]string{"TAPLINE_TOKEN": "other"},
			"--token " + tapctltest.Token, 0, ""},
		"file before variable": {map[string]string{"TAPLINE_TOKEN": "other"},
			"--token-file " + right, 0, ""},
		"variable before its file": {map[string]string{"TAPLINE_TOKEN": tapctltest.Token,
			"TAPLINE_TOKEN_FILE": wrong}, "", 0, ""},
		"file of the variable": {map[string]string{"TAPLINE_TOKEN_FILE": right}, "", 0, ""},
		"XDG_STATE_HOME":       {map[string]string{"XDG_STATE_HOME": state}, "", 0, ""},
		"home":                 {map[string]string{"HOME": home}, "", 0, ""},
		"relative XDG is ignored": {map[string]string{"XDG_STATE_HOME": "state", "HOME": home},
			"", 0, ""},
		"nothing": {map[string]string{"HOME": filepath.Join(home, "none")}, "",
			1, "no token: there is no"},
		"wrong": {map[string]string{"TAPLINE_TOKEN": "other"}, "", 1,
			"TAPLINE_TOKEN_FILE"},
		"missing file": {nil, "--token-file /nonexistent", 1, "/nonexistent"},
		"empty file":   {nil, "--token-file " + empty, 1, "is empty"},
		"server without scheme": {map[string]string{"TAPLINE_TOKEN": tapctltest.Token},
			"--server " + strings.TrimPrefix(url, "http://"), 0, ""},
		"server that is no URL": {map[string]string{"TAPLINE_TOKEN": tapctltest.Token},
			"--server ftp://x", 1, "is not a URL"},
		"server that does not answer": {map[string]string{"TAPLINE_TOKEN": tapctltest.Token},
			"--server 127.0.0.1:1", 1, "check that the controller runs"},
		"missing CA": {map[string]string{"TAPLINE_TOKEN": tapctltest.Token},
			"--ca-file /nonexistent", 1, "--ca-file"},
		"a CA that is none": {map[string]string{"TAPLINE_TOKEN": tapctltest.Token},
			"--ca-file " + right, 1, "no certificate"},
		"key without certificate": {map[string]string{"TAPLINE_TOKEN": tapctltest.Token},
			"--key-file " + right, 1, "give both"},
	} {
		t.Run(name, func(t *testing.T) {
			d.Env = map[string]string{"TAPLINE_SERVER": url}
			for k, v := range tc.env {
				d.Env[k] = v
			}
			if tc.code == 0 {
				d.Must("tap-flow-list " + tc.args)
				return
			}
			require.Contains(t, d.Fails(tc.code, "tap-flow-list "+tc.args), tc.want)
		})
	}

	t.Run("root looks at the system's directory too", func(t *testing.T) {
		d.Env = map[string]string{"TAPLINE_SERVER": url, "HOME": filepath.Join(home, "none")}
		require.NotContains(t, d.Fails(1, "tap-flow-list"), "/var/lib/tapline")
		d.World.Root = true
		code, _, stderr := d.Run("tap-flow-list")
		if _, err := os.Stat("/var/lib/tapline/admin.token"); err == nil {
			t.Skip("this machine runs a controller of its own")
		}
		require.Equal(t, 1, code)
		require.Contains(t, stderr, "/var/lib/tapline/admin.token")
	})
}
