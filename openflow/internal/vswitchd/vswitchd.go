// Package vswitchd runs a real ovs-vswitchd with its dummy datapath for tests:
// no kernel module, no privileges, and a directory, database and sockets of
// its own. It is not a model of a switch; it is the switch.
package vswitchd

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// schema is where Debian and Fedora install the database schema.
const schema = "/usr/share/openvswitch/vswitch.ovsschema"

// A Switch is a running pair of ovsdb-server and ovs-vswitchd.
type Switch struct {
	Dir string // Holds sockets, database and log.
	env []string
}

// Require skips the test, naming what is missing, unless all commands are
// installed. With CI=true it fails instead.
func Require(tb testing.TB, commands ...string) {
	tb.Helper()
	for _, name := range commands {
		if _, err := exec.LookPath(name); err == nil {
			continue
		}
		if os.Getenv("CI") == "true" {
			tb.Fatalf("%s is not installed, and CI=true", name)
		}
		tb.Skipf("%s is not installed", name)
	}
}

// Start starts a switch with a bridge br0, and stops it when the test ends. If
// the test has failed it logs the flows and the end of the switch's log.
func Start(tb testing.TB) *Switch {
	tb.Helper()
	Require(tb, "ovsdb-server", "ovsdb-tool", "ovs-vswitchd", "ovs-vsctl", "ovs-ofctl")
	// A socket's path is limited to 107 bytes, which TempDir may exceed.
	dir, err := os.MkdirTemp("", "of")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { os.RemoveAll(dir) })
	s := &Switch{Dir: dir, env: append(os.Environ(), "OVS_RUNDIR="+dir, "OVS_LOGDIR="+dir, "OVS_DBDIR="+dir)}
	s.Run(tb, "ovsdb-tool", "create", s.path("conf.db"), schema)
	s.daemon(tb, "ovsdb-server", s.path("conf.db"), "--remote=punix:"+s.path("db.sock"),
		"--unixctl="+s.path("ovsdb.ctl"), "-vconsole:off", "--log-file="+s.path("ovsdb.log"))
	Await(tb, "ovsdb-server", func() bool { return exists(s.path("db.sock")) })
	s.Vsctl(tb, "--no-wait", "init")
	s.daemon(tb, "ovs-vswitchd", "unix:"+s.path("db.sock"), "--enable-dummy=override", "--disable-system",
		"--unixctl="+s.path("vswitchd.ctl"), "-vconsole:off", "--log-file="+s.path("vswitchd.log"))
	s.Vsctl(tb, "add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=dummy", "fail_mode=secure",
		"protocols=OpenFlow10,OpenFlow13", "other_config:disable-in-band=true")
	tb.Cleanup(func() {
		if tb.Failed() {
			s.report(tb)
		}
	})
	return s
}

func (s *Switch) path(name string) string { return filepath.Join(s.Dir, name) }

// Management is the address where the bridge listens for controllers.
func (s *Switch) Management() string { return "unix:" + s.path("br0.mgmt") }

// Vsctl runs ovs-vsctl, which waits until the switch has applied the change.
func (s *Switch) Vsctl(tb testing.TB, args ...string) string {
	tb.Helper()
	return s.Run(tb, "ovs-vsctl", append([]string{"--timeout=20", "--retry", "--db=unix:" + s.path("db.sock")}, args...)...)
}

// Ofctl runs ovs-ofctl with OpenFlow 1.3 and returns its output.
func (s *Switch) Ofctl(tb testing.TB, args ...string) string {
	tb.Helper()
	return s.Run(tb, "ovs-ofctl", append([]string{"-O", "OpenFlow13", "--timeout=60"}, args...)...)
}

// Run runs a command in the environment of the switch and returns its output.
func (s *Switch) Run(tb testing.TB, name string, args ...string) string {
	tb.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = s.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		tb.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// daemon starts a process and kills it, and only it, when the test ends.
func (s *Switch) daemon(tb testing.TB, name string, args ...string) {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = s.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		cancel()
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // "signal: killed" is what we asked for.
	})
}

func (s *Switch) report(tb testing.TB) {
	cmd := exec.Command("ovs-ofctl", "-O", "OpenFlow13", "--timeout=5", "dump-flows", "br0")
	cmd.Env = s.env
	flows, err := cmd.CombinedOutput()
	tb.Logf("flows of br0 (%v):\n%.8000s", err, flows)
	log, err := os.ReadFile(s.path("vswitchd.log"))
	if n := len(log) - 8000; n > 0 {
		log = log[n:]
	}
	tb.Logf("end of ovs-vswitchd's log (%v):\n%s", err, log)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Await polls until cond is true, and fails the test after 20 s.
func Await(tb testing.TB, what string, cond func() bool) {
	tb.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline.C:
			tb.Fatal(fmt.Errorf("timed out waiting for %s", what))
		}
	}
}
