//go:build linux

package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

// commands goes through the commands of the reference, word by word.
func (s *stage) commands(t *testing.T) {
	call := func(t *testing.T, into any, args ...string) {
		t.Helper()
		out, errs, code := s.tapctl(t, append(args, "-o", "json")...)
		if code != 0 {
			t.Fatalf("tapctl %s: exit code %d\n%s", strings.Join(args, " "), code, errs)
		}
		if into != nil {
			if err := json.Unmarshal([]byte(out), into); err != nil {
				t.Fatalf("tapctl %s: %v in %s", strings.Join(args, " "), err, out)
			}
		}
	}

	flow := func(t *testing.T, want api.Status, args ...string) api.TapFlow {
		t.Helper()
		var f api.TapFlow
		call(t, &f, append(args, "--wait", "10s")...)
		if f.Status != want || f.Enabled != (want != api.Disabled) {
			t.Errorf("tapctl %s: the flow is %s (%s), enabled %v; want %s", args[0], f.Status,
				f.Reason, f.Enabled, want)
		}
		return f
	}

	service := func(t *testing.T, want api.Status, args ...string) api.TapService {
		t.Helper()
		var v api.TapService
		call(t, &v, append(args, "--wait", "10s")...)
		if v.Status != want || v.Enabled != (want != api.Disabled) {
			t.Errorf("tapctl %s: the service is %s (%s), enabled %v; want %s", args[0], v.Status,
				v.Reason, v.Enabled, want)
		}
		return v
	}

	s.run(t, "guest service and vnic flow", func(t *testing.T) {
		mac := s.web.MAC().String()
		call(t, nil, "guest-create", "web-vm", "--id", s.web.ID, "--nic",
			"mac="+mac+",ip=10.220.0.1")

		t.Cleanup(func() { call(t, nil, "guest-delete", "web-vm") })
		v := service(t, api.Disabled, "tap-service-create", "--type", "guest", "--target-id",
			s.ids2.ID, "ids")

		s.deleteService(t, v.ID)
		if v.NICXML == "" || v.MACAddr == "" || !strings.HasPrefix(v.IfName, "tap") ||
			len(v.IfName) != 9 {
			t.Errorf("the service has MAC %q, interface %q, XML %q", v.MACAddr, v.IfName, v.NICXML)
		}

		nic := plugTap(t, s.ids2, v, "brtap")
		copies := capture(t, s.ids2.Node, nic.Device, lab.In)
		service(t, api.Ready, "tap-service-enable", v.ID)
		f := flow(t, api.Ready, "tap-flow-create", "--guest-id", s.web.ID, "--mac-addr", mac,
			"--ip-addr", "10.220.0.1",
			"--direction", "OUT", "--tap-id", v.ID, "--type", "vnic", "web")

		s.deleteFlow(t, f.ID)
		s.commandFrames(t, copies, true, false)
	})

	s.run(t, "guest service", func(t *testing.T) {
		v := service(t, api.Disabled, "tap-service-create", "--type", "guest", "--target-id",
			s.ids1.ID, "ids")

		s.deleteService(t, v.ID)
		nic := plugTap(t, s.ids1, v, "brtap")
		copies := capture(t, s.ids1.Node, nic.Device, lab.In)
		service(t, api.Ready, "tap-service-enable", v.ID)
		f := flow(t, api.Ready, "tap-flow-create", "--guest-id", s.web.ID, "--mac-addr",
			s.web.MAC().String(), "--direction", "OUT",
			"--tap-id", v.ID, "--type", "vnic", "web")

		s.deleteFlow(t, f.ID)
		g := flow(t, api.Ready, "tap-flow-create", "--host-id", "h1", "--wire-id", lab.Wire,
			"--vlan-id", "7", "--direction", "IN",
			"--tap-id", v.ID, "--type", "vswitch", "net")

		s.deleteFlow(t, g.ID)
		s.commandFrames(t, copies, true, true)
		flow(t, api.Disabled, "tap-flow-disable", f.ID)
		s.commandFrames(t, copies, false, true)
		flow(t, api.Ready, "tap-flow-enable", f.ID)
		flow(t, api.Disabled, "tap-flow-disable", "net")
		s.commandFrames(t, copies, true, false)
		service(t, api.Disabled, "tap-service-disable", v.ID)
		s.commandFrames(t, copies, false, false)
		service(t, api.Ready, "tap-service-enable", v.ID)
		s.commandFrames(t, copies, true, false)
		if _, errs, code := s.tapctl(t, "tap-service-delete", v.ID); code != 1 {
			t.Errorf("a service with flows was deleted: exit code %d, %s", code, errs)
		}
	})

	s.run(t, "host service", func(t *testing.T) {
		v := service(t, api.Disabled, "tap-service-create", "--type", "host", "--target-id", "h2",
			"--mac-addr", s.h2.SpareMAC.String(), "probe")

		s.deleteService(t, v.ID)
		copies, err := s.h2.CaptureSpare(lab.CaptureConfig{Direction: lab.In})
		must(t, err)
		t.Cleanup(func() { must(t, copies.Close()) })
		service(t, api.Ready, "tap-service-enable", v.ID)
		f := flow(t, api.Ready, "tap-flow-create", "--guest-id", s.web.ID, "--direction", "OUT",
			"--tap-id", "probe", "--type", "vnic", "web")

		s.deleteFlow(t, f.ID)
		s.commandFrames(t, copies, true, false)
	})

	s.run(t, "exit codes", func(t *testing.T) {
		v := s.guestService(t, s.ids1) // nobody plugs its NIC
		for _, c := range []struct {
			code int
			args []string
		}{
			{3, []string{"tap-service-enable", v.ID, "--wait", "200ms"}},
			{0, []string{"tap-service-enable", v.ID}},
			{0, []string{"tap-service-disable", v.ID, "--wait", "5s"}},
			{0, []string{"tap-service-list"}},
			{1, []string{"tap-service-show", "nothing"}},
			{1, []string{"tap-flow-create", "--type", "vnic", "--guest-id", "nobody", "--tap-id",
				v.ID, "x"}},
			{1, []string{"tap-service-delete", "nothing"}},
		} {
			if out, errs, code := s.tapctl(t, c.args...); code != c.code {
				t.Errorf("tapctl %s: exit code %d, want %d\n%s%s", strings.Join(c.args, " "), code,
					c.code, out, errs)
			}
		}
	})
}

// commandFrames sends what the flows of the commands select and compares.
func (s *stage) commandFrames(t *testing.T, copies *lab.Capture, vnic, vlan bool) {
	t.Helper()
	must(t, copies.WaitQuiet(deadline(t), quiet))
	before := copies.Multiset()
	web, net := untaggedKinds(s.web.MAC(), s.db.MAC()),
		numbered(s.app.MAC(), s.web.MAC(), 7, 64, 1518)

	send(t, s.web, web...)
	send(t, s.app, net...)
	want := before
	if vnic {
		want = sum(want, lab.MultisetOf(web))
	}
	if vlan {
		want = sum(want, lab.MultisetOf(net))
	}

	exactly(t, "copies", want, copies)
}
