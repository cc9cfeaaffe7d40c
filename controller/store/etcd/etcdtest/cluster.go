package etcdtest

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// Cluster is some members of etcd.
type Cluster struct {
	Members []*Member

	secure *tls.Config // of clients; nil: plain HTTP
}

// Member is one process of etcd.
type Member struct {
	Name   string
	URL    string // for clients
	Folder string // of its data

	args    []string
	process *exec.Cmd
	log     lockedBuffer
}

// Require skips a test on a machine without etcd. Where TAPLINE_REQUIRE_ETCD is set, as in CI, the
// test fails.
func Require(t testing.TB) {
	t.Helper()
	for _, tool := range []string{"etcd", "etcdctl"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("TAPLINE_REQUIRE_ETCD") != "" {
				require.NoError(t, err)
			}
			t.Skipf("%s is not installed", tool)
		}
	}
}

// Start starts a cluster of so many members, with more arguments of etcd(1), and waits until it has
// a leader. It ends with the test.
func Start(t testing.TB, members int, args ...string) *Cluster {
	t.Helper()
	return start(t, members, nil, args)
}

// StartSecure starts one member that speaks TLS with its clients. The arguments name its
// certificate (--cert-file, --key-file).
func StartSecure(t testing.TB, secure *tls.Config, args ...string) *Cluster {
	t.Helper()
	return start(t, 1, secure, args)
}

func start(t testing.TB, members int, secure *tls.Config, args []string) *Cluster {
	t.Helper()
	Require(t)

	c := &Cluster{secure: secure}
	scheme := "http://"
	if secure != nil {
		scheme = "https://"
	}

	var peers, initial []string
	for i := range members {
		name := fmt.Sprintf("m%d", i+1)
		peer := "http://" + freeAddress(t)
		peers = append(peers, peer)
		initial = append(initial, name+"="+peer)
	}

	for i := range members {
		m := &Member{
			Name: fmt.Sprintf("m%d", i+1), URL: scheme + freeAddress(t),
			Folder: filepath.Join(t.TempDir(), "data"),
		}
		m.args = append([]string{
			"--name", m.Name, "--data-dir", m.Folder,
			"--listen-client-urls", m.URL, "--advertise-client-urls", m.URL,
			"--listen-peer-urls", peers[i], "--initial-advertise-peer-urls", peers[i],
			"--initial-cluster", strings.Join(initial, ","), "--log-level", "error",
			"--unsafe-no-fsync",
		}, args...)
		c.Members = append(c.Members, m)
		t.Cleanup(func() { m.Kill() })
		m.Start(t)
	}

	c.Await(t)
	return c
}

// given are the ports that freeAddress has returned.
var given sync.Map

// freeAddress returns an address at which nobody listens. Its port is below those that the kernel
// gives to connections, any of which may be made before etcd listens.
func freeAddress(t testing.TB) string {
	t.Helper()
	for range 1000 {
		address := fmt.Sprintf("127.0.0.1:%d", 10_000+rand.IntN(20_000))
		if _, again := given.LoadOrStore(address, true); again {
			continue
		}
		if l, err := net.Listen("tcp", address); err == nil {
			require.NoError(t, l.Close())
			return address
		}
	}
	require.FailNow(t, "no port is free")
	return ""
}

// URLs returns where clients reach the members.
func (c *Cluster) URLs() []string {
	var out []string
	for _, m := range c.Members {
		out = append(out, m.URL)
	}
	return out
}

// Await waits until the cluster answers.
func (c *Cluster) Await(t testing.TB) {
	t.Helper()
	client := c.Client(t)
	require.Eventually(t, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := client.Get(ctx, "any")
		return err == nil
	}, time.Minute, 20*time.Millisecond, "etcd does not answer")
}

// Client returns a client, which is closed with the test.
func (c *Cluster) Client(t testing.TB) *clientv3.Client {
	t.Helper()
	client, err := clientv3.New(clientv3.Config{
		Endpoints: c.URLs(), TLS: c.secure, Logger: zap.NewNop(),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	return client
}

// Leader returns the leading member.
func (c *Cluster) Leader(t testing.TB) *Member {
	t.Helper()
	client := c.Client(t)
	for _, m := range c.Members {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		status, err := client.Status(ctx, m.URL)
		cancel()
		if err == nil && status.Leader == status.Header.MemberId {
			return m
		}
	}
	require.FailNow(t, "no member leads")
	return nil
}

// Ctl runs etcdctl(1) and returns its output.
func (c *Cluster) Ctl(t testing.TB, args ...string) string {
	t.Helper()
	cmd := exec.Command("etcdctl", append([]string{
		"--endpoints", strings.Join(c.URLs(), ","),
	}, args...)...)
	cmd.Env = append(os.Environ(), "ETCDCTL_API=3")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "etcdctl %v: %s", args, out)
	return string(out)
}

// Start starts a member with the data that it has.
func (m *Member) Start(t testing.TB) {
	t.Helper()
	m.process = exec.Command("etcd", m.args...)
	m.process.Stderr = &m.log
	// The member ends with the test program, also if that crashes.
	m.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, m.process.Start())
}

// Arguments adds arguments of etcd(1) that count from the next start on.
func (m *Member) Arguments(args ...string) { m.args = append(m.args, args...) }

// Restore ends the one member of a cluster, and starts it with what is in a snapshot.
func (m *Member) Restore(t testing.TB, c *Cluster, snapshot string) {
	t.Helper()
	m.Kill()
	require.NoError(t, os.RemoveAll(m.Folder))
	var peer string
	for i, arg := range m.args {
		if arg == "--initial-advertise-peer-urls" {
			peer = m.args[i+1]
		}
	}
	c.Ctl(t, "snapshot", "restore", snapshot, "--name", m.Name, "--data-dir", m.Folder,
		"--initial-cluster", m.Name+"="+peer, "--initial-advertise-peer-urls", peer)
	m.Start(t)
	c.Await(t)
}

// Kill ends a member without warning, and waits for its end.
func (m *Member) Kill() {
	if m.process != nil {
		_ = m.process.Process.Kill()
		_ = m.process.Wait()
		m.process = nil
	}
}

// Freeze stops a member as SIGSTOP does, and waits until all of its threads stand. It keeps its
// connections and does nothing.
func (m *Member) Freeze(t testing.TB) {
	t.Helper()
	require.NoError(t, m.process.Process.Signal(syscall.SIGSTOP))

	threads := fmt.Sprintf("/proc/%d/task/*/stat", m.process.Process.Pid)
	require.Eventually(t, func() bool {
		files, err := filepath.Glob(threads)
		if err != nil || len(files) == 0 {
			return false
		}
		return !slices.ContainsFunc(files, func(file string) bool {
			text, err := os.ReadFile(file) // pid (name) state ...; see proc(5)
			return err != nil || !strings.Contains(string(text), ") T ")
		})
	}, 10*time.Second, time.Millisecond, "a frozen member goes on")
}

// Thaw lets a frozen member go on.
func (m *Member) Thaw(t testing.TB) {
	t.Helper()
	require.NoError(t, m.process.Process.Signal(syscall.SIGCONT))
}

// Log returns what the member has logged.
func (m *Member) Log() string { return m.log.String() }

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
