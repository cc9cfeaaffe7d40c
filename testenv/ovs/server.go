//go:build linux

package ovs

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const schemaFile = "/usr/share/openvswitch/vswitch.ovsschema"

// deadline bounds every wait for a daemon.
const deadline = 15 * time.Second

// Server is an ovsdb-server with an initialized Open_vSwitch database.
type Server struct {
	Dir    string // its run directory
	Socket string // path of its unix socket
	Remote string // "unix:" and the socket

	t       testing.TB
	remotes []string
	flags   []string
	daemon  *daemon
}

// Option changes how a server is started.
type Option func(*Server)

// WithRemote adds a --remote, such as "ptcp:0:127.0.0.1".
func WithRemote(remote string) Option {
	return func(s *Server) { s.remotes = append(s.remotes, remote) }
}

// WithFlags adds flags.
func WithFlags(flags ...string) Option {
	return func(s *Server) { s.flags = append(s.flags, flags...) }
}

// StartServer starts an ovsdb-server.
func StartServer(t testing.TB, options ...Option) *Server {
	t.Helper()
	Need(t, "ovsdb-server", "ovsdb-tool", "ovsdb-client", "ovs-vsctl", "ovs-appctl")
	if _, err := os.Stat(schemaFile); err != nil {
		missing(t, schemaFile)
	}

	// Not t.TempDir: the path of a unix socket must be short.
	dir, err := os.MkdirTemp("", "ovsdb")
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &Server{t: t, Dir: dir, Socket: filepath.Join(dir, "db.sock")}
	s.Remote = "unix:" + s.Socket
	for _, o := range options {
		o(s)
	}

	Run(t, dir, "ovsdb-tool", "create", filepath.Join(dir, "conf.db"), schemaFile)
	s.Start()
	s.Vsctl("--no-wait", "init")
	return s
}

// Start starts the server after Stop.
func (s *Server) Start() {
	s.t.Helper()
	args := append([]string{"--remote=p" + s.Remote,
		"--log-file=" + filepath.Join(s.Dir, "ovsdb.log"), "--unixctl=" + s.ctl(), "-vconsole:off"},
		s.flags...)

	for _, r := range s.remotes {
		args = append(args, "--remote="+r)
	}

	s.daemon = start(s.t, s.Dir, "ovsdb-server", append(args, filepath.Join(s.Dir, "conf.db"))...)
	WaitFor(s.t, "ovsdb-server to listen", func() bool {
		c, err := net.Dial("unix", s.Socket)
		if err != nil {
			return false
		}
		c.Close()
		return true
	})
}

func (s *Server) ctl() string { return filepath.Join(s.Dir, "ovsdb.ctl") }

func (s *Server) switchCtl() string { return filepath.Join(s.Dir, "vswitchd.ctl") }

// Stop ends the server.
func (s *Server) Stop() {
	s.t.Helper()
	s.daemon.stop()
}

// Pause stops the server from running until Resume; its connections stay.
func (s *Server) Pause() { s.daemon.signal(syscall.SIGSTOP) }

// Resume undoes Pause.
func (s *Server) Resume() { s.daemon.signal(syscall.SIGCONT) }

// Appctl runs ovs-appctl on the server.
func (s *Server) Appctl(args ...string) string {
	s.t.Helper()
	return Run(s.t, s.Dir, "ovs-appctl", append([]string{"-t", s.ctl()}, args...)...)
}

// Vsctl runs ovs-vsctl on the server's database.
func (s *Server) Vsctl(args ...string) string {
	s.t.Helper()
	return strings.TrimSpace(Run(s.t, s.Dir, "ovs-vsctl",
		append([]string{"--timeout=20", "--db=" + s.Remote}, args...)...))
}

// Dump runs ovsdb-client dump for columns of a table.
func (s *Server) Dump(table string, columns ...string) string {
	s.t.Helper()
	return Run(s.t, s.Dir, "ovsdb-client", append([]string{"-f", "csv", "dump", s.Remote,
		"Open_vSwitch", table}, columns...)...)
}

// StartSwitch starts an ovs-vswitchd with dummy devices on the server's
// database. Its log is shown where the test fails.
func (s *Server) StartSwitch() {
	s.t.Helper()
	Need(s.t, "ovs-vswitchd", "ovs-ofctl")
	log := filepath.Join(s.Dir, "vswitchd.log")
	start(s.t, s.Dir, "ovs-vswitchd", "--enable-dummy=override", "--disable-system", "--no-chdir",
		"--log-file="+log, "--unixctl="+s.switchCtl(), "-vconsole:off", s.Remote)

	s.t.Cleanup(func() {
		if s.t.Failed() {
			text, _ := os.ReadFile(log)
			s.t.Logf("ovs-vswitchd:\n%s", tail(text, 4000))
		}
	})

	WaitFor(s.t, "ovs-vswitchd to start", func() bool {
		return strings.Contains(s.Vsctl("get", "Open_vSwitch", ".", "datapath_types"), "dummy")
	})
}

// WaitFor waits until a condition holds, and fails the test at a deadline.
func WaitFor(t testing.TB, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(deadline)
	for !condition() {
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatalf("waited %v in vain for %s", deadline, what)
		}
	}
}

// Run runs a command with dir as the run directory of Open vSwitch, and fails
// the test where it fails.
func Run(t testing.TB, dir, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*deadline)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env, cmd.Dir = environment(dir), dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}

	return string(out)
}

// Need skips the test, or fails it in CI, where a program is not installed.
func Need(t testing.TB, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			missing(t, p)
		}
	}
}

func missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing, and CI must have it", what)
	}
	t.Skipf("%s is missing", what)
}

func environment(dir string) []string {
	return append(os.Environ(), "OVS_RUNDIR="+dir, "OVS_DBDIR="+dir, "OVS_LOGDIR="+dir,
		"OVS_SYSCONFDIR="+dir)
}

func tail(text []byte, n int) []byte { return text[max(0, len(text)-n):] }

// daemon is a process that ends with the test.
type daemon struct {
	cmd  *exec.Cmd
	once sync.Once
	out  bytes.Buffer
}

func start(t testing.TB, dir, name string, args ...string) *daemon {
	t.Helper()
	d := &daemon{cmd: exec.Command(name, args...)}
	d.cmd.Env, d.cmd.Dir = environment(dir), dir
	d.cmd.Stdout, d.cmd.Stderr = &d.out, &d.out
	// It must not outlive a test that is killed.
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := d.cmd.Start(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}

	t.Cleanup(func() {
		d.stop()
		if t.Failed() && d.out.Len() > 0 {
			t.Logf("%s:\n%s", name, tail(d.out.Bytes(), 4000))
		}
	})

	return d
}

func (d *daemon) signal(s syscall.Signal) { _ = d.cmd.Process.Signal(s) }

// stop ends the process at once: what it has written is in the database's file
// already.
func (d *daemon) stop() {
	d.once.Do(func() {
		d.signal(syscall.SIGCONT)
		d.signal(syscall.SIGKILL)
		_ = d.cmd.Wait() // killed: the error says so
	})
}
