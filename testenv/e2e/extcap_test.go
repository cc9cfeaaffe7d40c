//go:build linux

package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tapline-sdn/tapline/testenv/lab"
)

// tshark runs Wireshark's command line, which finds tapctl among its extcap programs. To root it
// shows those of the system alone, so it runs as somebody else.
func (x *captures) tshark(t *testing.T, args ...string) string {
	t.Helper()
	for _, tool := range []string{"tshark", "setpriv"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(tool + " is not installed")
		}
	}

	dir, err := os.MkdirTemp("", "tapline-extcap-")
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	must(t, os.Chmod(dir, 0o755))
	binary, err := os.ReadFile(program(t, "tapctl"))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "tapctl"), binary, 0o755))
	must(t, os.Symlink("tapctl", filepath.Join(dir, "tapctl-extcap")))
	token, err := os.ReadFile(filepath.Join(x.dataDir, "admin.token"))
	must(t, err)

	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	const nobody = "65534"
	cmd := x.node.Command(ctx, "setpriv", append([]string{"--reuid", nobody, "--regid", nobody,
		"--clear-groups", "tshark"}, args...)...)
	cmd.Env = append(cmd.Env, "WIRESHARK_EXTCAP_DIR="+dir, "HOME=/nonexistent",
		"TAPLINE_SERVER="+x.server, "TAPLINE_TOKEN="+strings.TrimSpace(string(token)))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("tshark %q: %v\n%s", args, err, out)
	}
	return string(out)
}

// wireshark lists interfaces, and captures by one of them.
func (x *captures) wireshark(t *testing.T) {
	if x.Datapath() == lab.System {
		t.Skip("the machine with the kernel's datapath has no tshark")
	}

	list := x.tshark(t, "-D")
	name := "tapline,guest," + x.web.ID
	for _, want := range []string{name, "tapline,wire," + x.Hosts[0].Name + ",br0"} {
		if !strings.Contains(list, want) {
			t.Errorf("tshark -D has no %s:\n%s", want, list)
		}
	}

	defer x.feed(t)()
	packets := x.tshark(t, "-i", name, "-f", "udp", "-c", "3", "-n")
	if strings.Count(packets, "UDP") < 3 {
		t.Errorf("tshark has captured %q", packets)
	}
	x.clean(t)

	args := []string{"extcap", "--extcap-interface", name, "--extcap-capture-filter"}
	if out, errs, code := x.tapctl(t, append(args, "tcp port 443")...); out != "" || code != 0 {
		t.Errorf("a right filter: %d %q %s", code, out, errs)
	}
	if out, _, code := x.tapctl(t, append(args, "tcp prt 443")...); out == "" || code != 0 {
		t.Errorf("a wrong filter: %d %q", code, out)
	}
}
