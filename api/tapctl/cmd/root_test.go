package cmd_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api/tapctl/tapctltest"
)

func TestVerbsThatScriptsRelyOn(t *testing.T) {
	var words []string
	for _, resource := range []string{"host", "guest", "wire", "tap-service", "tap-flow"} {
		for _, verb := range []string{"list", "show", "update", "delete"} {
			words = append(words, resource+"-"+verb)
		}
	}

	words = append(words, "host-create", "guest-create", "tap-service-create", "tap-flow-create",
		"tap-service-enable", "tap-service-disable", "tap-flow-enable", "tap-flow-disable",
		"host-facts", "version", "token-create", "token-list", "token-show", "token-delete",
		"audit-list")

	d := tapctltest.New(t)
	help := d.Must("--help")
	for _, w := range words {
		require.Regexp(t, `(?m)^  `+w+` `, help)
		out := d.Must(w + " --help")
		require.Contains(t, out, "Examples:", w)
		require.Contains(t, out, "--output", w)
	}
}

func TestCalledAsClimc(t *testing.T) {
	d := tapctltest.New(t)
	d.World.Name = "climc"
	require.Contains(t, d.Must("--help"), "climc tap-service-enable")
	out := d.Must("tap-flow-create --help")
	require.Contains(t, out, "climc tap-flow-create")
	require.NotContains(t, out, "tapctl")

	d.Must("guest-create vm1 --nic mac=52:54:00:00:00:01")
	d.Must("tap-service-create --type guest --target-id vm1 ids")
	d.Must("tap-service-enable ids")
	require.Equal(t, "climc 1.2.3\n", d.Must("version"))
}

func TestVersion(t *testing.T) {
	d := tapctltest.New(t)
	require.Equal(t, "tapctl 1.2.3\n", d.Must("version"))
	require.Equal(t, "tapctl 1.2.3\n", d.Must("--version"))
}

func TestManPages(t *testing.T) {
	d := tapctltest.New(t)
	dir := filepath.Join(t.TempDir(), "man")
	d.Must("man", dir)

	page, err := os.ReadFile(filepath.Join(dir, "tapctl-tap-flow-create.1"))
	require.NoError(t, err)
	require.Contains(t, string(page), "Tapline 1.2.3")
	require.Contains(t, string(page), `--guest-id`)
}
