//go:build linux

package lab_test

import (
	"bufio"
	"context"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tapline-sdn/tapline/testenv/lab"
)

// crashEnv makes this test program a process that makes a lab and waits to be
// killed; its value is the directory of the lab to be.
const crashEnv = "TAPLINE_LAB_TEST_CRASH"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashEnv); dir != "" {
		makeLabAndWait(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

func makeLabAndWait(dir string) {
	ctx := context.Background()
	l, err := lab.New(ctx, lab.Config{Name: filepath.Base(dir), Hosts: 1, Dir: filepath.Dir(dir)})
	if err == nil {
		_, err = l.Hosts[0].AddGuest(ctx, "web", lab.GuestNIC{})
	}

	if err != nil {
		os.Stdout.WriteString(err.Error() + "\n")
		return
	}

	os.Stdout.WriteString("ready\n")
	select {}
}

// deadline bounds what a test waits for.
func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func addGuest(t *testing.T, h *lab.Host, name, ip string) *lab.Guest {
	t.Helper()
	g, err := h.AddGuest(deadline(t), name, lab.GuestNIC{IP: netip.MustParsePrefix(ip + "/24")})
	must(t, err)
	return g
}

// ping wants one answer of three: ping(8) waits for the last one only as long as
// the others took twice, which on a loaded machine is too short.
func ping(t *testing.T, from *lab.Node, to netip.Addr) {
	t.Helper()
	out, err := from.Run(deadline(t), "ping", "-c", "3", "-i", "0.01", "-W", "5", to.String())
	if err != nil || strings.Contains(out, "DUP!") {
		t.Fatalf("ping from %s to %s: %v\n%s", from.Name, to, err, out)
	}
}

// pingAgain tolerates that a switch drops packets while it reconfigures itself.
func pingAgain(t *testing.T, from *lab.Node, to netip.Addr) {
	t.Helper()
	ctx := deadline(t)
	for {
		out, err := from.Run(ctx, "ping", "-c", "1", "-W", "1", to.String())
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("ping from %s to %s: %v\n%s", from.Name, to, err, out)
		}
	}
}

func TestNetworksConnect(t *testing.T) {
	l := lab.Start(t, 3)
	web := addGuest(t, l.Hosts[0], "web", "10.220.0.1")
	db := addGuest(t, l.Hosts[2], "db", "10.220.0.2")
	ping(t, web.Node, db.IP())
	ping(t, l.Hosts[0].Node, l.Hosts[1].TunnelIP)
	for _, h := range l.Hosts {
		ping(t, l.Controller, h.MgmtIP)
		conn, err := l.Controller.Dial(deadline(t), "tcp", strings.TrimPrefix(h.OVSDB(), "tcp:"))
		must(t, err)
		must(t, conn.Close())
	}

	listener, err := l.Controller.Listen(deadline(t), "tcp", lab.ControllerIP().String()+":0")
	must(t, err)
	defer listener.Close()
	conn, err := l.Hosts[1].Dial(deadline(t), "tcp", listener.Addr().String())
	must(t, err)
	must(t, conn.Close())
}

func TestPlainOVSCommandsReachTheirHost(t *testing.T) {
	l := lab.Start(t, 2)
	for _, h := range l.Hosts {
		out, err := h.Run(deadline(t), "ovs-vsctl", "get", "Open_vSwitch", ".",
			"external_ids:system-id")
		must(t, err)
		if got := strings.Trim(out, "\"\n"); got != h.SystemID {
			t.Errorf("ovs-vsctl on %s: system-id %s, want %s", h.Name, got, h.SystemID)
		}

		for _, command := range [][]string{
			{"ovs-appctl", "version"},
			{"ovs-ofctl", "-O", "OpenFlow13", "dump-flows", lab.WireBridge},
			{"ovsdb-client", "list-dbs", h.OVSDB()},
		} {
			if _, err := h.Run(deadline(t), command[0], command[1:]...); err != nil {
				t.Error(err)
			}
		}

		dump, err := h.DBDump()
		if err != nil || !strings.Contains(dump, h.SystemID) {
			t.Errorf("DBDump of %s: %v\n%s", h.Name, err, dump)
		}
	}
}

func TestDaemonsRestart(t *testing.T) {
	tests := []struct {
		name    string
		restart func(context.Context, *lab.Host) error
	}{
		{"switch in order", func(ctx context.Context,
			h *lab.Host) error {
			return h.RestartVSwitchd(ctx)
		}},
		{"switch killed", func(ctx context.Context, h *lab.Host) error {
			return errors.Join(h.KillVSwitchd(), h.StartVSwitchd(ctx))
		}},
		{"database", func(ctx context.Context, h *lab.Host) error { return h.RestartOVSDB(ctx) }},
	}

	l := lab.Start(t, 2)
	addGuest(t, l.Hosts[0], "web", "10.220.0.1")
	addGuest(t, l.Hosts[1], "db", "10.220.0.2")
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := l.Hosts[0]
			before := h.VSwitchdPID()*1e7 + h.OVSDBPID()
			must(t, test.restart(deadline(t), h))
			if after := h.VSwitchdPID()*1e7 + h.OVSDBPID(); after == before {
				t.Error("the processes are the same as before")
			}
			pingAgain(t, l.Guest("web").Node, l.Guest("db").IP())
			pingAgain(t, h.Node, l.Hosts[1].TunnelIP)
		})
	}

	must(t, l.Hosts[0].KillVSwitchd())
	if pid := l.Hosts[0].VSwitchdPID(); pid != 0 {
		t.Errorf("the killed switch has pid %d", pid)
	}
}

func TestLabsSideBySide(t *testing.T) {
	first, second := lab.Start(t, 2), lab.Start(t, 2)
	for _, l := range []*lab.Lab{first, second} {
		addGuest(t, l.Hosts[0], "web", "10.220.0.1")
		addGuest(t, l.Hosts[1], "db", "10.220.0.2")
	}

	ping(t, first.Guest("web").Node, first.Guest("db").IP())
	ping(t, second.Guest("web").Node, second.Guest("db").IP())
	must(t, first.Close())
	assertGone(t, first)
	ping(t, second.Guest("web").Node, second.Guest("db").IP())
}

func TestOpenAttachesToARunningLab(t *testing.T) {
	dir := shortDir(t)
	made := lab.Start(t, 2, func(c *lab.Config) { c.Dir = dir })
	addGuest(t, made.Hosts[0], "web", "10.220.0.1")
	opened, err := lab.Open(dir, made.Name)
	must(t, err)
	web := opened.Guest("web")
	if web == nil || web.MAC() != made.Guest("web").MAC() {
		t.Fatalf("the opened lab has guest %+v", web)
	}

	must(t, web.MoveTo(deadline(t), opened.Hosts[1]))
	db := addGuest(t, opened.Hosts[0], "db", "10.220.0.2")
	ping(t, web.Node, db.IP())
	must(t, opened.Hosts[0].RestartVSwitchd(deadline(t)))
	must(t, made.Close()) // knows of neither the guest nor the new switch
	assertGone(t, opened)

	if _, err := lab.Open(dir, made.Name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("opening a closed lab: %v, want fs.ErrNotExist", err)
	}
}

func TestFailedNewLeavesNothing(t *testing.T) {
	lab.Require(t)
	dir := shortDir(t)
	name := "late-" + filepath.Base(dir)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if l, err := lab.New(ctx, lab.Config{Name: name, Hosts: 4, Dir: dir}); !errors.Is(err,
		context.DeadlineExceeded) {
		t.Fatalf("New within 50 ms: %v, %v; want the deadline's error", l, err)
	}
	if left, _ := filepath.Glob("/run/netns/" + name + "-*"); len(left) > 0 {
		t.Errorf("namespaces left: %v", left)
	}
	if _, err := os.Stat(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("directory left: %v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	lab.Require(t)
	dir := shortDir(t)
	l := lab.Start(t, 0, func(c *lab.Config) { c.Dir = dir })
	tests := []struct {
		name   string
		config lab.Config
		want   string
	}{
		{"name in use", lab.Config{Name: l.Name, Dir: dir}, "removes what is there"},
		{"namespace in use", lab.Config{Name: l.Name, Dir: shortDir(t)},
			"it does not belong to this lab"},
		{"bad name", lab.Config{Name: "a/b", Dir: dir}, `lab name "a/b"`},
		{"too many hosts", lab.Config{Hosts: 201, Dir: dir}, "want 0 to 200"},
	}

	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := lab.New(deadline(t), test.config); err == nil ||
				!strings.Contains(err.Error(), test.want) {
				t.Errorf("New: error %v, want one with %q", err, test.want)
			}
		})
	}

	ping(t, l.Controller, lab.ControllerIP()) // the namespace of the first is untouched
}

func TestPurgeAfterKill(t *testing.T) {
	lab.Require(t)
	dir := shortDir(t)
	name := "crash-" + filepath.Base(dir)
	t.Cleanup(func() { must(t, lab.Purge(dir, name)) })
	self, err := os.Executable()
	must(t, err)
	cmd := exec.CommandContext(deadline(t), self)
	cmd.Env = append(os.Environ(), crashEnv+"="+filepath.Join(dir, name))
	stdout, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if line != "ready\n" {
		t.Errorf("the process that makes a lab: %q, %v", line, err)
	}

	must(t, cmd.Process.Kill())
	if err := cmd.Wait(); err == nil {
		t.Error("the process ended by itself")
	}

	l, err := lab.Open(dir, name)
	must(t, err)
	if l.Hosts[0].VSwitchdPID() == 0 || l.Hosts[0].OVSDBPID() == 0 {
		t.Error("the daemons ended with the process that made the lab")
	}

	must(t, lab.Purge(dir, name))
	assertGone(t, l)
	must(t, lab.Purge(dir, name))
}

func assertGone(t *testing.T, l *lab.Lab) {
	t.Helper()
	if left, _ := filepath.Glob("/run/netns/" + l.Name + "-*"); len(left) > 0 {
		t.Errorf("namespaces left: %v", left)
	}
	if _, err := os.Stat(l.Dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("directory left: %v", err)
	}

	for _, h := range l.Hosts {
		if h.VSwitchdPID() != 0 || h.OVSDBPID() != 0 {
			t.Errorf("daemons of %s left: %d, %d", h.Name, h.VSwitchdPID(), h.OVSDBPID())
		}
	}
}

// shortDir is a temporary directory whose path leaves room for the name of a
// unix socket.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "lab")
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	return dir
}
