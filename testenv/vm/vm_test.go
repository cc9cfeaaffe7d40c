//go:build linux

package vm

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tapline-sdn/tapline/testenv/lab"
)

// few are tests of the whole product that together show that copies on the kernel's datapath are
// exact, isolated, in time, free of loops, and counted. TestShared runs on one lab.
var few = []string{
	"Mirror/remote_vnic_BOTH", "Mirror/remote_vswitch_BOTH", "Mirror/local_two_tags_of_802.1ad",
	"Isolation/what_a_collector_sends_reaches_nobody",
	"Busy/remote_disable_flow", "Busy/remote_enable",
	"Loop/underlay_learns",
	"Counters/remote",
}

func TestKernelDatapath(t *testing.T) {
	lab.SkipWithout(t, "a virtual machine needs", Missing())

	var parts, cases []string
	for _, name := range few {
		part, of, _ := strings.Cut(name, "/")
		parts, cases = append(parts, part), append(cases, of)
	}

	var out bytes.Buffer
	code, err := E2E(context.Background(), Tests{
		Run: "^TestShared$/^(" + strings.Join(parts, "|") + ")$/^(" + strings.Join(cases, "|") +
			")$",
		Datapath: "system", Verbose: true, Timeout: 12 * time.Minute, Output: &out,
	})
	if err != nil || code != 0 {
		t.Fatalf("exit code %d, %v:\n%s", code, err, out.String())
	}

	for _, name := range few {
		if !strings.Contains(out.String(), "--- PASS: TestShared/"+name+" ") {
			t.Errorf("%s did not run:\n%s", name, out.String())
		}
	}
}

// TestFollow reads the ways in which a program can end, as init reports them.
func TestFollow(t *testing.T) {
	for _, test := range []struct {
		name, in, out string
		code          int
		said          bool
		err           string
	}{
		{"passed", "one\ntwo\n\nvm: exit code 0\nrest\n", "one\ntwo\n\n", 0, true, ""},
		{"failed", "vm: exit code 3\n", "", 3, true, ""},
		{"not run", "vm: fault: no such file\n", "", 0, true, "no such file"},
		{"cut", "one\nvm: exit co", "one\nvm: exit co", 0, false, ""},
		{"nonsense", "vm: exit code x\n", "", 0, true, "invalid syntax"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			code, said, err := follow(strings.NewReader(test.in), &out)
			if code != test.code || said != test.said || out.String() != test.out {
				t.Errorf("code %d, said %v, output %q", code, said, out.String())
			}
			if (err == nil) != (test.err == "") || err != nil &&
				!strings.Contains(err.Error(), test.err) {
				t.Errorf("error %v, want %q", err, test.err)
			}
		})
	}
}

// TestHangingMachine shows that a program that does not end is ended with its machine, and that
// nothing of both remains.
func TestHangingMachine(t *testing.T) {
	lab.SkipWithout(t, "a virtual machine needs", Missing())
	t.Setenv("TMPDIR", t.TempDir())

	var out bytes.Buffer
	_, err := Run(context.Background(), Config{Command: []string{"/usr/bin/sleep", "infinity"},
		Timeout: 5 * time.Second, Output: &out})
	if err == nil || !strings.Contains(err.Error(), "not done within 5s") {
		t.Errorf("error %v", err)
	}

	left, err := filepath.Glob(filepath.Join(os.TempDir(), "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}
