//go:build linux

package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// programs is what the lab executes, and the Debian package that has it.
var programs = [...]struct{ name, origin string }{
	{"ovsdb-server", "openvswitch-switch"},
	{"ovs-vswitchd", "openvswitch-switch"},
	{"ovsdb-tool", "openvswitch-common"},
	{"ovsdb-client", "openvswitch-common"},
	{"ovs-vsctl", "openvswitch-switch"},
	{"ovs-ofctl", "openvswitch-common"},
	{"ovs-appctl", "openvswitch-common"},
	{"nsenter", "util-linux"},
}

// Missing names what this machine lacks to run a lab; it is empty if nothing.
func Missing() []string {
	var missing []string
	if os.Geteuid() != 0 {
		missing = append(missing, "root")
	}

	for _, p := range programs {
		if _, err := exec.LookPath(program(p.name)); err != nil {
			missing = append(missing, fmt.Sprintf("%s (package %s)", p.name, p.origin))
		}
	}

	for _, path := range []string{"/dev/net/tun", schemaFile()} {
		if _, err := os.Stat(path); err != nil {
			missing = append(missing, path)
		}
	}

	return missing
}

// missing is Missing, for a lab of a datapath.
func missing(datapath string) []string {
	all := Missing()
	if datapath == System {
		if _, err := os.Stat("/sys/module/openvswitch"); err != nil {
			all = append(all, "the kernel's module openvswitch")
		}
	}
	return all
}

// program finds an executable, also in the system directories that the PATH of
// a plain user leaves out.
func program(name string) string {
	dirs := append(filepath.SplitList(os.Getenv("PATH")), "/usr/local/sbin", "/usr/sbin", "/sbin")
	for _, dir := range dirs {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path
		}
	}
	return name
}

// schemaFile is the schema of the Open_vSwitch database.
func schemaFile() string {
	dirs := []string{os.Getenv("OVS_PKGDATADIR"), "/usr/share/openvswitch",
		"/usr/local/share/openvswitch"}
	i := slices.IndexFunc(dirs, func(dir string) bool {
		_, err := os.Stat(filepath.Join(dir, "vswitch.ovsschema"))
		return dir != "" && err == nil
	})
	return filepath.Join(dirs[max(i, 1)], "vswitch.ovsschema")
}

// output runs a command that ctx ends, and returns its stdout. An error holds
// its stderr, and why ctx ended.
func output(ctx context.Context, cmd *exec.Cmd) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		err = errors.Join(err, context.Cause(ctx))
		return stdout.String(), fmt.Errorf("%w: %s", err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}
