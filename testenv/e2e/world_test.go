//go:build linux

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

// world is a lab with a controller.
type world struct {
	*lab.Lab
	*controller
}

// newWorld starts a lab and a controller, and registers the first hosts of the lab. If the test
// fails, it logs all statuses.
func newWorld(t *testing.T, hosts, registered int, options ...lab.Option) *world {
	t.Helper()
	l := lab.Start(t, hosts, options...)
	w := &world{Lab: l, controller: startController(t, l.Controller, settings{})}
	for _, h := range l.Hosts[:registered] {
		w.register(t, h)
	}
	w.tellOnFailure(t)
	return w
}

// tellOnFailure logs the statuses and the controller's log if the test fails.
func (w *world) tellOnFailure(t *testing.T) {
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("statuses:\n%s\ncontroller's log:\n%s", w.statuses(), w.logTail())
		}
	})
}

// run runs a subtest on the shared world.
func (w *world) run(t *testing.T, name string, test func(t *testing.T)) {
	t.Run(name, func(t *testing.T) {
		t.Cleanup(func() {
			if t.Failed() {
				t.Logf("log of the controller:\n%s", w.logTail())
			}
		})
		test(t)
	})
}

func hostCreate(h *lab.Host) api.HostCreate {
	return api.HostCreate{Name: h.Name, OVSDB: h.OVSDB(),
		NICs: []api.HostNIC{{Name: lab.SpareNIC, MAC: h.SpareMAC.String()}}}
}

func (w *world) register(t testing.TB, h *lab.Host) api.Host {
	t.Helper()
	got, err := w.api.Hosts().Create(deadline(t), hostCreate(h), client.Wait(answerTime))
	must(t, err)
	if got.Status != api.Ready {
		t.Fatalf("host %s is %s: %s", h.Name, got.Status, got.Reason)
	}
	return got
}

func (w *world) statuses() string {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	var out strings.Builder
	hosts, err := w.api.Hosts().List(ctx)
	if err != nil {
		return err.Error()
	}

	for _, h := range hosts.Hosts {
		fmt.Fprintf(&out, "host %s: %s %s\n", h.Name, h.Status, h.Reason)
	}

	services, _ := w.api.TapServices().List(ctx)
	for _, s := range services.TapServices {
		s.Counters = api.Counters{} // Counters change by themselves.
		text, _ := json.Marshal(s)
		fmt.Fprintf(&out, "%s\n", text)
	}

	flows, _ := w.api.TapFlows().List(ctx)
	for _, f := range flows.TapFlows {
		f.Counters = api.Counters{}
		text, _ := json.Marshal(f)
		fmt.Fprintf(&out, "%s\n", text)
	}

	return out.String()
}

// guest starts a guest with a NIC on br0 and waits until the controller has learned of it.
func (w *world) guest(t testing.TB, h *lab.Host, name string, nics ...lab.GuestNIC) *lab.Guest {
	t.Helper()
	if nics == nil {
		nics = []lab.GuestNIC{{}}
	}

	g, err := h.AddGuest(deadline(t), name, nics...)
	must(t, err)
	eventually(t, "guest "+name+" learned", func() error {
		_, err := w.api.Guests().Get(deadline(t), g.ID)
		return err
	})

	return g
}

// sink is a tap service with the capture of its collector.
type sink struct {
	api.TapService
	*lab.Capture
	guest *lab.Guest
	nic   *lab.NIC
}

// guestSink makes a tap service of a guest, enables it, plugs its NIC on a bridge and waits until
// it is ready. All of it is gone when the test ends.
func (w *world) guestSink(t testing.TB, g *lab.Guest, bridge string) *sink {
	t.Helper()
	s := w.guestService(t, g)
	return w.enabledSink(t, g, s, plugTap(t, g, s, bridge))
}

// enabledSink enables a tap service whose NIC is plugged, and waits until it is ready.
func (w *world) enabledSink(t testing.TB, g *lab.Guest, s api.TapService, nic *lab.NIC) *sink {
	t.Helper()
	enabled, err := w.api.TapServices().Enable(deadline(t), s.ID, client.Wait(answerTime))
	must(t, err)
	if enabled.Status != api.Ready {
		t.Fatalf("service %s is %s: %s", s.Name, enabled.Status, enabled.Reason)
	}

	return &sink{TapService: enabled, guest: g, nic: nic,
		Capture: capture(t, g.Node, nic.Device, lab.In)}
}

// guestService makes a tap service of a guest and leaves it disabled.
func (w *world) guestService(t testing.TB, g *lab.Guest) api.TapService {
	t.Helper()
	s, err := w.api.TapServices().Create(deadline(t),
		api.TapServiceCreate{Name: unique("sink"), Type: "guest", TargetID: g.ID})
	must(t, err)
	w.deleteService(t, s.ID)
	return s
}

// plugTap plugs a service's NIC into its guest, as a hypervisor does.
func plugTap(t testing.TB, g *lab.Guest, s api.TapService, bridge string) *lab.NIC {
	t.Helper()
	return plugTapAs(t, g, s, lab.GuestNIC{Bridge: bridge})
}

// plugTapAs does what plugTap does, with a NIC of which the service's address and name are set.
func plugTapAs(t testing.TB, g *lab.Guest, s api.TapService, spec lab.GuestNIC) *lab.NIC {
	t.Helper()
	var err error
	spec.MAC, err = lab.ParseMAC(s.MACAddr)
	must(t, err)
	spec.IfName = s.IfName
	nic, err := g.PlugNIC(deadline(t), spec)
	must(t, err)
	t.Cleanup(func() { must(t, nic.Remove(context.Background())) })
	return nic
}

// hostSink makes a tap service of a host's spare NIC and waits until it is ready.
func (w *world) hostSink(t testing.TB, h *lab.Host) *sink {
	t.Helper()
	s, err := w.api.TapServices().Create(deadline(t), api.TapServiceCreate{
		Name: unique("sink"), Type: "host", TargetID: h.Name, MACAddr: h.SpareMAC.String(),
	})
	must(t, err)
	w.deleteService(t, s.ID)
	s, err = w.api.TapServices().Enable(deadline(t), s.ID, client.Wait(answerTime))
	must(t, err)
	if s.Status != api.Ready {
		t.Fatalf("service %s is %s: %s", s.Name, s.Status, s.Reason)
	}

	c, err := h.CaptureSpare(lab.CaptureConfig{Direction: lab.In})
	must(t, err)
	t.Cleanup(func() { must(t, c.Close()) })
	return &sink{TapService: s, Capture: c}
}

func (w *world) deleteService(t testing.TB, id string) {
	t.Helper()
	t.Cleanup(func() {
		err := w.api.TapServices().Delete(context.Background(), id, client.Wait(answerTime))
		if err != nil && !client.IsStatus(err, 404) {
			t.Error(err)
		}
	})
}

// vnic describes a flow of a guest's NIC.
func vnic(g *lab.Guest, direction string) api.TapFlowCreate {
	return api.TapFlowCreate{Type: "vnic", GuestID: g.ID, MACAddr: g.MAC().String(),
		Direction: direction}
}

// vswitch describes a flow of a wire's bridge; vlan 0 selects all.
func vswitch(h *lab.Host, wire string, vlan int, direction string) api.TapFlowCreate {
	f := api.TapFlowCreate{Type: "vswitch", HostID: h.Name, WireID: wire, Direction: direction}
	if vlan != 0 {
		f.VLANID = &vlan
	}
	return f
}

// flow makes a tap flow to a sink and waits until it is ready. It is gone when the test ends.
func (w *world) flow(t testing.TB, to *sink, f api.TapFlowCreate) api.TapFlow {
	t.Helper()
	got := w.flowAs(t, to.ID, f)
	if got.Status != api.Ready {
		t.Fatalf("flow %s is %s: %s", got.Name, got.Status, got.Reason)
	}
	return got
}

// flowAs makes a tap flow and returns it as it is once it has left pending.
func (w *world) flowAs(t testing.TB, tapID string, f api.TapFlowCreate) api.TapFlow {
	t.Helper()
	f.TapID = tapID
	if f.Name == "" {
		f.Name = unique("flow")
	}
	got, err := w.api.TapFlows().Create(deadline(t), f, client.Wait(answerTime))
	must(t, err)
	w.deleteFlow(t, got.ID)
	return got
}

func (w *world) deleteFlow(t testing.TB, id string) {
	t.Helper()
	t.Cleanup(func() {
		err := w.api.TapFlows().Delete(context.Background(), id, client.Wait(answerTime))
		if err != nil && !client.IsStatus(err, 404) {
			t.Error(err)
		}
	})
}

// flowStatus waits until a flow has a status and its reason contains a text.
func (w *world) flowStatus(t testing.TB, id string, want api.Status, reason string) time.Duration {
	t.Helper()
	return eventually(t, fmt.Sprintf("flow %s: %s %q", id, want, reason), func() error {
		f, err := w.api.TapFlows().Get(deadline(t), id)
		return status(f.Status, f.Reason, err, want, reason)
	})
}

func (w *world) serviceStatus(t testing.TB, id string, want api.Status,
	reason string) time.Duration {
	t.Helper()
	return eventually(t, fmt.Sprintf("service %s: %s %q", id, want, reason), func() error {
		s, err := w.api.TapServices().Get(deadline(t), id)
		return status(s.Status, s.Reason, err, want, reason)
	})
}

func (w *world) hostStatus(t testing.TB, id string, want api.Status, reason string) time.Duration {
	t.Helper()
	return eventually(t, fmt.Sprintf("host %s: %s %q", id, want, reason), func() error {
		h, err := w.api.Hosts().Get(deadline(t), id)
		return status(h.Status, h.Reason, err, want, reason)
	})
}

func status(have api.Status, why string, err error, want api.Status, reason string) error {
	if err == nil && (have != want || !strings.Contains(why, reason)) {
		err = fmt.Errorf("it is %s %q", have, why)
	}
	return err
}
