//go:build linux

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

// TestMachines has libvirt plug the tap NICs of virtual machines, which run under the libvirtd of
// each host. Its steps build on each other, since a machine takes seconds to start.
func TestMachines(t *testing.T) {
	lab.RequireLibvirt(t)
	program(t, "tapctl")
	l := lab.Start(t, 2)
	h1, h2 := l.Hosts[0], l.Hosts[1]
	var daemons errgroup.Group
	for _, h := range l.Hosts {
		daemons.Go(func() error { return h.StartLibvirt(deadline(t)) })
	}

	must(t, daemons.Wait())
	w := &world{Lab: l, controller: startController(t, l.Controller,
		settings{more: "hypervisor: {driver: libvirt, uri: \"qemu+tcp://{ip}/system\"}\n"})}

	w.tellOnFailure(t)
	for _, h := range l.Hosts {
		w.register(t, h)
	}

	src, dst := w.guest(t, h2, "src"), w.guest(t, h2, "dst")
	m, err := h1.AddMachine(deadline(t), "web1", lab.MachineConfig{Ports: 1})
	must(t, err)
	must(t, m.Start(context.Background()))

	step := func(name string, test func(t *testing.T)) {
		t.Helper()
		if w.run(t, name, test); t.Failed() {
			t.FailNow()
		}
	}

	whole := t
	var s api.TapService
	var flow api.TapFlow
	step("guest is known by name", func(t *testing.T) { w.machineFacts(t, m) })
	step("NIC is plugged", func(t *testing.T) {
		s, err = w.api.TapServices().Create(deadline(t),
			api.TapServiceCreate{Name: "ids", Type: "guest", TargetID: "web1"})
		must(t, err)
		if s.TargetID != m.ID {
			t.Errorf("the target is %s, want %s", s.TargetID, m.ID)
		}

		begin := time.Now()
		enabled, err := w.api.TapServices().Enable(deadline(t), s.ID, client.Wait(20*time.Second))
		must(t, err)
		if enabled.Status != api.Ready {
			t.Fatalf("service %s is %s: %s", s.Name, enabled.Status, enabled.Reason)
		}

		t.Logf("ready after %v", time.Since(begin))
		w.plugged(t, m, s, true)
		flow = w.flowAs(whole, s.ID, vnic(src, "BOTH"))
		w.flowStatus(t, flow.ID, api.Ready, "")
		copies(t, src, dst, m, s.MACAddr)
	})

	step("nothing is plugged twice", func(t *testing.T) {
		w.stop(t, syscall.SIGKILL)
		w.start(t)
		w.serviceStatus(t, s.ID, api.Ready, "")
		if text, err := w.api.TapServices().Disable(deadline(t), s.ID,
			client.Wait(10*time.Second)); err != nil || text.Status != api.Disabled {
			t.Errorf("%+v, %v", text, err)
		}

		w.plugged(t, m, s, true) // A disabled service keeps its NIC.
		_, err := w.api.TapServices().Enable(deadline(t), s.ID, client.Wait(10*time.Second))
		must(t, err)
		w.plugged(t, m, s, true)
		w.flowStatus(t, flow.ID, api.Ready, "")
		copies(t, src, dst, m, s.MACAddr)
	})

	step("NIC that was removed by hand is plugged again", func(t *testing.T) {
		_, err := h1.Virsh("detach-device-alias", "web1", "--alias",
			"ua-tapline-"+clusterOf(t, h1)+"-"+s.ID, "--live", "--config")
		must(t, err)
		eventually(t, "the machine lets it go", func() error {
			if slices.Contains(m.Tells(), "gone eth1") {
				return nil
			}
			return fmt.Errorf("it has %v", m.Devices())
		})

		w.plugged(t, m, s, true)
		w.serviceStatus(t, s.ID, api.Ready, "")
		w.flowStatus(t, flow.ID, api.Ready, "")
		copies(t, src, dst, m, s.MACAddr)
	})

	step("port that was removed by hand is plugged again", func(t *testing.T) {
		_, err := h1.VSCtl("--no-wait", "del-port", "brtap", s.IfName)
		must(t, err)
		w.serviceStatus(t, s.ID, api.Pending, "")
		w.flowStatus(t, flow.ID, api.Pending, "tap service ids: NIC "+s.IfName)
		w.serviceStatus(t, s.ID, api.Ready, "")
		w.plugged(t, m, s, true)
		w.flowStatus(t, flow.ID, api.Ready, "")
		copies(t, src, dst, m, s.MACAddr)
	})

	step("NIC on another bridge comes back", func(t *testing.T) {
		text, err := h1.Virsh("dumpxml", "web1", "--inactive")
		must(t, err)
		other := filepath.Join(t.TempDir(), "web1.xml")
		must(t, os.WriteFile(other, []byte(strings.Replace(text, "bridge='brtap'", "bridge='br0'",
			1)), 0o644))

		_, err = h1.Virsh("define", other)
		must(t, err)
		w.plugged(t, m, s, true)
		_, err = h1.VSCtl("--no-wait", "del-port", "brtap", s.IfName, "--", "add-port", "br0",
			s.IfName)
		must(t, err)
		eventually(t, "the port is on brtap", func() error {
			out, err := h1.VSCtl("--no-wait", "port-to-br", s.IfName)
			if err == nil && strings.TrimSpace(out) != "brtap" {
				err = fmt.Errorf("it is on %s", out)
			}
			return err
		})

		w.serviceStatus(t, s.ID, api.Ready, "")
		w.flowStatus(t, flow.ID, api.Ready, "")
		copies(t, src, dst, m, s.MACAddr)
	})

	step("guest restarts", func(t *testing.T) {
		must(t, m.Stop())
		w.serviceStatus(t, s.ID, api.Pending, "guest web1 is off")
		w.flowStatus(t, flow.ID, api.Pending, "tap service ids: guest web1 is off")
		must(t, m.Start(context.Background()))
		w.serviceStatus(t, s.ID, api.Ready, "")
		w.flowStatus(t, flow.ID, api.Ready, "")
		copies(t, src, dst, m, s.MACAddr)
	})

	step("guest migrates", func(t *testing.T) {
		begin := time.Now()
		must(t, m.MigrateTo(h2))
		done := time.Now()
		w.flowStatus(t, flow.ID, api.Ready, "")
		eventually(t, "the service is on h2", func() error {
			have, err := w.api.TapServices().Get(deadline(t), s.ID)
			if err != nil {
				return err
			}
			if host, _ := w.api.Hosts().Get(deadline(t), "h2"); have.HostID != host.ID ||
				have.Status != api.Ready {
				return fmt.Errorf("it is %s %q on %s", have.Status, have.Reason, have.HostID)
			}
			return nil
		})

		t.Logf("migrated in %v, ready %v later", done.Sub(begin), time.Since(done))
		w.plugged(t, m, s, true)
		w.flowStatus(t, flow.ID, api.Ready, "")
		copies(t, src, dst, m, s.MACAddr)
		must(t, m.MigrateTo(h1))
		w.serviceStatus(t, s.ID, api.Ready, "")
		w.flowStatus(t, flow.ID, api.Ready, "")
		copies(t, src, dst, m, s.MACAddr)
	})

	step("libvirtd dies and comes back", func(t *testing.T) {
		must(t, h1.KillLibvirt())
		w.hostStatus(t, h1.Name, api.Ready, "libvirt: ")
		w.flowStatus(t, flow.ID, api.Ready, "")
		copies(t, src, dst, m, s.MACAddr)
		must(t, w.api.TapFlows().Delete(deadline(t), flow.ID))
		must(t, w.api.TapServices().Delete(deadline(t), s.ID))
		must(t, h1.StartLibvirt(deadline(t)))
		// What was deleted while the host's libvirt was away is unplugged.
		w.plugged(t, m, s, false)
		eventually(t, "host is whole", func() error {
			h, err := w.api.Hosts().Get(deadline(t), h1.Name)
			return status(h.Status, h.Reason+"|", err, api.Ready, "|")
		})
	})

	step("errors", func(t *testing.T) { w.machineErrors(t, h1, src) })
}

// machineFacts checks what the API shows of a running machine that nobody declared.
func (w *world) machineFacts(t *testing.T, m *lab.Machine) {
	t.Helper()
	var g api.Guest
	eventually(t, "the machine is known", func() (err error) {
		g, err = w.api.Guests().Get(deadline(t), "web1")
		if err == nil && (len(g.NICs) != 1 || g.NICs[0].Port == "" || g.State != "running") {
			err = fmt.Errorf("it is %+v", g)
		}
		return err
	})

	if g.ID != m.ID || g.Declared || g.Host != "h1" {
		t.Errorf("have %+v", g)
	}
	if n := g.NICs[0]; n.MAC != m.MAC.String() || n.Host != "h1" || n.Bridge != "br0" ||
		n.Port != "m-web1" {
		t.Errorf("have %+v", n)
	}

	out, stderr, code := w.tapctl(t, "guest-show", "web1", "-o", "json")
	var shown api.Guest
	if err := json.Unmarshal([]byte(out), &shown); code != 0 || err != nil {
		t.Fatalf("exit code %d: %v\n%s%s", code, err, out, stderr)
	}
	if shown.Sources["name"][0] != "libvirt" ||
		!slices.Equal(shown.NICs[0].Sources["mac"], []string{"ovsdb", "libvirt"}) {
		t.Errorf("facts come from %v and %v", shown.Sources, shown.NICs[0].Sources)
	}
}

// plugged waits until a service's NIC is in the running machine and in its definition exactly once,
// or in neither.
func (w *world) plugged(t *testing.T, m *lab.Machine, s api.TapService, want bool) {
	t.Helper()
	eventually(t, fmt.Sprintf("NIC plugged: %v", want), func() error {
		for _, running := range []bool{true, false} {
			nics, err := m.NICs(running)
			if err != nil {
				return err
			}

			n := 0
			for _, nic := range nics {
				if nic.MAC == s.MACAddr && nic.Bridge == "brtap" && nic.Device == s.IfName {
					n++
				}
			}

			if want != (n == 1) || !want && n > 0 {
				return fmt.Errorf("running %v: it has %+v", running, nics)
			}
		}
		return nil
	})
}

// copies sends frames, and compares those that reach the machine's tap NIC with what was sent.
func copies(t *testing.T, src, dst *lab.Guest, m *lab.Machine, tapMAC string) {
	t.Helper()
	eventually(t, "the machine's system has the NIC", func() error {
		for _, have := range m.Devices() {
			if have == tapMAC {
				return nil
			}
		}
		return fmt.Errorf("it has %v", m.Devices())
	})

	before := len(m.Frames(tapMAC))
	frames := append(untaggedKinds(src.MAC(), dst.MAC()),
		numbered(src.MAC(), dst.MAC(), 0, 60, 64, 128, 594, 1000, 1513, 1514)...)

	source := capture(t, src.Node, "eth0", lab.Out)
	send(t, src, frames...)
	want := settled(t, source, len(frames))
	// Without KVM a machine that gets little of the processor takes its time to tell.
	_, err := await(3*patience, func() error {
		// What others send to the source is left out: a machine that has moved announces itself to
		// all.
		mac := src.MAC()
		sent := slices.DeleteFunc(m.Frames(tapMAC)[before:],
			func(frame []byte) bool { return !bytes.Equal(frame[6:12], mac[:]) })
		if diff := lab.Diff(want, lab.MultisetOf(sent)); diff != "" {
			return fmt.Errorf("copies: %s", diff)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// machineErrors enables services whose NIC cannot be plugged.
func (w *world) machineErrors(t *testing.T, h *lab.Host, stranger *lab.Guest) {
	service := func(t *testing.T, target string) api.TapService {
		t.Helper()
		s, err := w.api.TapServices().Create(deadline(t),
			api.TapServiceCreate{Name: unique("sink"), Type: "guest", TargetID: target})
		must(t, err)
		w.deleteService(t, s.ID)
		s, err = w.api.TapServices().Enable(deadline(t), s.ID)
		must(t, err)
		return s
	}

	machine := func(t *testing.T, name string, ports int) *lab.Machine {
		t.Helper()
		m, err := h.AddMachine(deadline(t), name, lab.MachineConfig{Ports: ports, Bare: true})
		must(t, err)
		eventually(t, "the machine is known", func() error {
			_, err := w.api.Guests().Get(deadline(t), name)
			return err
		})
		return m
	}

	w.run(t, "guest that libvirt does not know", func(t *testing.T) {
		w.serviceStatus(t, service(t, stranger.ID).ID, api.Error,
			"host h2: libvirt: Domain not found")
	})

	w.run(t, "no free slot", func(t *testing.T) {
		m := machine(t, "full", 0)
		must(t, m.Start(context.Background()))
		w.serviceStatus(t, service(t, "full").ID, api.Error, "No more available PCI slots")
		must(t, m.Stop())
	})

	w.run(t, "guest is off", func(t *testing.T) {
		m := machine(t, "later", 1)
		s := service(t, "later")
		w.serviceStatus(t, s.ID, api.Pending, "guest later is off")
		eventually(t, "the definition has the NIC", func() error {
			nics, err := m.NICs(false)
			if err == nil && len(nics) != 2 {
				err = fmt.Errorf("have %+v", nics)
			}
			return err
		})
		must(t, m.Start(context.Background()))
		w.serviceStatus(t, s.ID, api.Ready, "")
		// Without an operating system nobody releases the NIC.
		must(t, w.api.TapServices().Delete(deadline(t), s.ID))
		w.hostStatus(t, h.Name, api.Ready, "guest later does not release NIC "+s.IfName)
		if flows, err := h.OFCtl("--no-stats", "dump-flows", "brtap"); err != nil ||
			strings.Contains(flows, "0x74610003") {
			t.Errorf("%v: the NIC still gets copies:\n%s", err, flows)
		}

		must(t, m.Stop())
		eventually(t, "host is whole", func() error {
			h, err := w.api.Hosts().Get(deadline(t), h.Name)
			return status(h.Status, h.Reason+"|", err, api.Ready, "|")
		})
	})
}

// clusterOf is the id of the cluster that a host belongs to.
func clusterOf(t *testing.T, h *lab.Host) string {
	t.Helper()
	id, err := h.VSCtl("--no-wait", "get", "Bridge", "brtap", "external_ids:tapline")
	must(t, err)
	return strings.Trim(id, `"`)
}
