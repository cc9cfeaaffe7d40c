//go:build linux

package lab

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapline-sdn/tapline/testenv/release"
)

// ovsTimeout bounds every command that is given to a switch.
var ovsTimeout = time.Duration(Slowness()) * 20 * time.Second

// Switch is a pair of ovsdb-server and ovs-vswitchd, reached through the sockets
// in its directory, which needs no namespace.
type Switch struct {
	// RunDir holds the sockets, the database and the logs of the daemons.
	RunDir string

	host    string
	release release.Release
}

// NewSwitch tells how to reach the daemons of a host. It starts nothing.
func NewSwitch(host, runDir string) Switch { return Switch{RunDir: runDir, host: host} }

// VSCtl runs ovs-vsctl against the database and returns what it printed. It
// waits until the switch has applied a change, unless args begin with --no-wait.
func (s Switch) VSCtl(args ...string) (string, error) {
	return s.vsctl(context.Background(), args...)
}

func (s Switch) vsctl(ctx context.Context, args ...string) (string, error) {
	return s.run(ctx, "ovs-vsctl", append([]string{"--db=unix:" + s.OVSDBSocket()}, args...)...)
}

// OFCtl runs ovs-ofctl with OpenFlow 1.3 against a bridge:
// OFCtl("dump-flows", "brtap").
func (s Switch) OFCtl(args ...string) (string, error) {
	return s.ofctl(context.Background(), args...)
}

func (s Switch) ofctl(ctx context.Context, args ...string) (string, error) {
	return s.run(ctx, "ovs-ofctl", append([]string{"-O", "OpenFlow13"}, args...)...)
}

// AppCtl runs ovs-appctl against ovs-vswitchd: AppCtl("dpctl/dump-flows").
func (s Switch) AppCtl(args ...string) (string, error) {
	return s.run(context.Background(), "ovs-appctl", args...)
}

// DBDump prints the whole database.
func (s Switch) DBDump() (string, error) {
	return s.run(context.Background(), "ovsdb-client", "dump", "unix:"+s.OVSDBSocket(),
		"Open_vSwitch")
}

// OVSDBSocket is the path of the database's unix socket.
func (s Switch) OVSDBSocket() string { return filepath.Join(s.RunDir, "db.sock") }

// LogFile is the path of a daemon's log: ovs-vswitchd or ovsdb-server.
func (s Switch) LogFile(daemon string) string { return filepath.Join(s.RunDir, daemon+".log") }

// Env makes the plain commands of Open vSwitch talk to this switch.
func (s Switch) Env() []string {
	return append(s.release.Env(), "OVS_RUNDIR="+s.RunDir, "OVS_LOGDIR="+s.RunDir,
		"OVS_DBDIR="+s.RunDir, "OVS_SYSCONFDIR="+s.RunDir)
}

func (s Switch) run(ctx context.Context, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, ovsTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.program(name), args...)
	cmd.Env = append(os.Environ(), s.Env()...)
	out, err := output(ctx, cmd)
	if err != nil {
		return out, fmt.Errorf("on %s: %s %s: %w", s.host, name, strings.Join(args, " "), err)
	}
	return strings.TrimRight(out, "\n"), nil
}

// program finds a program of the switch's release.
func (s Switch) program(name string) string {
	if path, ok := s.release.Program(name); ok {
		return path
	}
	return program(name)
}

// CreateDB makes an empty database file with the schema of the switch's release.
func (s Switch) CreateDB(ctx context.Context, path string) error {
	schema := cmp.Or(s.release.SchemaFile(), schemaFile())
	cmd := exec.CommandContext(ctx, s.program("ovsdb-tool"), "create", path, schema)
	if _, err := output(ctx, cmd); err != nil {
		return fmt.Errorf("create database %s: %w", path, err)
	}
	return nil
}

// CreateDB makes an empty database file with the schema of the installed Open vSwitch.
func CreateDB(ctx context.Context, path string) error { return Switch{}.CreateDB(ctx, path) }

// Daemon prepares ovsdb-server or ovs-vswitchd to run in the foreground, in a
// session of its own so that an interrupt at the terminal does not reach it. It
// writes its pid and its log into RunDir, and its stderr into the given file.
func (s Switch) Daemon(name string, stderr *os.File, args ...string) *exec.Cmd {
	cmd := exec.Command(s.program(name), append([]string{
		"--pidfile=" + filepath.Join(s.RunDir, name+".pid"),
		"--log-file=" + s.LogFile(name),
		"-vconsole:emer", "--no-chdir",
	}, args...)...)
	cmd.Env = append(os.Environ(), s.Env()...)
	cmd.Stdout, cmd.Stderr = stderr, stderr
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true}
	return cmd
}
