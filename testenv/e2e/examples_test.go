//go:build linux

package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

// examples runs the scripts that ship as examples, as their users do.
func (s *stage) examples(t *testing.T) {
	s.run(t, "Python", s.pythonExample)
	s.run(t, "Ansible", s.ansibleExample)
}

// script runs a command on the controller's machine and returns its output; it must end with the
// exit code.
func (s *stage) script(t *testing.T, code int, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}

	// Ansible takes seconds for each task.
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := s.node.Command(ctx, name, args...)
	cmd.Env = append(cmd.Env, "TAPLINE_SERVER="+s.server,
		"TAPLINE_TOKEN_FILE="+filepath.Join(s.dataDir, "admin.token"),
		"HOME="+t.TempDir(), "LC_ALL=C.UTF-8")

	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != code {
		t.Fatalf("%s %s: %v, want exit code %d\n%s", name, strings.Join(args, " "), err, code, out)
	}

	return string(out)
}

// disabledSink is a collector whose service is disabled, and the name of the flow that the examples
// make of s.web.
func (s *stage) disabledSink(t *testing.T) (to *sink, flow string) {
	t.Helper()
	to = s.guestSink(t, s.ids2, "brtap")
	_, err := s.api.TapServices().Disable(deadline(t), to.ID, client.Wait(patience))
	must(t, err)
	flow = s.web.ID + "-to-" + to.Name
	s.deleteFlow(t, flow)
	return to, flow
}

func (s *stage) mirrorsWeb(t *testing.T, to *sink) {
	t.Helper()
	frames := untaggedKinds(s.web.MAC(), s.db.MAC())
	before := to.Capture.Multiset()
	send(t, s.web, frames...)
	exactly(t, "copies", sum(before, lab.MultisetOf(frames)), to.Capture)
}

func (s *stage) pythonExample(t *testing.T) {
	const script = "../../api/examples/mirror_guest.py"
	to, flow := s.disabledSink(t)
	for _, mac := range []string{s.web.MAC().String(), ""} { // The second time everything is there.
		args := []string{script, s.web.ID, to.Name}
		if mac != "" {
			args = append(args, mac)
		}
		if out := s.script(t, 0, "python3", args...); !strings.Contains(out, flow+" ready") {
			t.Errorf("the script says %q", out)
		}
		s.mirrorsWeb(t, to)
	}

	if out := s.script(t, 1, "python3", script, "nobody", to.Name); !strings.Contains(out,
		`there is no guest "nobody"`) {
		t.Errorf("of an unknown guest the script says %q", out)
	}
}

func (s *stage) ansibleExample(t *testing.T) {
	tasks, err := filepath.Abs("../../api/examples/mirror-guest.yml")
	must(t, err)
	to, _ := s.disabledSink(t)
	play := filepath.Join(t.TempDir(), "play.yml")
	must(t, os.WriteFile(play, fmt.Appendf(nil, `- hosts: localhost
  connection: local
  gather_facts: false
  vars:
    tapline_server: "{{ lookup('env', 'TAPLINE_SERVER') }}"
    tapline_token: "{{ lookup('file', lookup('env', 'TAPLINE_TOKEN_FILE')) }}"
  tasks:
    - ansible.builtin.include_tasks: %s
      vars: {tapline_guest: %q, tapline_service: %q, tapline_mac: %q}
`, tasks, s.web.ID, to.Name, s.web.MAC()), 0o600))

	token, err := os.ReadFile(filepath.Join(s.dataDir, "admin.token"))
	must(t, err)
	for _, changed := range []string{"changed=1", "changed=0"} {
		out := s.script(t, 0, "ansible-playbook", "-vvv", "-i", "localhost,", play)
		if !strings.Contains(out, changed) {
			t.Errorf("want %s:\n%s", changed, out)
		}
		if strings.Contains(out, strings.TrimSpace(string(token))) {
			t.Error("the playbook shows the token")
		}
		s.mirrorsWeb(t, to)
	}
}
