//go:build linux

package e2e

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

// explains checks the explanation of each kind of trouble that an engineer may face.
func (s *stage) explains(t *testing.T) {
	s.run(t, "what runs", func(t *testing.T) {
		to := s.guestSink(t, s.ids2, "brtap")
		f := s.flow(t, to, vnic(s.web, "OUT"))
		send(t, s.web, numbered(s.web.MAC(), s.db.MAC(), 0, 100, 100, 100)...)
		var x api.Explanation
		eventually(t, "explained", func() error {
			var err error
			x, err = s.api.TapFlows().Explain(deadline(t), f.ID)
			if err != nil {
				return err
			}

			var what []string
			for _, h := range x.Path {
				what = append(what, h.What)
				if h.Status != api.Ready || h.What != "source" && h.What != "mirror" &&
					(h.Count == nil || h.Count.Packets != 3) {
					return fmt.Errorf("hop %+v, count %+v", h, h.Count)
				}
			}

			if want := []string{"source", "mirror", "tap bridge", "tunnel", "tap bridge",
				"destination"}; !slices.Equal(what, want) {
				return fmt.Errorf("the path is %q, want %q", what, want)
			}

			return nil
		})

		for _, c := range x.Checks {
			if c.Status != api.Ready {
				t.Errorf("check %+v", c)
			}
		}

		if len(x.Next) > 0 || len(x.Switches) != 2 {
			t.Errorf("next %q, %d switches", x.Next, len(x.Switches))
		}

		for _, at := range x.Switches {
			if len(at.Rows) == 0 || len(at.Flows) == 0 || !at.OVSDB.Connected ||
				!at.OpenFlow.Connected {
				t.Errorf("switch %+v", at)
			}

			for _, r := range at.Rows {
				if r.State != "stands" || r.UUID == "" {
					t.Errorf("row %+v", r)
				}
			}

			for _, f := range at.Flows {
				if f.State != "stands" || !strings.Contains(f.Text, "n_packets=3") {
					t.Errorf("flow %+v", f)
				}
			}
		}

		out, errs, code := s.tapctl(t, "explain", "tap-flow", f.Name)
		if code != 0 || !strings.Contains(out, "tl-gre") || !strings.Contains(out, "n_packets=3") {
			t.Errorf("tapctl explain: exit code %d\n%s%s", code, out, errs)
		}

		t.Log(out)
		v, err := s.api.TapServices().Explain(deadline(t), to.ID)
		must(t, err)
		if len(v.Flows) != 1 || v.Flows[0].ID != f.ID || v.Path[len(v.Path)-1].OFPort == 0 {
			t.Errorf("the service's explanation is %+v", v)
		}
	})

	s.run(t, "guest off", func(t *testing.T) {
		f := s.flow(t, s.guestSink(t, s.ids1, "brtap"), vnic(s.app, "BOTH"))
		must(t, s.app.Unplug(context.Background()))
		t.Cleanup(func() { must(t, s.app.Plug(context.Background())) })
		s.advised(t, f.ID, api.Pending, "is plugged on a host", "start the guest")
	})

	s.run(t, "service disabled, NIC not plugged", func(t *testing.T) {
		v := s.guestService(t, s.ids1)
		f := s.flowAsWithin(t, v.ID, vnic(s.web, "BOTH"), time.Millisecond)
		s.advised(t, f.ID, api.Disabled, "tap service "+v.Name, "tapctl tap-service-enable "+v.Name)
		s.advised(t, f.ID, api.Pending, "the tap NIC is on bridge brtap", "nic_xml")
	})

	s.run(t, "host not connected", func(t *testing.T) {
		h, err := s.api.Hosts().Create(deadline(t),
			api.HostCreate{Name: "h9", OVSDB: "tcp:10.200.0.99:6640", TunnelIP: "10.210.0.99"})
		must(t, err)
		t.Cleanup(func() { must(t, s.api.Hosts().Delete(context.Background(), h.ID)) })
		f := s.flowAsWithin(t, s.guestSink(t, s.ids1, "brtap").ID,
			vswitch(&lab.Host{Node: &lab.Node{Name: "h9"}}, lab.Wire, 0, "BOTH"), time.Millisecond)
		s.advised(t, f.ID, api.Pending, "OVSDB of host h9 is connected", "ovs-vsctl set-manager")
	})

	s.run(t, "no room for a mirror", func(t *testing.T) {
		to := s.guestSink(t, s.ids1, "brtap")
		var args []string
		for i := range 32 {
			args = append(args, "--", fmt.Sprintf("--id=@m%d", i), "create", "Mirror",
				fmt.Sprintf("name=foreign%d", i),
				"--", "add", "Bridge", "br0", "mirrors", fmt.Sprintf("@m%d", i))
		}

		_, err := s.h1.VSCtl(args...)
		must(t, err)
		t.Cleanup(func() { s.clearForeignMirrors(t) })
		f := s.flowAs(t, to.ID, vnic(s.db, "BOTH"))
		x := s.advised(t, f.ID, api.Error, "it is planned", "mirrors")
		foreign := 0
		for _, at := range x.Switches {
			for _, r := range at.Rows {
				if r.State == "foreign" && r.Table == "Mirror" {
					foreign++
				}
			}
		}

		if foreign != 32 {
			t.Errorf("%d mirrors of others are told, want 32", foreign)
		}
	})

	s.run(t, "NIC in use", func(t *testing.T) {
		v, err := s.api.TapServices().Create(deadline(t),
			api.TapServiceCreate{Name: unique("sink"), Type: "host", TargetID: "h2",
				MACAddr: s.h2.SpareMAC.String()})
		must(t, err)
		s.deleteService(t, v.ID)
		used := func(by string) {
			_, err := s.api.Hosts().Update(context.Background(), "h2",
				api.HostPatch{NICs: &[]api.HostNIC{{Name: lab.SpareNIC, MAC: s.h2.SpareMAC.String(),
					UsedBy: by}}})
			must(t, err)
		}

		used("bond0")
		t.Cleanup(func() { used("") })
		_, err = s.api.TapServices().Enable(deadline(t), v.ID)
		must(t, err)
		f := s.flowAs(t, v.ID, vnic(s.web, "OUT"))
		s.advised(t, f.ID, api.Error, "the tap NIC is on bridge brtap", "out of use (bond0)")
	})

	s.run(t, "tap bridge of somebody else", func(t *testing.T) {
		_, err := s.h3.VSCtl("--", "add-br", "brtap", "--", "set", "bridge", "brtap",
			s.h3.DatapathType())
		must(t, err)
		t.Cleanup(func() {
			_, err := s.h3.VSCtl("--if-exists", "del-br", "brtap")
			must(t, err)
		})

		h, err := s.api.Hosts().Create(deadline(t), hostCreate(s.h3), client.Wait(10*time.Second))
		must(t, err)
		t.Cleanup(func() {
			must(t, s.api.Hosts().Delete(context.Background(), h.ID, client.Wait(10*time.Second)))
		})

		f := s.flowAs(t, s.guestSink(t, s.ids1, "brtap").ID, vswitch(s.h3, lab.Wire, 0, "BOTH"))
		s.advised(t, f.ID, api.Error, "can be programmed", "ovs-vsctl del-br brtap")
	})

	s.run(t, "plugin away", func(t *testing.T) {
		f := s.flow(t, s.guestSink(t, s.ids1, "brtap"), vnic(s.web, "OUT"))
		for _, pid := range s.children() {
			p, err := os.FindProcess(pid)
			must(t, err)
			must(t, p.Signal(syscall.SIGSTOP))
			defer func() { _ = p.Signal(syscall.SIGCONT) }()
		}

		x, err := s.api.TapFlows().Explain(deadline(t), f.ID)
		must(t, err)
		if x.Status != api.Ready || len(x.Path) < 3 {
			t.Errorf("while the plugin hangs the explanation is %+v", x)
		}
	})
}

// advised waits until an explanation has a failed check and advice on what to do.
func (s *stage) advised(t *testing.T, flow string, want api.Status, check,
	next string) api.Explanation {
	t.Helper()
	var x api.Explanation
	eventually(t, "advice "+next, func() (err error) {
		if x, err = s.api.TapFlows().Explain(deadline(t), flow); err != nil {
			return err
		}

		found := slices.ContainsFunc(x.Checks, func(c api.Check) bool {
			return c.Status == want && c.Reason != "" && strings.Contains(c.What, check)
		})
		if !found || !slices.ContainsFunc(x.Next,
			func(n string) bool { return strings.Contains(n, next) }) {
			return fmt.Errorf("checks %+v, next %q", x.Checks, x.Next)
		}
		return nil
	})

	t.Logf("%s: next %q", check, x.Next)
	return x
}
