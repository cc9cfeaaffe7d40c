//go:build linux

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// applied has resources made, tried, compared, exported and taken away by documents.
func (s *stage) applied(t *testing.T) {
	call := func(t *testing.T, want int, args ...string) string {
		t.Helper()
		out, errs, code := s.tapctl(t, args...)
		if code != want {
			t.Fatalf("tapctl %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), code, want, out, errs)
		}
		return out + errs
	}
	contains := func(t *testing.T, text string, parts ...string) {
		t.Helper()
		for _, part := range parts {
			if !strings.Contains(text, part) {
				t.Errorf("there is no %q in\n%s", part, text)
			}
		}
	}
	file := func(t *testing.T, text string) string {
		t.Helper()
		path := filepath.Join(t.TempDir(), "documents.yaml")
		must(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	s.run(t, "documents", func(t *testing.T) {
		service := fmt.Sprintf("kind: tap_service\nname: probe\ntype: host\ntarget_id: h2\nmac_addr: %q\nenabled: true\n", s.h2.SpareMAC)
		flow := fmt.Sprintf("---\nkind: tap_flow\nname: web\ntype: vnic\nguest_id: %s\nmac_addr: %q\ntap_id: probe\n", s.web.ID, s.web.MAC())
		both := file(t, service+flow)
		bad := file(t, service+strings.Replace(flow, "tap_flow\n", "tap_flow\nip_addr: 192.0.2.99\n", 1))

		contains(t, call(t, 1, "apply", "-f", bad), "documents.yaml:8:1: mac_addr: no NIC of guest", "nothing was changed")
		contains(t, call(t, 1, "diff", "-f", both), "+ tap-service/probe create", "+ tap-flow/web create")
		plan := call(t, 0, "plan", "-f", both)
		contains(t, plan, "host h1\n", "+ mirror  tl-", "select_src_port=", "host h2\n", "+ flow    table=0", "tap-flow/web create: ready")
		if out := call(t, 0, "tap-service-list", "--no-headers"); out != "" {
			t.Fatalf("a plan has left something: %s", out)
		}

		contains(t, call(t, 0, "apply", "-f", both, "--wait", "20s"), "tap-service/probe created", "tap-flow/web created")
		t.Cleanup(func() {
			call(t, 0, "tap-flow-delete", "web", "--wait", "10s")
			call(t, 0, "tap-service-delete", "probe", "--wait", "10s")
		})
		contains(t, call(t, 0, "wait", "tap-flow/web", "tap-service/probe"), `tap flow "web" is ready`)
		contains(t, call(t, 0, "apply", "-f", both), "tap-service/probe unchanged", "tap-flow/web unchanged")
		exported := file(t, call(t, 0, "export"))
		contains(t, call(t, 0, "diff", "-f", exported), "no difference")
		contains(t, call(t, 0, "topology"), "tap flow web", "-> probe on h2 (tunnel)  ready", "h1 -> h2  web")

		contains(t, call(t, 0, "plan", "tap-flow-disable", "web"), "- mirror  tl-", "tap-flow/web update: ready -> disabled")
		contains(t, call(t, 0, "plan", "tap-service-disable", "probe"), "- port ", "tap-flow/web: ready -> pending")
		contains(t, call(t, 0, "plan", "tap-flow-update", "web", "--direction", "IN"), "~ mirror  tl-", "was     ")
		contains(t, call(t, 1, "plan", "tap-service-delete", "probe"), "still has 1 tap flows")
		contains(t, call(t, 0, "wait", "tap-flow/web", "--timeout", "0"), "is ready")

		contains(t, call(t, 0, "apply", "-f", file(t, service), "--prune"), "tap-service/probe unchanged", "tap-flow/web deleted")
		contains(t, call(t, 0, "apply", "-f", both, "--wait", "20s"), "tap-flow/web created")
	})
}
