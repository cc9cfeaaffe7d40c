//go:build linux

// Package ovn runs OVN on a lab: the databases and ovn-northd beside the controller, and
// ovn-controller on hosts. The programs are those of a release that testenv/releases.sh has
// unpacked; nothing is installed.
package ovn

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tapline-sdn/tapline/testenv/lab"
	"github.com/tapline-sdn/tapline/testenv/release"
)

// Bridge is the bridge that ovn-controller makes and fills.
const Bridge = "br-int"

const (
	southPort = 6642 // TCP, where ovn-controller finds the southbound database
	timeout   = 20 * time.Second
)

// OVN is a running OVN. It ends with its test.
type OVN struct {
	t       testing.TB
	lab     *lab.Lab
	release release.Release
	dir     string // of the sockets and logs

	controllers map[*lab.Host]*exec.Cmd
}

// Start starts the databases, ovn-northd and, on each of the hosts, ovn-controller.
func Start(t testing.TB, l *lab.Lab, name string, hosts ...*lab.Host) *OVN {
	t.Helper()
	found, err := release.Find(name)
	if err != nil {
		lab.SkipWithout(t, "OVN needs", []string{err.Error()})
	}

	dir := filepath.Join(l.Dir, "ovn")
	must(t, os.MkdirAll(filepath.Join(dir, l.Controller.Name), 0o755))
	o := &OVN{t: t, lab: l, release: found, dir: dir, controllers: map[*lab.Host]*exec.Cmd{}}
	for _, db := range []string{"nb", "sb"} {
		o.startDatabase(db)
	}

	o.start(l.Controller, "ovn-northd", "--ovnnb-db=unix:"+o.socket("nb"),
		"--ovnsb-db=unix:"+o.socket("sb"), "--unixctl="+filepath.Join(dir, "northd.ctl"))
	for _, h := range hosts {
		_, err := h.VSCtl("set", "Open_vSwitch", ".",
			fmt.Sprintf("external_ids:ovn-remote=tcp:%s:%d", lab.ControllerIP(), southPort),
			"external_ids:ovn-encap-type=geneve", "external_ids:ovn-bridge-datapath-type=netdev")
		must(t, err)
		o.StartController(h)
	}

	return o
}

func (o *OVN) startDatabase(db string) {
	o.t.Helper()
	file := filepath.Join(o.dir, db+".db")
	schema := filepath.Join(o.release.Dir, "usr/share/ovn/ovn-"+db+".ovsschema")
	o.run("ovsdb-tool", "create", file, schema)

	args := []string{"--remote=punix:" + o.socket(db),
		"--unixctl=" + filepath.Join(o.dir, db+".ctl")}
	if db == "sb" {
		args = append(args, fmt.Sprintf("--remote=ptcp:%d", southPort))
	}
	o.start(o.lab.Controller, "ovsdb-server", append(args, file)...)

	deadline := time.Now().Add(timeout)
	for _, err := os.Stat(o.socket(db)); err != nil; _, err = os.Stat(o.socket(db)) {
		if time.Now().After(deadline) {
			o.t.Fatalf("the database %s does not start: %v", db, err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// StartController starts ovn-controller on a host.
func (o *OVN) StartController(h *lab.Host) {
	o.t.Helper()
	must(o.t, os.MkdirAll(o.runDir(h.Node), 0o755))
	o.controllers[h] = o.start(h.Node, "ovn-controller", "unix:"+h.OVSDBSocket(), "--pidfile")
}

// KillController kills the ovn-controller of a host.
func (o *OVN) KillController(h *lab.Host) {
	o.t.Helper()
	must(o.t, o.controllers[h].Process.Kill())
	_ = o.controllers[h].Wait() // It was killed.
}

// Recompute has the ovn-controller of a host make all its flows anew.
func (o *OVN) Recompute(h *lab.Host) {
	o.t.Helper()
	pid := fmt.Sprintf("ovn-controller.%d.ctl", o.controllers[h].Process.Pid)
	o.run("ovn-appctl", "-t", filepath.Join(o.runDir(h.Node), pid), "inc-engine/recompute")
}

// NB runs ovn-nbctl, and waits until the hosts have followed.
func (o *OVN) NB(args ...string) {
	o.t.Helper()
	o.run("ovn-nbctl", append([]string{"--db=unix:" + o.socket("nb"), "--timeout=20",
		"--wait=hv"}, args...)...)
}

// MirrorsToPorts reports whether the release has mirrors of type local, whose copies go to a port
// of the same bridge.
func (o *OVN) MirrorsToPorts() bool {
	o.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	help, err := exec.CommandContext(ctx, o.program("ovn-nbctl"), "--help").Output()
	must(o.t, err)
	return strings.Contains(string(help), "MIRROR-ID")
}

func (o *OVN) socket(db string) string { return filepath.Join(o.dir, db+".sock") }

// runDir is where the daemons of a node have their sockets.
func (o *OVN) runDir(n *lab.Node) string { return filepath.Join(o.dir, n.Name) }

// program is the path of a program of the release.
func (o *OVN) program(name string) string {
	path, found := o.release.Program(name)
	if !found {
		lab.SkipWithout(o.t, "OVN needs", []string{name + " of " + o.release.Version})
	}
	return path
}

// start starts a daemon, which is killed when the test ends.
func (o *OVN) start(at *lab.Node, name string, args ...string) *exec.Cmd {
	o.t.Helper()
	log := filepath.Join(o.dir, at.Name+"-"+name+".log")
	cmd := at.Command(context.Background(), o.program(name),
		append(args, "-vconsole:off", "--log-file="+log)...)
	cmd.Env = append(cmd.Env, "OVN_RUNDIR="+o.runDir(at), "OVS_PKGDATADIR="+
		filepath.Join(o.release.Dir, "usr/share/openvswitch"))
	must(o.t, cmd.Start())

	o.t.Cleanup(func() {
		_ = cmd.Process.Kill() // It may have ended.
		_ = cmd.Wait()
		if o.t.Failed() {
			text, _ := os.ReadFile(log)
			o.t.Logf("%s on %s:\n%s", name, at.Name, text[max(0, len(text)-3000):])
		}
	})
	return cmd
}

func (o *OVN) run(name string, args ...string) {
	o.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), timeout+5*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, o.program(name), args...).CombinedOutput()
	if err != nil {
		o.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
