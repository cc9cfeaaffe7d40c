//go:build linux

package lab

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Option changes the configuration of a lab that Start makes.
type Option func(*Config)

// startTimeout bounds how long Start takes.
var startTimeout = time.Duration(Slowness()) * 2 * time.Minute

// Slowness is how many times slower than a plain machine this one is, at least 1:
// $TAPLINE_SLOWNESS, which a virtual machine without KVM has. Waits for what must come are longer
// there; what has to follow within a time is not given more.
func Slowness() int {
	n, err := strconv.Atoi(os.Getenv("TAPLINE_SLOWNESS"))
	if err != nil {
		return 1
	}
	return max(1, n)
}

// Start makes a lab of n hosts for a test and removes it when the test ends. It
// skips the test where the machine lacks something, and fails it instead if the
// environment has CI=true. If the test fails, the switches' state is logged;
// with TAPLINE_LAB_KEEP=1 the failed lab stays for inspection with tapline-lab.
func Start(t testing.TB, n int, options ...Option) *Lab {
	t.Helper()
	Require(t)
	random := make([]byte, 4)
	rand.Read(random) // never fails
	c := Config{Name: "t" + hex.EncodeToString(random), Hosts: n, ephemeral: true}
	for _, option := range options {
		option(&c)
	}
	if err := c.checkReleases(); err != nil {
		SkipWithout(t, "the lab needs a release:", []string{err.Error()})
	}

	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	dir := c.Dir
	if dir == "" {
		dir = DefaultDir()
	}
	if err := purgeStale(ctx, dir); err != nil {
		t.Logf("remove labs of dead tests: %v", err)
	}

	l, err := New(ctx, c)
	if err != nil {
		t.Fatalf("start a lab: %v", err)
	}

	t.Cleanup(func() {
		if t.Failed() {
			t.Log(l.Report())
			if os.Getenv("TAPLINE_LAB_KEEP") != "" {
				t.Logf("the lab stays: tapline-lab exec --dir %s --name %s h1 -- ovs-vsctl show",
					dir, l.Name)
				if err := l.update(func() { l.state.Ephemeral = false }); err != nil {
					t.Error(err)
				}
				return
			}
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})

	return l
}

// Require skips the test where the machine cannot run a lab, or fails it if the
// environment has CI=true.
func Require(t testing.TB) {
	t.Helper()
	SkipWithout(t, "a lab needs", Missing())
}

// SkipWithout skips a test where something is missing, and fails it if the environment has CI=true.
// what says who needs it, such as "a lab needs".
func SkipWithout(t testing.TB, what string, missing []string) {
	t.Helper()
	switch {
	case len(missing) == 0:
	case os.Getenv("CI") == "true":
		t.Fatalf("%s %s", what, strings.Join(missing, ", "))
	default:
		t.Skipf("%s %s", what, strings.Join(missing, ", "))
	}
}

// SkipUnless skips a test, saying why, where the hosts of labs do not use a datapath.
func SkipUnless(t testing.TB, datapath string) {
	t.Helper()
	if used := defaultDatapath(); used != datapath {
		t.Skipf("this is about the datapath %s, and hosts use %s", datapath, used)
	}
}

// logTail is how many lines of a switch's log Report shows.
const logTail = 40

// Report describes the state of all hosts for the log of a failed test.
func (l *Lab) Report() string {
	var out strings.Builder
	for _, h := range l.Hosts {
		for _, part := range []struct {
			title string
			read  func() (string, error)
		}{
			{"ovs-vsctl show", func() (string, error) { return h.VSCtl("--no-wait", "show") }},
			{"flows of brtap", func() (string, error) { return h.OFCtl("dump-flows", "brtap") }},
			{"mirrors", func() (string, error) { return h.VSCtl("--no-wait", "list", "Mirror") }},
			{"packets that the datapath dropped", h.drops},
			{"log of ovs-vswitchd", func() (string, error) {
				return tail(h.LogFile(vswitchd), logTail)
			}},
			{"stderr of ovs-vswitchd", func() (string,
				error) {
				return tail(h.RunDir+"/"+vswitchd+".stderr", logTail)
			}},
		} {
			text, err := part.read()
			out.WriteString("--- " + l.Name + " " + h.Name + ": " + part.title + "\n" + text + "\n")
			if err != nil {
				out.WriteString(err.Error() + "\n")
			}
		}
	}

	return out.String()
}

func tail(path string, lines int) (string, error) {
	text, err := os.ReadFile(path)
	all := slices.DeleteFunc(strings.Split(strings.TrimSpace(string(text)), "\n"),
		func(line string) bool {
			return strings.Contains(line, "Datapath supports") // said at each start
		})
	return strings.Join(all[max(len(all)-lines, 0):], "\n"), err
}

// drops are the counters of packets that the datapath dropped, by reason.
func (h *Host) drops() (string, error) {
	text, err := h.AppCtl("coverage/show")
	var found strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "datapath_drop") {
			found.WriteString(line)
		}
	}
	return found.String(), err
}
