package plugin_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/plugin"
	"github.com/tapline-sdn/tapline/plugin/plugintest"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// patience bounds each wait of these tests.
const patience = 30 * time.Second

// build compiles a command of this module into a directory of the test.
func build(t *testing.T, pkg string, flags ...string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), filepath.Base(pkg))
	args := append(append([]string{"build", "-o", binary}, flags...), pkg)
	out, err := exec.CommandContext(t.Context(), "go", args...).CombinedOutput()
	require.NoError(t, err, "go %v: %s", args, out)
	return binary
}

func spec(path string) plugin.Spec {
	return plugin.Spec{Name: "mirror", Path: path, Logger: slog.New(slog.DiscardHandler)}
}

// children lists the processes that run a program and were started by this one.
func children(t *testing.T, binary string) (pids []int) {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	require.NoError(t, err)
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}

		exe, err := os.Readlink(filepath.Join("/proc", e.Name(), "exe"))
		stat, err2 := os.ReadFile(filepath.Join("/proc", e.Name(), "stat"))
		if err != nil || err2 != nil || exe != binary {
			continue
		}

		// pid (comm) state ppid, see proc_pid_stat(5); comm may hold blanks and parentheses.
		_, rest, _ := strings.Cut(string(stat[strings.LastIndexByte(string(stat), ')'):]), " ")
		if fields := strings.Fields(rest); len(fields) > 1 &&
			fields[1] == strconv.Itoa(os.Getpid()) {
			pids = append(pids, pid)
		}
	}

	return pids
}

func onlyChild(t *testing.T, binary string) int {
	t.Helper()
	pids := children(t, binary)
	require.Len(t, pids, 1, "processes of %s", binary)
	return pids[0]
}

func TestConformanceProcess(t *testing.T) {
	binary := build(t, "./tapline-mirror")
	plugintest.Conformance(t, func(t *testing.T) plugin.Mirror {
		p, err := plugin.Launch(t.Context(), spec(binary))
		require.NoError(t, err)
		t.Cleanup(p.Kill)
		return p
	})
	assert.Empty(t, children(t, binary), "a process outlives Kill")
}

func TestLaunch(t *testing.T) {
	binary := build(t, "./tapline-mirror")
	content, err := os.ReadFile(binary)
	require.NoError(t, err)
	sum := sha256.Sum256(content)
	with := spec(binary)
	with.SHA256 = hex.EncodeToString(sum[:])
	with.Config = []byte(`{"bridge": "spy"}`)
	t.Setenv("TAPLINE_TOKEN", "secret")

	p, err := plugin.Launch(t.Context(), with)
	require.NoError(t, err)
	defer p.Kill()
	assert.Equal(t, "mirror", p.Description.Name)
	assert.Equal(t, plugin.Version, p.Description.Version)
	assert.False(t, p.Exited())

	environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", onlyChild(t, binary)))
	require.NoError(t, err)
	for _, entry := range strings.Split(strings.TrimRight(string(environ), "\x00"), "\x00") {
		name, _, _ := strings.Cut(entry, "=")
		given := name == plugin.Handshake.MagicCookieKey || name == "TAPLINE_PLUGIN_LIFELINE" ||
			strings.HasPrefix(name, "PLUGIN_") || name == "TMPDIR"
		assert.True(t, given, "the plugin inherits %s", name)
	}

	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", onlyChild(t, binary)))
	require.NoError(t, err)
	assert.Regexp(t, `Max core file size +0 +0 `, string(limits))

	p.Kill()
	assert.True(t, p.Exited())
	assert.Empty(t, children(t, binary))
	_, err = p.Describe(t.Context())
	assert.Error(t, err, "a call after the end")
	p.Kill() // A second time does no harm.
}

// TestLaunchPassesTempDir: the plugin listens in the temporary directory that the controller uses.
func TestLaunchPassesTempDir(t *testing.T) {
	binary := build(t, "./tapline-mirror")
	dir, err := os.MkdirTemp("/tmp", "tapline-test")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	t.Setenv("TMPDIR", dir)

	p, err := plugin.Launch(t.Context(), spec(binary))
	require.NoError(t, err)
	defer p.Kill()
	sockets, err := filepath.Glob(filepath.Join(dir, "tapline-*", "*"))
	require.NoError(t, err)
	assert.Len(t, sockets, 1, "the plugin's socket is in TMPDIR and the trial socket is gone")

	p.Kill()
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, left)
}

// TestLaunchWithoutTempDir: one line names the directory in which the plugin could not listen.
func TestLaunchWithoutTempDir(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	long := filepath.Join(t.TempDir(), strings.Repeat("x", 120))
	require.NoError(t, os.Mkdir(long, 0o700))
	for name, test := range map[string]struct{ dir, want string }{
		"absent":                   {"/no/such/directory", "no such file or directory"},
		"a file":                   {file, "not a directory"},
		"too long for a socket":    {long, "invalid argument"},
		"no room for sockets here": {"/proc", "no such file or directory"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("TMPDIR", test.dir)
			p, err := plugin.Launch(t.Context(), spec("/bin/true"))
			if !assert.Error(t, err) {
				p.Kill()
				return
			}
			assert.EqualError(t, err,
				"plugin mirror (/bin/true): no socket can be made in the temporary "+
					"directory "+test.dir+": "+test.want+"; set TMPDIR to another directory")
		})
	}
}

// TestKillStopped: a plugin that is stopped is ended all the same, though it cannot answer that it
// will end.
func TestKillStopped(t *testing.T) {
	binary := build(t, "./tapline-mirror")
	p, err := plugin.Launch(t.Context(), spec(binary))
	require.NoError(t, err)
	pid := onlyChild(t, binary)
	require.NoError(t, syscall.Kill(pid, syscall.SIGSTOP))
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) })
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		p.Kill()
	}()

	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatal("it goes on waiting for a plugin that cannot answer")
	}

	assert.Empty(t, children(t, binary))
}

func TestLaunchErrors(t *testing.T) {
	ours := build(t, "./tapline-mirror")
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	require.NoError(t, os.WriteFile(plain, []byte("text"), 0o644))
	garbage := filepath.Join(dir, "garbage")
	require.NoError(t, os.WriteFile(garbage, []byte("no program"), 0o755))
	with := func(path string, change func(*plugin.Spec)) plugin.Spec {
		s := spec(path)
		change(&s)
		return s
	}

	for _, test := range []struct {
		name string
		spec plugin.Spec
		want []string // after "plugin mirror (PATH): "
	}{
		{"no such file", spec(filepath.Join(dir, "absent")),
			[]string{"there is no such file; set plugins[].path to the binary"}},
		{"a directory", spec(dir), []string{"the file is not executable"}},
		{"not executable", spec(plain), []string{"the file is not executable"}},
		{"not a program", spec(garbage), []string{"exec format error"}},
		{"no checksum", with(ours, func(s *plugin.Spec) {
			s.SHA256 = "sha256:0"
		}), []string{`sha256 "sha256:0": want 64 hexadecimal digits`}},
		{"checksum too short", with(ours, func(s *plugin.Spec) {
			s.SHA256 = "00ff"
		}), []string{`sha256 "00ff": want 64 hexadecimal digits`}},
		{"wrong checksum", with(ours, func(s *plugin.Spec) {
			s.SHA256 = strings.Repeat("0", 64)
		}), []string{"the binary's SHA-256 is not " + strings.Repeat("0", 64)}},
		{"no plugin", spec("/bin/true"),
			[]string{"it did not start as a mirror plugin: Unrecognized remote plugin message:"}},
		{"a program that talks", spec(script(t, "echo hello; echo world")),
			[]string{"it did not start as a mirror plugin: Unrecognized remote plugin message:"}},
		{"plugin of another program", spec(build(t, "./testdata/otherplugin",
			"-ldflags=-X main.kind=cookie")),
			[]string{"it did not start as a mirror plugin: Unrecognized remote plugin message:"}},
		{"another protocol version", spec(build(t, "./testdata/otherplugin",
			"-ldflags=-X main.kind=version")), []string{"version", "2", "1"}},
		{"configuration",
			with(ours, func(s *plugin.Spec) {
				s.Config = []byte(`{"tunnel": "ipip"}`)
			}), []string{`tunnel: "ipip" is not a tunnel type: want "gre", "vxlan" or "auto"`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, err := plugin.Launch(t.Context(), test.spec)
			if !assert.Error(t, err) {
				p.Kill()
				return
			}

			rest, ok := strings.CutPrefix(err.Error(), "plugin mirror ("+test.spec.Path+"): ")
			assert.True(t, ok, "%v does not say which plugin", err)
			for _, want := range test.want {
				assert.Contains(t, rest, want)
			}

			assert.NotContains(t, err.Error(), "\n")
			assert.Empty(t, children(t, test.spec.Path), "the process is left behind")
		})
	}

	_, err := plugin.Launch(t.Context(), spec(filepath.Join(dir, "absent")))
	assert.ErrorIs(t, err, fs.ErrNotExist)
	_, err = plugin.Launch(t.Context(), with(ours,
		func(s *plugin.Spec) { s.Config = []byte(`{"tunnel": "ipip"}`) }))

	var wrong *plugin.ConfigError
	require.ErrorAs(t, err, &wrong)
	assert.Equal(t, []plugin.FieldError{{Field: "tunnel",
		Message: `"ipip" is not a tunnel type: want "gre", "vxlan" or "auto"`}}, wrong.Fields)
}

func script(t *testing.T, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "script")
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o755))
	return path
}

// TestLaunchScript: what a script has started is ended with it, else its output would be waited for
// without end.
func TestLaunchScript(t *testing.T) {
	script := filepath.Join(t.TempDir(), "script")
	require.NoError(t,
		os.WriteFile(script,
			[]byte("#!/bin/sh\ntrap '' TERM\nsleep 1000 &\necho pid $! >&2\necho nonsense\n"+
				"sleep 1000\n"), 0o755))

	var log lockedBuffer
	s := spec(script)
	s.Logger = slog.New(slog.NewTextHandler(&log, nil))
	done := make(chan error, 1)
	go func() {
		_, err := plugin.Launch(context.WithoutCancel(t.Context()), s)
		done <- err
	}()

	select {
	case err := <-done:
		assert.ErrorContains(t, err, "nonsense")
	case <-time.After(patience):
		t.Error("the launch does not return")
	}

	said := regexp.MustCompile(`line="pid (\d+)"`).FindStringSubmatch(log.String())
	require.Len(t, said, 2, log.String())
	pid, err := strconv.Atoi(said[1])
	require.NoError(t, err)
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) })
	assert.Eventually(t, func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err != nil || strings.Contains(string(stat), ") Z ")
	}, patience, 10*time.Millisecond, "process %d still runs", pid)
}

// TestLaunchSaysWhatThePluginSays: what a plugin writes to its standard error is logged, line by
// line.
func TestLaunchSaysWhatThePluginSays(t *testing.T) {
	var log lockedBuffer
	s := spec(script(t, "echo one >&2; echo two >&2"))
	s.Logger = slog.New(slog.NewTextHandler(&log, nil))
	_, err := plugin.Launch(t.Context(), s)
	require.Error(t, err)
	assert.Contains(t, log.String(), `msg="plugin says" plugin=mirror line=one`)
	assert.Contains(t, log.String(), `msg="plugin says" plugin=mirror line=two`)
}

type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func TestSuperviseRestarts(t *testing.T) {
	binary := build(t, "./tapline-mirror")
	s, err := plugin.Start(t.Context(), spec(binary))
	require.NoError(t, err)
	assert.NoError(t, s.Err())
	assert.Zero(t, s.Restarts())

	ctx, cancel := context.WithCancel(t.Context())
	type run struct {
		pid int
		at  time.Time
	}
	runs, ends := make(chan run, 8), make(chan error, 8)
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Run(ctx, func(ctx context.Context, m plugin.Mirror) error {
			changes := make(chan tap.Change, 1)
			changes <- tap.Change{Revision: 1, Reset: true}
			err := m.Run(ctx, changes, func(tap.Result) error {
				pids := children(t, binary)
				if len(pids) != 1 {
					return fmt.Errorf("processes %v: want one", pids)
				}
				runs <- run{pids[0], time.Now()}
				return nil
			})

			ends <- err
			return err
		})
	}()

	t.Cleanup(func() {
		cancel()
		<-done
	})

	next := func() (r run) {
		t.Helper()
		select {
		case r = <-runs:
		case <-time.After(patience):
			t.Fatal("the plugin does not run")
		}
		return r
	}

	first := next()
	for n, least := range []time.Duration{100 * time.Millisecond, 200 * time.Millisecond} {
		killed := time.Now()
		require.NoError(t, syscall.Kill(first.pid, syscall.SIGKILL))
		again := next()
		assert.Error(t, <-ends, "use learns that the plugin is gone")
		assert.NotEqual(t, first.pid, again.pid)
		assert.GreaterOrEqual(t, again.at.Sub(killed), least,
			"restart %d comes without its backoff", n+1)

		assert.EqualValues(t, n+1, s.Restarts())
		assert.NoError(t, s.Err(), "the plugin runs")
		first = again
	}

	cancel()
	<-done
	assert.ErrorIs(t, <-ends, context.Canceled)
	assert.Empty(t, children(t, binary), "the process outlives its supervisor")
}

// TestSuperviseTellsWhyItDoesNotRun: while the binary is gone, Err says so, and the supervisor ends
// when it is told to.
func TestSuperviseTellsWhyItDoesNotRun(t *testing.T) {
	binary := build(t, "./tapline-mirror")
	s, err := plugin.Start(t.Context(), spec(binary))
	require.NoError(t, err)
	require.NoError(t, os.Remove(binary))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Run(ctx, func(context.Context,
			plugin.Mirror) error {
			return errors.New("the plugin is gone")
		})
	}()

	t.Cleanup(func() {
		cancel()
		<-done
	})

	require.Eventually(t, func() bool {
		err := s.Err()
		return err != nil && strings.Contains(err.Error(), "there is no such file")
	}, patience, 10*time.Millisecond)

	assert.Zero(t, s.Restarts())
	assert.ErrorContains(t, s.Err(), "plugin mirror: ")
}

// TestSuperviseReload: another binary takes over while the plugin runs; what does not start or
// fails its trial leaves it alone.
func TestSuperviseReload(t *testing.T) {
	binary, other := build(t, "./tapline-mirror"), build(t, "./tapline-mirror")
	next := spec(binary)
	start := spec(binary)
	start.Renew = func() (plugin.Spec, error) { return next, nil }
	s, err := plugin.Start(t.Context(), start)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ran, done := make(chan struct{}, 8), make(chan struct{})
	go func() {
		defer close(done)
		s.Run(ctx, func(ctx context.Context, m plugin.Mirror) error {
			changes := make(chan tap.Change, 1)
			changes <- tap.Change{Revision: 1, Reset: true}
			return m.Run(ctx, changes, func(tap.Result) error {
				ran <- struct{}{}
				return nil
			})
		})
	}()

	t.Cleanup(func() {
		cancel()
		<-done
		assert.Empty(t, children(t, binary))
		assert.Empty(t, children(t, other))
	})

	await := func() {
		t.Helper()
		select {
		case <-ran:
		case <-time.After(patience):
			t.Fatal("no plugin is used")
		}
	}

	await()
	fine := func(ctx context.Context, m plugin.Mirror) error {
		_, err := m.Describe(ctx)
		return err
	}

	old := onlyChild(t, binary)
	for name, c := range map[string]struct {
		spec plugin.Spec
		try  func(context.Context, plugin.Mirror) error
		want string
	}{
		"does not start": {spec("/bin/true"), fine, "did not start"},
		"another checksum": {plugin.Spec{Name: "mirror", Path: other,
			SHA256: strings.Repeat("0", 64), Logger: slog.New(slog.DiscardHandler)}, fine,
			"SHA-256"},
		"wrong configuration": {plugin.Spec{Name: "mirror", Path: other, Config: []byte("{"),
			Logger: slog.New(slog.DiscardHandler)}, fine, other},
		"fails its trial": {spec(other), func(context.Context,
			plugin.Mirror) error {
			return errors.New("answers nonsense")
		}, "answers nonsense"},
	} {
		c.spec.Renew = start.Renew
		next = c.spec
		require.ErrorContains(t, s.Reload(t.Context(), c.try), c.want, name)
		assert.Equal(t, old, onlyChild(t, binary), name)
		assert.Empty(t, children(t, other), name)
		assert.NoError(t, s.Err())
	}

	next = spec(other)
	next.Renew = start.Renew
	require.NoError(t, s.Reload(t.Context(), fine))
	await()
	require.Eventually(t, func() bool {
		return len(children(t, binary)) == 0 && len(children(t, other)) == 1
	}, patience, time.Millisecond)

	assert.Zero(t, s.Restarts(), "a reload is no restart")
	assert.Equal(t, other, s.Status().Path)

	require.NoError(t, syscall.Kill(onlyChild(t, other), syscall.SIGKILL))
	await()
	assert.EqualValues(t, 1, s.Restarts())
	cancel()
	<-done
	assert.ErrorContains(t, s.Reload(t.Context(), fine), "stopping")
}

func TestStartErrors(t *testing.T) {
	s, err := plugin.Start(t.Context(), spec("/bin/true"))
	assert.Error(t, err)
	assert.Nil(t, s)
}
