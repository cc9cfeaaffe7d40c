package sandbox_test

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tapline-sdn/tapline/plugin/sandbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// needLandlock skips a test where the kernel's Landlock is older.
func needLandlock(t *testing.T, version int) {
	t.Helper()
	if have := sandbox.Version(); have < version {
		t.Skipf("the kernel has Landlock %d, and this needs %d", have, version)
	}
}

// shell runs a script under rules, and returns what it printed.
func shell(t *testing.T, rules sandbox.Rules, script string, args ...string) (string, error) {
	t.Helper()
	var out []byte
	err := rules.Do(func() (err error) {
		cmd := exec.CommandContext(t.Context(), "/bin/sh", append([]string{"-c", script, "sh"},
			args...)...)
		out, err = cmd.CombinedOutput()
		return err
	})
	return string(out), err
}

// TestFiles: what the rules do not name can neither be read nor changed.
func TestFiles(t *testing.T) {
	needLandlock(t, 1)
	secret, open := filepath.Join(t.TempDir(), "token"), t.TempDir()
	require.NoError(t, os.WriteFile(secret, []byte("hush"), 0o600))
	readable := filepath.Join(t.TempDir(), "public")
	require.NoError(t, os.WriteFile(readable, []byte("hello"), 0o600))
	rules := sandbox.Rules{Read: append(sandbox.Programs(), readable),
		Write: []string{open, "/no/such/path"}}

	for name, tc := range map[string]struct {
		script, want string
		denied       bool
	}{
		"read what is named":      {`cat "$2"`, "hello", false},
		"read a secret":           {`cat "$1"`, "Permission denied", true},
		"list its folder":         {`ls "$(dirname "$1")"`, "Permission denied", true},
		"overwrite it":            {`echo x >"$1"`, "", true},
		"remove it":               {`rm -f "$1"`, "Permission denied", true},
		"write what is read-only": {`echo x >"$2"`, "", true},
		"write where it may":      {`echo x >"$3/f" && cat "$3/f"`, "x", false},
		"read it by another name": {`ln -s "$1" "$3/l$$" && cat "$3/l$$"`,
			"Permission denied", true},
		"read it through /proc":   {`cat "/proc/$PPID/root/$1"`, "Permission denied", true},
		"the starter's memory":    {`head -c1 "/proc/$PPID/mem"`, "Permission denied", true},
		"run what it has written": {`cp /bin/true "$3/t$$" && "$3/t$$"`, "Permission denied", true},
	} {
		out, err := shell(t, rules, tc.script, secret, readable, open)
		require.Equal(t, tc.denied, err != nil, "%s: %v: %s", name, err, out)
		require.Contains(t, out, tc.want, name)
	}

	content, err := os.ReadFile(secret)
	require.NoError(t, err, "the test itself is not confined")
	require.Equal(t, "hush", string(content))
}

// TestAlone: a process that is cut off reaches neither a port nor its starter.
func TestAlone(t *testing.T) {
	needLandlock(t, 6)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()

	connect := func() error {
		c, err := net.Dial("tcp", listener.Addr().String())
		if err == nil {
			_ = c.Close()
		}
		return err
	}

	require.ErrorIs(t, sandbox.Rules{Alone: true}.Do(connect), os.ErrPermission)
	require.NoError(t, sandbox.Rules{Read: sandbox.Programs()}.Do(connect))

	rules := sandbox.Rules{Read: sandbox.Programs(), Alone: true}
	out, err := shell(t, rules, "kill -0 $PPID")
	require.Error(t, err)
	require.Contains(t, out, "not permitted")
}

// TestAllBut: everything but a folder, and of that its hidden folders.
func TestAllBut(t *testing.T) {
	needLandlock(t, 1)
	root, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	data := filepath.Join(root, "lib", "tapline")
	require.NoError(t, os.MkdirAll(filepath.Join(data, ".ssh"), 0o700))
	for _, name := range []string{"admin.token", ".ssh/known_hosts", "../other"} {
		require.NoError(t, os.WriteFile(filepath.Join(data, name), []byte("content"), 0o600))
	}

	link := filepath.Join(root, "link")
	require.NoError(t, os.Symlink(data, link))

	paths, err := sandbox.AllBut(link)
	require.NoError(t, err)
	t.Chdir(root)
	relative, err := sandbox.AllBut("link")
	require.NoError(t, err)
	require.Equal(t, paths, relative)

	require.Subset(t, paths, []string{filepath.Join(data, ".ssh"), filepath.Join(root, "lib/other"),
		"/usr", "/etc"})

	require.False(t, slices.ContainsFunc(paths, func(p string) bool {
		return strings.HasPrefix(filepath.Join(data, "admin.token"), p+"/")
	}))

	rules := sandbox.Rules{Read: paths, Write: paths}
	out, err := shell(t, rules, `cd "$1" && cat .ssh/known_hosts ../other && cat admin.token`, data)
	require.Error(t, err)
	require.Equal(t, "contentcontentcat: admin.token: Permission denied\n", out)

	_, err = sandbox.AllBut(filepath.Join(root, "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

// TestThreadsAreNotReused: no goroutine runs on a confined thread afterwards, and errors come back.
func TestThreadsAreNotReused(t *testing.T) {
	needLandlock(t, 1)
	file := filepath.Join(t.TempDir(), "f")
	require.NoError(t, os.WriteFile(file, nil, 0o600))

	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			err := sandbox.Rules{}.Do(func() error {
				_, err := os.ReadFile(file)
				return err
			})
			if !errors.Is(err, os.ErrPermission) {
				t.Errorf("a confined thread reads: %v", err)
			}
		})
	}

	all.Wait()

	for range 4 * runtime.GOMAXPROCS(0) {
		all.Go(func() {
			if _, err := os.ReadFile(file); err != nil {
				t.Errorf("a free thread: %v", err)
			}
		})
	}

	all.Wait()
}
