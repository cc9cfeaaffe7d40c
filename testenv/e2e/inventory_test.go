//go:build linux

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

// inventory checks what the controller learns about guests, wires and physical NICs from rows as
// libvirt, Neutron, OVN and others write them.
func (s *stage) inventory(t *testing.T) {
	s.run(t, "guests by what others write", s.writtenByOthers)
	s.run(t, "wires and bonds", s.wires)
	s.run(t, "physical NICs by host-facts", s.facts)
}

// writtenByOthers plugs a NIC as each system does, and mirrors it by the id that the system knows.
func (s *stage) writtenByOthers(t *testing.T) {
	mac := func(n int) string { return fmt.Sprintf("52:54:00:77:00:%02x", n) }
	for i, c := range []struct {
		system string
		port   string
		ids    map[string]string // without the key that holds the address
		guest  string
		ip     string // address by which the flow selects it
		hidden bool   // no key holds the guest's address
	}{
		{system: "libvirt", port: "vnet77", guest: "0d7d2f5e-0000-4000-8000-000000000002",
			ids: map[string]string{
				"attached-mac": mac(1), "iface-id": "5a6b0f0e-0000-4000-8000-000000000001",
				"iface-status": "active",
				"vm-id":        "0d7d2f5e-0000-4000-8000-000000000002",
			}},
		{system: "Neutron by os-vif", port: "tap5a6b0f0e-77",
			guest: "0d7d2f5e-0000-4000-8000-000000000003", ids: map[string]string{
				"attached-mac": mac(2), "iface-id": "5a6b0f0e-0000-4000-8000-000000000077",
				"iface-status": "active",
				"vm-uuid":      "0d7d2f5e-0000-4000-8000-000000000003",
			}},
		{system: "OVN", port: "lsp77", guest: "sw0-port1", ids: map[string]string{
			"attached-mac": mac(3), "iface-id": "sw0-port1", "ovn-installed": "true",
			"ovn-installed-ts": "1700000000000",
		}},
		{system: "ovn-kubernetes", port: "a1b2c3d4e5f6a77", guest: "default_web-0",
			ip: "fd00:10:244::7", ids: map[string]string{
				"attached_mac": mac(4), "iface-id": "default_web-0",
				"iface-id-ver": "9b1c6a52-0000-4000-8000-000000000004",
				"ip_addresses": "10.244.0.7/24,fd00:10:244::7/64", "sandbox": "a1b2c3d4e5f6a7",
				"ovn-installed": "true",
			}},
		{system: "Kube-OVN", port: "0a1b2c3d4e77_h", guest: "web-0.default", ip: "10.16.0.7",
			hidden: true, ids: map[string]string{
				"iface-id": "web-0.default", "ip": "10.16.0.7", "pod_name": "web-0",
				"pod_namespace": "default", "vendor": "kube-ovn",
			}},
	} {
		t.Run(c.system, func(t *testing.T) {
			address, err := lab.ParseMAC(mac(i + 1))
			must(t, err)
			g, err := s.h1.AddGuest(deadline(t), fmt.Sprintf("foreign%d", i),
				lab.GuestNIC{MAC: address, IfName: c.port, ExternalIDs: c.ids})
			must(t, err)
			t.Cleanup(func() { must(t, g.Remove(context.Background())) })
			eventually(t, "the guest is learned", func() error {
				seen, err := s.api.Guests().Get(deadline(t), c.guest)
				switch {
				case err != nil:
					return err
				case len(seen.NICs) != 1 || seen.NICs[0].Port != c.port ||
					seen.NICs[0].HostID == "":
					return fmt.Errorf("its NICs are %+v", seen.NICs)
				case !c.hidden && seen.NICs[0].MAC != address.String():
					return fmt.Errorf("the NIC's address is %s, want %s", seen.NICs[0].MAC, address)
				case c.ip != "" && !slices.Contains(seen.NICs[0].IPAddrs, c.ip):
					return fmt.Errorf("the NIC's IP addresses are %s, want %s among them",
						seen.NICs[0].IPAddrs, c.ip)
				}

				return nil
			})

			to := s.guestSink(t, s.ids1, "brtap")
			s.flow(t, to, api.TapFlowCreate{Type: "vnic", GuestID: c.guest, IPAddr: c.ip,
				Direction: "OUT"})

			frames := numbered(g.MAC(), s.db.MAC(), 0, 64, 100, 1514)
			send(t, g, frames...)
			exactly(t, "copies", lab.MultisetOf(frames), to.Capture)
		})
	}
}

// wires has a switch announce a wire whose bridge has a bond for its uplink.
func (s *stage) wires(t *testing.T) {
	const bridge = "br-net9"
	for _, pair := range []string{"a", "b"} {
		_, err := s.h1.Run(deadline(t), "ip", "link", "add", "n9"+pair, "up", "type", "veth",
			"peer", "name", "far9"+pair)
		must(t, err)
		t.Cleanup(func() {
			_, err := s.h1.Run(context.Background(), "ip", "link", "del", "n9"+pair)
			must(t, err)
		})
		must(t, s.h1.SetLink("far9"+pair, true))
	}

	_, err := s.h1.VSCtl("add-br", bridge, "--", "set", "Bridge", bridge, s.h1.DatapathType(),
		"--", "add-bond", bridge, "bond9", "n9a", "n9b",
		"--", "set", "Open_vSwitch", ".", "external_ids:ovn-bridge-mappings=net8:br-none,net9:"+
			bridge+","+lab.Wire+":"+lab.WireBridge)
	must(t, err)
	t.Cleanup(func() {
		_, err := s.h1.VSCtl("del-br", bridge, "--", "set", "Open_vSwitch", ".",
			"external_ids:ovn-bridge-mappings="+lab.Wire+":"+lab.WireBridge)
		must(t, err)
		eventually(t, "the wire is gone", func() error {
			if _, err := s.api.Wires().Get(deadline(t), "net9"); !client.IsStatus(err, 404) {
				return fmt.Errorf("it is still there: %v", err)
			}
			return nil
		})
	})

	eventually(t, "the wire is learned", func() error {
		w, err := s.api.Wires().Get(deadline(t), "net9")
		if err == nil && (len(w.Hosts) != 1 || w.Hosts[0].Bridge != bridge ||
			!slices.Equal(w.Hosts[0].Uplinks, []string{"bond9"}) || w.Hosts[0].Declared) {
			err = fmt.Errorf("it is %+v", w)
		}
		return err
	})

	out, errs, code := s.tapctl(t, "wire-list")
	if code != 0 || !slices.ContainsFunc(strings.Split(out, "\n"), func(line string) bool {
		return strings.Contains(line, "net9") && strings.Contains(line, "h1") &&
			strings.Contains(line, bridge) && strings.Contains(line, "bond9")
	}) {
		t.Errorf("wire-list has no line with net9, h1, %s and bond9:\n%s%s", bridge, out, errs)
	}

	to := s.guestSink(t, s.ids1, "brtap")
	s.flow(t, to, vswitch(s.h1, "net9", 0, "IN"))
	var frames [][]byte
	for i, device := range []string{"far9a", "far9b"} {
		sender, err := s.h1.Sender(device)
		must(t, err)
		burst := numbered(lab.MAC{2, 0, 0, 9, 9, byte(i)}, lab.MAC{2, 0, 0, 9, 9, 9}, 0, 64, 1514)
		must(t, sender.Send(burst...))
		must(t, sender.Close())
		frames = append(frames, burst...)
	}

	exactly(t, "copies", lab.MultisetOf(frames), to.Capture)
	if _, err := s.api.TapFlows().Create(deadline(t), api.TapFlowCreate{
		Name: "x", TapID: to.ID, Type: "vswitch", HostID: "h1", WireID: "net10",
		Direction: "BOTH"}); !client.IsStatus(err, 400) || !strings.Contains(err.Error(), "net9") {
		t.Errorf("a wire that the host does not carry: %v; want status 400 that lists those that "+
			"it does", err)
	}
}

// facts tells the controller the NICs of a host as the host itself sees them, again after they
// changed.
func (s *stage) facts(t *testing.T) {
	before, err := s.api.Hosts().Get(deadline(t), "h2")
	must(t, err)
	t.Cleanup(func() {
		_, err := s.api.Hosts().Update(context.Background(), "h2",
			api.HostPatch{NICs: &before.NICs})
		must(t, err)
	})

	run := func(args ...string) {
		t.Helper()
		_, err := s.h2.Run(deadline(t), "ip", args...)
		must(t, err)
	}

	tell := func() {
		t.Helper()
		out, err := s.h2.Run(deadline(t), program(t, "tapctl"), "host-facts", "--all")
		must(t, err)
		file := filepath.Join(t.TempDir(), "facts.json")
		must(t, os.WriteFile(file, []byte(out), 0o600))
		if _, errs, code := s.tapctl(t, "host-update", "h2", "--facts", file); code != 0 {
			t.Fatalf("host-update: %s\n%s", errs, out)
		}
	}

	const nic, mac = "eth9", "02:00:00:00:09:01"
	run("link", "add", nic, "address", mac, "type", "veth", "peer", "name", "wire9")
	t.Cleanup(func() { run("link", "del", nic) })
	service := api.TapServiceCreate{Name: unique("spare"), Type: "host", TargetID: "h2",
		MACAddr: mac}

	refused := func(because string) {
		t.Helper()
		if _, err := s.api.TapServices().Create(deadline(t), service); !client.IsStatus(err, 409) ||
			!strings.Contains(err.Error(), because) {
			t.Errorf("a service of a NIC with %s: %v", because, err)
		}
	}

	run("addr", "add", "198.51.100.9/24", "dev", nic)
	tell()
	refused("addresses 198.51.100.9/24")
	run("addr", "del", "198.51.100.9/24", "dev", nic)
	run("link", "add", "kernelbr", "type", "bridge")
	t.Cleanup(func() { run("link", "del", "kernelbr") })
	run("link", "set", nic, "master", "kernelbr")
	tell()
	refused("bridge kernelbr")
	run("link", "set", nic, "nomaster")
	tell()
	got, err := s.api.TapServices().Create(deadline(t), service)
	must(t, err)
	s.deleteService(t, got.ID)
	got, err = s.api.TapServices().Enable(deadline(t), got.ID, client.Wait(500*time.Millisecond))
	must(t, err)
	if got.Status != api.Pending || !strings.Contains(got.Reason, "admin_state is down") {
		t.Errorf("with a NIC that is down the service is %s: %q", got.Status, got.Reason)
	}

	must(t, s.h2.SetLink(nic, true))
	s.serviceStatus(t, got.ID, api.Pending, "link_state is down")
	must(t, s.h2.SetLink("wire9", true))
	s.serviceStatus(t, got.ID, api.Ready, "")
}
