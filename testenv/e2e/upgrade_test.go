//go:build linux

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

// TestUpgrade has a controller take over switches whose programs are those of the first version,
// while traffic flows. That version delivered in table 3, and had neither a table for limits nor
// flows that only count.
func TestUpgrade(t *testing.T) {
	w := newWorld(t, 2, 2)
	h1, h2 := w.Hosts[0], w.Hosts[1]
	web, app := w.guest(t, h1, "web"), w.guest(t, h2, "app")
	near := w.guestSink(t, w.guest(t, h1, "ids1"), "brtap")
	remote := w.guestSink(t, w.guest(t, h2, "ids2"), "brtap")
	flows := []api.TapFlow{w.flow(t, near, vnic(web, "BOTH")), w.flow(t, remote, vnic(web, "OUT"))}
	hosts := []*lab.Host{h1, h2}

	source, receiver := capture(t, web.Node, "eth0", lab.Out), capture(t, app.Node, "eth0", lab.In)
	tag, traffic := stream(t, web, app.MAC(), 1000)
	for _, to := range []*sink{near, remote} {
		firstOf(t, to.Capture, tag, time.Time{})
	}

	w.stop(t, syscall.SIGTERM)
	today := make([]map[string]installed, len(hosts))
	for i, h := range hosts {
		today[i] = flowsOf(t, h)
		installFirstVersion(t, h)
	}
	for _, to := range []*sink{near, remote} {
		firstOf(t, to.Capture, tag, time.Now().Add(300*time.Millisecond))
	}

	w.start(t)
	for i, h := range hosts {
		eventually(t, "flows of today on "+h.Name, func() error { return holds(today[i], h, t) })
	}
	for _, f := range flows {
		eventually(t, "ready", func() error {
			got, err := w.api.TapFlows().Get(deadline(t), f.ID)
			return status(got.Status, got.Reason, err, api.Ready, "")
		})
	}
	firstOf(t, source, tag, time.Now().Add(500*time.Millisecond))
	must(t, traffic.Stop())

	must(t, source.WaitQuiet(deadline(t), quiet))
	must(t, receiver.WaitQuiet(deadline(t), quiet))
	for name, got := range map[string]*lab.Capture{
		"the receiver": receiver, "local": near.Capture, "remote": remote.Capture,
	} {
		must(t, got.WaitQuiet(deadline(t), quiet))
		if missing := missed(source, got, tag); missing != "" {
			t.Errorf("%s: %s", name, missing)
		}
	}
}

// holds says which of the flows that are wanted a host has not.
func holds(want map[string]installed, h *lab.Host, t *testing.T) error {
	have := flowsOf(t, h)
	for flow, of := range want {
		if have[flow].cookie != of.cookie {
			return fmt.Errorf("flow %s is missing", flow)
		}
	}
	if len(have) != len(want) {
		return fmt.Errorf("there are %d flows, want %d", len(have), len(want))
	}
	return nil
}

// installFirstVersion gives the tap bridge of a host the flows that the first version had for the
// same captures, in one bundle:
//
//	table=0,in_port=P           write_metadata:CAPTURE,goto_table:1 or 2
//	table=1                     goto_table:2; packets of tunnels are dropped
//	table=2,metadata=CAPTURE    goto_table:3
//	table=3,metadata=CAPTURE    output
//
// They differ from those of today in the table that delivers and in what that version lacked.
func installFirstVersion(t *testing.T, h *lab.Host) {
	t.Helper()
	text, err := h.OFCtl("--no-stats", "dump-flows", "brtap")
	must(t, err)

	var old []string
	for _, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		closed := strings.Contains(line, "dl_vlan=4095")
		counts := strings.Contains(line, "table=16,") || strings.Contains(line, "table=17,")
		if !strings.Contains(line, "actions=") || closed || counts {
			continue
		}
		line = strings.ReplaceAll(line, "resubmit(,16),resubmit(,17),", "")
		line = strings.ReplaceAll(line, "goto_table:8", "goto_table:3")
		old = append(old, strings.ReplaceAll(line, "table=8,", "table=3,"))
	}
	if len(old) < 5 || !strings.Contains(strings.Join(old, "\n"), "table=3,") {
		t.Fatalf("the flows of %s are not as expected:\n%s", h.Name, text)
	}

	file := filepath.Join(t.TempDir(), "flows")
	must(t, os.WriteFile(file, []byte(strings.Join(old, "\n")+"\n"), 0o600))
	if out, err := h.OFCtl("--bundle", "replace-flows", "brtap", file); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}
