//go:build linux

package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

// status compares the reported statuses with reality.
func (s *stage) status(t *testing.T) {
	s.run(t, "pending while the collector's NIC is not plugged", func(t *testing.T) {
		v := s.guestService(t, s.ids1)
		begin := time.Now()
		got, err := s.api.TapServices().Enable(deadline(t), v.ID, client.Wait(300*time.Millisecond))
		must(t, err)
		if took := time.Since(begin); got.Status != api.Pending || got.Reason == "" ||
			took < 290*time.Millisecond || took > 3*time.Second {
			t.Errorf("after %v of 300 ms the service is %s: %q", took, got.Status, got.Reason)
		}

		f := s.flowAsWithin(t, v.ID, vnic(s.web, "BOTH"), 200*time.Millisecond)
		if f.Status != api.Pending || f.Reason == "" {
			t.Errorf("the flow is %s: %q", f.Status, f.Reason)
		}

		plugTap(t, s.ids1, v, "brtap")
		s.serviceStatus(t, v.ID, api.Ready, "")
		t.Logf("flow ready %v after the service", s.flowStatus(t, f.ID, api.Ready, ""))
	})

	s.run(t, "pending while the guest is off", func(t *testing.T) {
		to := s.guestSink(t, s.ids1, "brtap")
		f := s.flow(t, to, vnic(s.app, "BOTH"))
		must(t, s.app.Unplug(context.Background()))
		t.Cleanup(func() { must(t, s.app.Plug(context.Background())) })
		s.flowStatus(t, f.ID, api.Pending, "not")
		must(t, s.app.Plug(context.Background()))
		s.flowStatus(t, f.ID, api.Ready, "")
	})

	s.run(t, "pending while a host is not reached", func(t *testing.T) {
		h, err := s.api.Hosts().Create(deadline(t),
			api.HostCreate{Name: "h9", OVSDB: "tcp:10.200.0.99:6640", TunnelIP: "10.210.0.99"},
			client.Wait(200*time.Millisecond))
		must(t, err)
		t.Cleanup(func() { must(t, s.api.Hosts().Delete(context.Background(), h.ID)) })
		if h.Status != api.Pending || h.Reason == "" || h.Connected {
			t.Errorf("the host is %s %q, connected %v", h.Status, h.Reason, h.Connected)
		}

		to := s.guestSink(t, s.ids1, "brtap")
		f := s.flowAsWithin(t, to.ID, vswitch(&lab.Host{Node: &lab.Node{Name: "h9"}}, lab.Wire, 0,
			"BOTH"), 100*time.Millisecond)
		if f.Status != api.Pending || f.Reason == "" {
			t.Errorf("the flow is %s: %q", f.Status, f.Reason)
		}
	})

	s.run(t, "disabled at once", func(t *testing.T) {
		to := s.guestSink(t, s.ids2, "brtap")
		f := s.flow(t, to, vnic(s.web, "BOTH"))
		got, err := s.api.TapFlows().Disable(deadline(t), f.ID, client.Wait(5*time.Second))
		must(t, err)
		if got.Status != api.Disabled || got.Enabled {
			t.Errorf("the flow is %s, enabled %v", got.Status, got.Enabled)
		}

		v, err := s.api.TapServices().Disable(deadline(t), to.ID, client.Wait(5*time.Second))
		must(t, err)
		if v.Status != api.Disabled || v.Enabled {
			t.Errorf("the service is %s, enabled %v", v.Status, v.Enabled)
		}
	})

	s.run(t, "error of the 33rd mirror", func(t *testing.T) {
		to := s.guestSink(t, s.ids1, "brtap")
		first := s.flow(t, to, vnic(s.web, "BOTH"))
		s.addForeignMirrors(t, 31)
		t.Cleanup(func() { s.clearForeignMirrors(t) })
		other := s.guestSink(t, s.ids1b, "brtap")
		f := s.flowAs(t, other.ID, vnic(s.db, "BOTH"))
		if f.Status != api.Error {
			t.Errorf("the flow of the 33rd mirror is %s: %q", f.Status, f.Reason)
		}

		t.Log(f.Reason)
		// A flow that fits into an existing Mirror record is fine.
		s.flow(t, to, vnic(s.db, "OUT"))
		s.flowStatus(t, first.ID, api.Ready, "")
		web := assorted(s.web.MAC(), s.app.MAC())
		send(t, s.web, web...)
		exactly(t, "copies of the first", lab.MultisetOf(web), to.Capture)
		exactly(t, "copies of the one too many", nil, other.Capture)
		s.clearForeignMirrors(t)
		t.Logf("ready %v after there was room", s.flowStatus(t, f.ID, api.Ready, ""))
		// Mirrors of others that come later displace the youngest of ours, and only that one.
		s.addForeignMirrors(t, 31)
		s.flowStatus(t, f.ID, api.Error, "")
		s.flowStatus(t, first.ID, api.Ready, "")
		s.clearForeignMirrors(t)
		s.flowStatus(t, f.ID, api.Ready, "")
	})
}

// addForeignMirrors gives the first host's br0 mirrors of somebody else.
func (s *stage) addForeignMirrors(t *testing.T, n int) {
	t.Helper()
	var args []string
	for i := range n {
		args = append(args, "--", fmt.Sprintf("--id=@m%d", i), "create", "Mirror",
			fmt.Sprintf("name=foreign%d", i),
			"--", "add", "Bridge", "br0", "mirrors", fmt.Sprintf("@m%d", i))
	}
	_, err := s.h1.VSCtl(args...)
	must(t, err)
}

// flowAsWithin makes a flow and returns it as it is after a time.
func (w *world) flowAsWithin(t testing.TB, tapID string, f api.TapFlowCreate,
	wait time.Duration) api.TapFlow {
	t.Helper()
	f.TapID, f.Name = tapID, unique("flow")
	got, err := w.api.TapFlows().Create(deadline(t), f, client.Wait(wait))
	must(t, err)
	w.deleteFlow(t, got.ID)
	return got
}

func (s *stage) clearForeignMirrors(t *testing.T) {
	t.Helper()
	d := dump(t, s.h1)
	var args []string
	for key, r := range d {
		if uuid, is := cutMirror(key); is && !r.ours() {
			args = append(args, "--", "remove", "Bridge", "br0", "mirrors", uuid)
		}
	}

	if args != nil {
		_, err := s.h1.VSCtl(args...)
		must(t, err)
	}
}
