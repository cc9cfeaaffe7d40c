//go:build linux

package main

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tapline-sdn/tapline/testenv/lab"
)

// mainEnv makes this test program tapline-lab itself.
const mainEnv = "TAPLINE_LAB_TEST_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(mainEnv) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// run runs tapline-lab as a process of its own.
func run(t *testing.T, dir string, args ...string) (stdout string, exit int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}

	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Env = append(os.Environ(), mainEnv+"=1", "XDG_RUNTIME_DIR="+dir)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Logf("tapline-lab %s: %v: %s", strings.Join(args, " "), err, stderr.String())
	}

	return string(out), cmd.ProcessState.ExitCode()
}

func TestUpSurvivesItselfUntilDown(t *testing.T) {
	lab.Require(t)
	dir, err := os.MkdirTemp("", "lab")
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		if err := lab.Purge(dir+"/tapline-lab", "play"); err != nil {
			t.Error(err)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})

	if out, exit := run(t, dir, "up", "--name", "play", "--hosts", "2", "--guests",
		"1"); exit != 0 || !strings.Contains(out, "10.200.0.12") {
		t.Fatalf("up: exit %d: %s", exit, out)
	}
	if out, _ := run(t, dir, "list"); out != "play\n" {
		t.Errorf("list: %q", out)
	}

	out, _ := run(t, dir, "info", "--name", "play", "-o", "json")
	var got info
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("info: %v: %s", err, out)
	}
	if len(got.Hosts) != 2 || len(got.Guests) != 2 || got.Hosts[1].PIDs["ovs-vswitchd"] == 0 {
		t.Fatalf("info: %s", out)
	}

	tests := []struct {
		name string
		args []string
		want string
		exit int
	}{
		{"plain ovs-vsctl", []string{"h2", "--", "ovs-vsctl", "get", "Open_vSwitch", ".",
			"external_ids:ovn-encap-ip"}, "10.210.0.12", 0},
		{"plain ovs-ofctl", []string{"h1", "ovs-ofctl", "-O", "OpenFlow13", "dump-flows", "br0"},
			"actions=NORMAL", 0},
		{"plain ovs-appctl", []string{"h1", "--", "ovs-appctl", "version"}, "Open vSwitch", 0},
		{"guest", []string{"g1", "--", "ping", "-c1", "-W5", "10.220.0.2"}, "1 received", 0},
		{"controller", []string{"controller", "--", "ping", "-c1", "-W5", "10.200.0.11"},
			"1 received", 0},
		{"exit status", []string{"g1", "--", "sh", "-c", "exit 7"}, "", 7},
		{"unknown node", []string{"h3", "--", "true"}, "", 1},
	}

	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			out, exit := run(t, dir, append([]string{"exec", "--name", "play"}, test.args...)...)
			if exit != test.exit || !strings.Contains(out, test.want) {
				t.Errorf("exit %d, want %d; printed %q, want %q in it", exit, test.exit, out,
					test.want)
			}
		})
	}

	var moves sync.WaitGroup
	for _, args := range [][]string{{"move", "g1", "h2"}, {"move", "g2", "h1"}} {
		moves.Go(func() {
			if out, exit := run(t, dir, append(args, "--name", "play")...); exit != 0 {
				t.Errorf("%v beside another: exit %d: %s", args, exit, out)
			}
		})
	}

	moves.Wait()
	for _, args := range [][]string{
		{"link", "h1", "mgmt0", "down"},
		{"link", "h1", "mgmt0", "up"},
		{"mtu", "h1", "underlay", "1600"},
		{"mtu", "g2", "eth0", "1400"},
		{"rebuild", "h2"},
		{"tag-underlay", "h1", "7", "8"},
		{"tag-underlay", "h1"},
		{"overlay", "h1", "h2", "--type", "vxlan"},
		{"forward", "g2"},
		{"plug", "g2", "--bridge", "br0", "--ifname", "tap000001", "--mac", "52:54:00:00:00:99"},
		{"restart", "g1"},
		{"remove", "g1"},
	} {
		if out, exit := run(t, dir, append(args, "--name", "play")...); exit != 0 {
			t.Errorf("%v: exit %d: %s", args, exit, out)
		}
	}

	l, err := lab.Open(dir+"/tapline-lab", "play")
	if err != nil {
		t.Fatal(err)
	}

	if ports, err := l.Hosts[0].VSCtl("list-ports", "br0"); err != nil ||
		ports != "eth1\ntap000001\nvnet1" {
		t.Errorf("ports of br0 on h1: %q, %v; want those of g2 alone", ports, err)
	}
	if ports, err := l.Hosts[1].VSCtl("list-ports", "br0"); err != nil || ports != "eth1" {
		t.Errorf("ports of br0 on h2: %q, %v; want the uplink alone", ports, err)
	}
	for _, args := range [][]string{
		{"stop"}, // No controller runs.
		{"link", "h1", "mgmt0", "sideways"},
		{"mtu", "h1", "underlay", "large"},
		{"tag-underlay", "h1", "0"},
		{"tag-underlay", "h9", "7"},
		{"rebuild", "g2"},
		{"plug", "g2", "--tap-service", "nothing"},
	} {
		if _, exit := run(t, dir, append(args, "--name", "play")...); exit != 1 {
			t.Errorf("%v: exit %d, want 1", args, exit)
		}
	}
	if _, exit := run(t, dir, "up", "--name", "play"); exit != 1 {
		t.Errorf("a second up of the same name: exit %d, want 1", exit)
	}
	if _, exit := run(t, dir, "down", "--name", "play"); exit != 0 {
		t.Errorf("down: exit %d", exit)
	}
	if out, _ := run(t, dir, "list"); out != "" {
		t.Errorf("list after down: %q", out)
	}
}
