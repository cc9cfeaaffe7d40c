//go:build linux

package e2e

import (
	"strings"
	"syscall"
	"testing"

	"github.com/tapline-sdn/tapline/api"
)

// TestCleanupWithoutController: `tapline cleanup` takes everything of Tapline off a host whose
// controller is gone, and nothing else. A controller that comes back puts its objects back.
func TestCleanupWithoutController(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2, 2)
	web := w.guest(t, w.Hosts[0], "web")
	f := w.flow(t, w.hostSink(t, w.Hosts[1]), vnic(web, "BOTH"))
	w.controller.stop(t, syscall.SIGKILL)

	for _, h := range w.Hosts {
		before, err := h.Run(deadline(t), "ovs-vsctl", "list-ports", "br0")
		must(t, err)
		cleanup := func(args ...string) string {
			t.Helper()
			args = append([]string{"cleanup", "--ovsdb", hostCreate(h).OVSDB}, args...)
			out, err := w.Lab.Controller.Command(deadline(t), program(t, "tapline"),
				args...).CombinedOutput()
			if err != nil {
				t.Fatalf("tapline %v: %v\n%s", args, err, out)
			}
			return string(out)
		}

		if out := cleanup("--dry-run"); !strings.Contains(out, "bridge brtap (cluster ") {
			t.Errorf("%s: the dry run says\n%s", h.Name, out)
		}
		if _, err := h.Run(deadline(t), "ovs-vsctl", "br-exists", "brtap"); err != nil {
			t.Errorf("%s: the dry run has removed brtap: %v", h.Name, err)
		}
		if out := cleanup(); !strings.HasSuffix(out, "removed\n") {
			t.Errorf("%s: cleanup says\n%s", h.Name, out)
		}

		if _, err := h.Run(deadline(t), "ovs-vsctl", "br-exists", "brtap"); err == nil {
			t.Errorf("%s still has brtap", h.Name)
		}

		for _, table := range []string{"Bridge", "Port", "Interface", "Mirror"} {
			rows, err := h.Run(deadline(t), "ovs-vsctl", "--columns=name,external_ids", "list",
				table)
			must(t, err)
			if strings.Contains(rows, "tapline=") {
				t.Errorf("%s: rows of Tapline are left in %s:\n%s", h.Name, table, rows)
			}
		}

		ids, err := h.Run(deadline(t), "ovs-vsctl", "get", "Open_vSwitch", ".", "external_ids")
		must(t, err)
		if strings.Contains(ids, "tapline") {
			t.Errorf("%s: the switch has kept ids of Tapline: %s", h.Name, ids)
		}

		after, err := h.Run(deadline(t), "ovs-vsctl", "list-ports", "br0")
		must(t, err)
		for _, port := range strings.Fields(before) {
			if !strings.HasPrefix(port, "tlm-") && !strings.Contains(after, port) {
				t.Errorf("%s has lost port %s", h.Name, port)
			}
		}

		if out := cleanup(); out != "nothing of Tapline is on this switch\n" {
			t.Errorf("%s: a second cleanup says\n%s", h.Name, out)
		}
	}

	w.controller.start(t)
	w.flowStatus(t, f.ID, api.Ready, "")
}
