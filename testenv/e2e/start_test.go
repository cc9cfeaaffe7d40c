//go:build linux

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tapline-sdn/tapline/testenv/lab"
)

// TestStart starts controllers with errors in their configuration or environment: each ends with
// exit code 1 and a line that says why.
func TestStart(t *testing.T) {
	t.Parallel()
	l := lab.Start(t, 0)
	notExecutable := filepath.Join(t.TempDir(), "plain")
	must(t, os.WriteFile(notExecutable, []byte("no program"), 0o600))
	for _, c := range []struct {
		name string
		more string   // YAML; the fourth line of the file on
		want []string // in one line of the output
	}{
		{"no plugin", "plugins: [{name: mirror, path: /nowhere/tapline-mirror}]\n",
			[]string{"/nowhere/tapline-mirror"}},
		{"plugin that is no program", fmt.Sprintf("plugins: [{name: mirror, path: %s}]\n",
			notExecutable), []string{notExecutable}},
		{"plugin with another checksum",
			fmt.Sprintf("plugins: [{name: mirror, path: %s, sha256: %s}]\n",
				program(t, "tapline-mirror"), strings.Repeat("ab", 32)),
			[]string{"checksum"}},
		{"plugin of another version", fmt.Sprintf("plugins: [{name: mirror, path: %s}]\n",
			program(t, "otherplugin")), []string{"version"}},
		{"plugin that is something else", "plugins: [{name: mirror, path: /bin/true}]\n",
			[]string{"/bin/true"}},
		{"unknown key", "colour: blue\n", []string{"tapline.yaml:4:1", "colour"}},
		{"unknown key inside",
			"hosts:\n  - {name: h1, ovsdb: \"tcp:10.200.0.11:6640\", speed: 3}\n",
			[]string{"tapline.yaml:5:", "speed"}},
		{"unknown key of the plugin",
			"plugins:\n  - name: mirror\n    config:\n      bridge: brtap\n      tunel: gre\n",
			[]string{"tapline.yaml:8:", "tunel"}},
		{"wrong value for the plugin",
			"plugins:\n  - name: mirror\n    config: {bridge: " +
				"a-name-that-is-too-long-for-a-bridge}\n", []string{"tapline.yaml:6:", "bridge"}},
		{"wrong value", "hypervisor: {driver: vmware}\n",
			[]string{"tapline.yaml:4:14", "vmware", "libvirt"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctl := newController(t, l.Controller, settings{more: c.more})
			ctl.refuses(t, c.want...)
		})
	}

	t.Run("second controller of a directory", func(t *testing.T) {
		first := startController(t, l.Controller, settings{})
		second := newController(t, l.Controller,
			settings{dataDir: first.dataDir, api: 8641, openflow: 6654})
		begin := time.Now()
		second.refuses(t, first.dataDir)
		t.Logf("refused after %v", time.Since(begin))
		must(t, first.api.Ready(deadline(t)))
	})

	t.Run("port in use", func(t *testing.T) {
		startController(t, l.Controller, settings{})
		newController(t, l.Controller, settings{openflow: 6654}).refuses(t, "8640")
		newController(t, l.Controller, settings{api: 8641}).refuses(t, "6653")
	})
}

// refuses starts the controller, which must end with exit code 1 and a line that has all of the
// texts.
func (c *controller) refuses(t *testing.T, want ...string) {
	t.Helper()
	defer c.http.CloseIdleConnections()
	c.launch(t)
	select {
	case <-c.ended:
	case <-time.After(patience):
		t.Errorf("it still runs after %v", patience)
		_ = c.cmd.Process.Kill()
		<-c.ended
	}

	out, err := os.ReadFile(c.log)
	must(t, err)
	if code := c.cmd.ProcessState.ExitCode(); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}

	for line := range strings.Lines(string(out)) {
		all := true
		for _, w := range want {
			all = all && strings.Contains(line, w)
		}
		if all && !strings.Contains(line, "level=") {
			t.Log(strings.TrimSpace(line))
			return
		}
	}

	t.Errorf("no line has all of %q in\n%s", want, out)
}
