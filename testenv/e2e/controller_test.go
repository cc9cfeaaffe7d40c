//go:build linux

package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

// patience bounds every wait for something that must come, and answerTime what a request waits.
var (
	patience   = time.Duration(lab.Slowness()) * 12 * time.Second
	answerTime = time.Duration(lab.Slowness()) * 10 * time.Second
)

// must fails the test at once.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// deadline is a context that ends with the test, or when patience does.
func deadline(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// eventually looks every few milliseconds until the condition says nil, and returns how long that
// took.
func eventually(t testing.TB, what string, condition func() error) time.Duration {
	t.Helper()
	took, err := await(patience, condition)
	if err != nil {
		t.Fatalf("%s: not within %v: %v", what, patience, err)
	}
	return took
}

// await looks until the condition says nil: every few milliseconds at first, and less often the
// longer it takes.
func await(limit time.Duration, condition func() error) (time.Duration, error) {
	const least, most = 4 * time.Millisecond, 50 * time.Millisecond
	begin := time.Now()
	for {
		err := condition()
		took := time.Since(begin)
		if err == nil || took > limit {
			return took, err
		}
		time.Sleep(min(max(least, took/40), most))
	}
}

// controller is a running tapline process in the controller's namespace of a lab.
type controller struct {
	node    *lab.Node
	dataDir string
	config  string // file
	log     string // file
	server  string // URL
	api     *client.Client
	http    *http.Transport

	wrap  []string // a program and its arguments that start the controller, such as prlimit
	cmd   *exec.Cmd
	ended chan struct{}
	err   error // of the process; read after ended
}

// settings are what differs between controllers of tests.
type settings struct {
	dataDir  string // "": a new one
	api      int    // port; 0: 8640
	openflow int    // port; 0: 6653
	secure   string // of openflow, such as "tls: {...}"; "": none
	more     string // YAML
}

// startController starts a controller and waits until it is ready. It is stopped when the test
// ends.
func startController(t testing.TB, node *lab.Node, s settings) *controller {
	t.Helper()
	c := newController(t, node, s)
	t.Cleanup(func() {
		c.stop(t, syscall.SIGTERM)
		c.http.CloseIdleConnections()
		c.checkLog(t)
	})
	c.start(t)
	return c
}

func newController(t testing.TB, node *lab.Node, s settings) *controller {
	t.Helper()
	dir := t.TempDir()
	if s.dataDir == "" {
		s.dataDir = filepath.Join(dir, "data")
	}
	if s.api == 0 {
		s.api = 8640
	}
	if s.openflow == 0 {
		s.openflow = 6653
	}

	c := &controller{
		node: node, dataDir: s.dataDir, config: filepath.Join(dir, "tapline.yaml"),
		log:    filepath.Join(dir, "tapline.log"),
		server: fmt.Sprintf("http://127.0.0.1:%d", s.api),
		http:   &http.Transport{DialContext: node.Dial},
	}

	text := fmt.Sprintf("data_dir: %s\napi: {listen: 127.0.0.1:%d}\n"+
		"openflow: {listen: 0.0.0.0:%d, %s}\n%s", s.dataDir, s.api, s.openflow, s.secure, s.more)
	must(t, os.WriteFile(c.config, []byte(text), 0o600))
	return c
}

// start starts the process and waits until it can do its work.
func (c *controller) start(t testing.TB) {
	t.Helper()
	c.launch(t)
	eventually(t, "controller ready", func() error {
		select {
		case <-c.ended:
			text, _ := os.ReadFile(c.log)
			t.Fatalf("the controller ended: %v\n%s", c.err, text)
		default:
		}

		token, err := os.ReadFile(filepath.Join(c.dataDir, "admin.token"))
		if err != nil {
			return err
		}

		c.api, err = client.New(client.Config{
			Server: c.server, Token: strings.TrimSpace(string(token)),
			HTTPClient: &http.Client{Transport: c.http},
		})
		if err != nil {
			return err
		}

		return c.api.Ready(deadline(t))
	})
}

// launch starts the process.
func (c *controller) launch(t testing.TB) {
	t.Helper()
	out, err := os.OpenFile(c.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	must(t, err)
	defer out.Close()
	program(t, "tapline-mirror") // beside it
	args := append(slices.Clone(c.wrap), program(t, "tapline"), "serve", "--config", c.config,
		"--log-level", "debug")
	c.cmd = c.node.Command(context.Background(), args[0], args[1:]...)
	c.cmd.Stdout, c.cmd.Stderr = out, out
	must(t, c.cmd.Start())
	c.ended = make(chan struct{})
	go func(cmd *exec.Cmd, ended chan struct{}) {
		c.err = cmd.Wait()
		close(ended)
	}(c.cmd, c.ended)
}

// stop ends the process and waits for its end, and for that of its plugin.
func (c *controller) stop(t testing.TB, sig syscall.Signal) {
	t.Helper()
	if c.cmd == nil {
		return
	}

	children := c.children()
	if err := c.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Error(err)
	}

	select {
	case <-c.ended:
	case <-time.After(patience):
		t.Errorf("the controller still runs %v after %v", patience, sig)
		_ = c.cmd.Process.Kill()
		<-c.ended
	}

	if sig == syscall.SIGTERM && c.err != nil {
		t.Errorf("the controller ended on SIGTERM with %v, want exit code 0", c.err)
	}

	c.cmd = nil
	for _, pid := range children {
		if _, err := await(2*time.Second, func() error { return gone(pid) }); err != nil {
			t.Errorf("the plugin outlives the controller (%v): %v", sig, err)
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// gone says whether a process has ended, by an error if not.
func gone(pid int) error {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	if _, state, ok := strings.Cut(string(text), ") "); ok && strings.HasPrefix(state, "Z") {
		return nil
	}
	return fmt.Errorf("process %d runs", pid)
}

// children are the ids of the processes that the controller has started.
func (c *controller) children() []int {
	var pids []int
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", c.cmd.Process.Pid))
	for _, path := range tasks {
		text, _ := os.ReadFile(path)
		for _, field := range strings.Fields(string(text)) {
			if pid, err := strconv.Atoi(field); err == nil {
				pids = append(pids, pid)
			}
		}
	}

	return pids
}

// checkLog holds the log against what must never stand in it.
func (c *controller) checkLog(t testing.TB) {
	t.Helper()
	text, err := os.ReadFile(c.log)
	must(t, err)
	for _, bad := range []string{"DATA RACE", "panic:", "fatal error:"} {
		if at := strings.Index(string(text), bad); at >= 0 {
			t.Errorf("the controller's log says %q:\n%s", bad, text[at:min(len(text), at+4000)])
		}
	}
}

// logText is the whole log.
func (c *controller) logText() string {
	text, err := os.ReadFile(c.log)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// logTail is the end of the log.
func (c *controller) logTail() string {
	lines := slices.DeleteFunc(strings.Split(strings.TrimSpace(c.logText()), "\n"),
		func(line string) bool {
			return strings.Contains(line, "msg=request method=GET")
		})
	return strings.Join(lines[max(0, len(lines)-60):], "\n")
}

// tapctl runs the command line and returns what it printed and its exit code.
func (c *controller) tapctl(t testing.TB, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	path := program(t, "tapctl") // To build it may take longer than patience.
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := c.node.Command(ctx, path, args...)
	cmd.Env = append(cmd.Env, "TAPLINE_SERVER="+c.server,
		"TAPLINE_TOKEN_FILE="+filepath.Join(c.dataDir, "admin.token"))

	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}

	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}
