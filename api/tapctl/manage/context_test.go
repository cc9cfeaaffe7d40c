package manage_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api/tapctl/cli"
	"github.com/tapline-sdn/tapline/api/tapctl/tapctltest"
)

// contextDesk is a desk whose environment names no controller, in a home of its own.
func contextDesk(t *testing.T) (d *tapctltest.Desk, url, tokenFile string) {
	t.Helper()
	d = tapctltest.New(t)
	home := t.TempDir()
	d.Env = map[string]string{"HOME": home}
	tokenFile = filepath.Join(home, "lab.token")
	require.NoError(t, os.WriteFile(tokenFile, []byte(tapctltest.Token), 0o600))
	return d, d.Server.URL, tokenFile
}

func TestContexts(t *testing.T) {
	d, url, tokenFile := contextDesk(t)
	require.Contains(t, d.Fails(cli.ExitFailed, "config show"), "no context is in use")
	require.Equal(t, "IN USE  NAME  SERVERS  CREDENTIALS\n", d.Must("config list"))

	d.Must("config set lab --server " + url + " --token-file " + tokenFile)
	d.Must("host-list")
	d.Must("config set other --server 127.0.0.1:1 --token s3cr3t")
	d.Must("host-list")
	require.Equal(t, "lab\nother\n", d.Must("config list -o name"))
	require.Regexp(
		t,
		`\*       lab .*lab\.token\n- +other +http://127.0.0.1:1 +token\n`,
		d.Must("config list"),
	)

	d.Must("config use other")
	require.Contains(t, d.Fails(cli.ExitFailed, "host-list"), "127.0.0.1:1")
	require.Equal(t, "other\n", d.Must("config show -o jsonpath={.name}"))
	require.NotContains(t, d.Must("config show -o json"), "s3cr3t")
	require.NotContains(t, d.Must("config list -o yaml"), "s3cr3t")
	d.Must("host-list --context lab")

	path := filepath.Join(d.Env["HOME"], ".config", "tapline", "config.yaml")
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "it holds tokens")

	d.Must("config delete other")
	require.Contains(t, d.Fails(cli.ExitFailed, "config show"), "no context is in use")
	d.Env["TAPLINE_CONFIG"] = filepath.Join(t.TempDir(), "own.yaml")
	require.Empty(t, d.Must("config list -o name"))
}

func TestContextMistakes(t *testing.T) {
	d, url, tokenFile := contextDesk(t)
	d.Must("config set lab --server " + url + " --token-file " + tokenFile)
	for line, want := range map[string]string{
		"config use lba":                            `there is no context "lba"; did you mean lab?`,
		"config show nobody":                        `there is no context "nobody"`,
		"config delete nobody":                      "tapctl config list shows the contexts",
		"host-list --context lba":                   "did you mean lab?",
		"config set lab --token-file /nonexistent/": "name a file that exists",
	} {
		require.Contains(t, d.Fails(cli.ExitFailed, line), want, line)
	}

	require.Contains(t, d.Fails(cli.ExitUsage, "config set lab"), "there is nothing to change")
	require.Contains(t, d.Fails(cli.ExitUsage, "config use"), "the NAME is missing")

	file := filepath.Join(t.TempDir(), "config.yaml")
	d.Env["TAPLINE_CONFIG"] = file
	for text, want := range map[string]string{
		"current: [": "config.yaml:1:10: this is not YAML",
		"current: nobody": `config.yaml:1:1: current: there is no context "nobody" in ` +
			`the file`,
		"contexts: {a: {host: b}}": `unknown field "host"`,
	} {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		stderr := d.Fails(cli.ExitFailed, "host-list")
		require.Contains(t, stderr, want)
		require.Contains(t, stderr, "next: correct the client file")
	}
}

// TestCredentialsGoToTheirOwnServers has two servers, and looks at the tokens that each receives.
func TestCredentialsGoToTheirOwnServers(t *testing.T) {
	received := map[string]string{}
	serve := func(name string) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			received[name] = r.Header.Get("Authorization")
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"hosts":[],"total":0}`))
		}))
		t.Cleanup(s.Close)
		return s.URL
	}

	lab, away := serve("lab"), serve("away")
	d, _, _ := contextDesk(t)
	d.Must("config set lab --server " + lab + " --token of-lab")

	for name, tc := range map[string]struct {
		args string
		env  map[string]string
		want map[string]string
	}{
		"the context in use": {"", nil, map[string]string{"lab": "Bearer of-lab"}},
		"the environment's token wins": {"", map[string]string{"TAPLINE_TOKEN": "of-env"},
			map[string]string{"lab": "Bearer of-env"}},
		"another server, no credential": {"--server " + away + " --token x", nil,
			map[string]string{"away": "Bearer x"}},
		"the environment's server": {"", map[string]string{"TAPLINE_SERVER": away,
			"TAPLINE_TOKEN": "of-env"},
			map[string]string{"away": "Bearer of-env"}},
		"a context by name beats the environment": {"--context lab",
			map[string]string{"TAPLINE_SERVER": away, "TAPLINE_TOKEN": "of-env"},
			map[string]string{"lab": "Bearer of-lab"}},
	} {
		t.Run(name, func(t *testing.T) {
			clear(received)
			d := d.With(t)
			d.Env = map[string]string{"HOME": d.Env["HOME"]}
			for key, value := range tc.env {
				d.Env[key] = value
			}
			d.Must("host-list " + tc.args)
			require.Equal(t, tc.want, received)
		})
	}

	t.Run("a context's token does not go to another server", func(t *testing.T) {
		clear(received)
		require.Contains(t, d.With(t).Fails(cli.ExitFailed, "host-list --server "+away), "no token")
		require.Empty(t, received)
	})
}
