//go:build linux

package packaging

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDebianPackage builds the package, installs it into a temporary overlay of this machine's
// root, and uses it there.
func TestDebianPackage(t *testing.T) {
	if missing := missing(); missing != "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("CI must have " + missing)
		}
		t.Skip("needs " + missing)
	}
	const root = "../.."
	build := exec.CommandContext(t.Context(), "make", "-C", root, "deb")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "make deb: %s", out)
	found, err := filepath.Glob(filepath.Join(root, "bin", "tapline_*.deb"))
	require.NoError(t, err)
	require.Len(t, found, 1)
	deb, err := filepath.Abs(found[0])
	require.NoError(t, err)

	// The script runs in namespaces of its own, so nothing of it is left whatever happens.
	script, err := filepath.Abs("testdata/install.sh")
	require.NoError(t, err)
	cmd := exec.CommandContext(
		t.Context(),
		"unshare",
		"--mount",
		"--pid",
		"--fork",
		"--kill-child",
		"--net",
		script,
		deb,
		t.TempDir(),
	)
	out, err = cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	t.Logf("%s", out)
}

func missing() string {
	if os.Getuid() != 0 {
		return "root"
	}
	for _, tool := range []string{"make", "git", "dpkg", "unshare", "setpriv", "ip"} {
		if _, err := exec.LookPath(tool); err != nil {
			return tool
		}
	}
	return ""
}
