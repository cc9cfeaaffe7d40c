package mirror_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/plugin/mirror"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// step is a change after the snapshot.
type step struct {
	what   string
	change tap.Change
}

// TestPlan holds what is planned for each scene, and what follows from each later change, against a
// golden file.
func TestPlan(t *testing.T) {
	const physical = "52:54:00:aa:00:01"
	free := hostNIC("eth9", physical, "", "")
	for _, test := range []struct {
		name  string
		scene func(*scene)
		steps []step
	}{
		// What a flow selects.
		{name: "vnic-in", scene: func(s *scene) {
			*s = *local(s.t)
			s.vnic("f1", "t1", "g1", 1, tap.In)
		}},
		{name: "vnic-out", scene: func(s *scene) {
			*s = *local(s.t)
			s.vnic("f1", "t1", "g1", 1, tap.Out)
		}},
		{name: "vnic-both", scene: func(s *scene) {
			*s = *local(s.t)
			s.vnic("f1", "t1", "g1", 1, tap.Both)
		}},
		{name: "vswitch-in", scene: func(s *scene) {
			*s = *local(s.t)
			s.vswitch("f1", "t1", "a", "net0", 0, tap.In)
		}},
		{name: "vswitch-out", scene: func(s *scene) {
			*s = *local(s.t)
			s.vswitch("f1", "t1", "a", "net0", 0, tap.Out)
		}},
		{name: "vswitch-both", scene: func(s *scene) {
			*s = *local(s.t)
			s.vswitch("f1", "t1", "a", "net0", 0, tap.Both)
		}},
		{name: "vswitch-both-patched", scene: func(s *scene) {
			*s = *local(s.t)
			s.at("a").Bridges[0].Patched = true
			s.vswitch("f1", "t1", "a", "net0", 0, tap.Both)
		}},
		{name: "vswitch-in-vlan", scene: func(s *scene) {
			*s = *local(s.t)
			s.vswitch("f1", "t1", "a", "net0", 100, tap.In)
		}},
		{name: "vswitch-of-fake-bridge", scene: func(s *scene) {
			*s = *local(s.t)
			s.at("a").FakeBridges = []tap.FakeBridge{{Name: "br7", Parent: "br0", VLAN: 7}}
			s.vswitch("f1", "t1", "a", "br7", 0, tap.Both)
			s.vswitch("f2", "t1", "a", "br7", 7, tap.In)
			s.vswitch("f3", "t1", "a", "br7", 8, tap.Both)
		}},
		{name: "vswitch-out-vlan", scene: func(s *scene) {
			*s = *local(s.t)
			s.vswitch("f1", "t1", "a", "net0", 100, tap.Out)
		}},
		{name: "vswitch-both-vlan", scene: func(s *scene) {
			*s = *local(s.t)
			s.vswitch("f1", "t1", "a", "net0", 100, tap.Both)
		}},
		{name: "vswitch-by-bridge-name", scene: func(s *scene) {
			*s = *local(s.t)
			s.vswitch("f1", "t1", "a", "br0", 0, tap.Both)
		}},
		{name: "vswitch-unknown-wire", scene: func(s *scene) {
			*s = *local(s.t)
			s.vswitch("f1", "t1", "a", "net9", 0, tap.Both)
		}},
		{name: "vswitch-no-uplink", scene: func(s *scene) {
			*s = *local(s.t)
			s.at("a").Bridges[0].Uplinks = nil
			s.vswitch("f1", "t1", "a", "net0", 0, tap.Both)
			s.vswitch("f2", "t1", "a", "net0", 0, tap.In)
			s.vswitch("f3", "t1", "a", "net0", 0, tap.Out)
		}},
		{name: "vswitch-bond", scene: func(s *scene) {
			*s = *local(s.t)
			s.at("a").Bridges[0].Uplinks = []string{"eth0", "eth1"}
			s.vswitch("f1", "t1", "a", "net0", 0, tap.In)
		}},
		{name: "vswitch-host-unregistered",
			scene: func(s *scene) {
				*s = *local(s.t)
				s.vswitch("f1", "t1", "z", "net0", 0, tap.Both)
			}},

		// How flows share a capture.
		{name: "several-vnics-one-record", scene: func(s *scene) {
			*s = *local(s.t)
			s.guest("g2", 2, on("a", "br0", "vnet2"))
			s.guest("g3", 3, on("a", "br0", "vnet3"))
			s.vnic("f1", "t1", "g1", 1, tap.Both)
			s.vnic("f2", "t1", "g2", 2, tap.In)
			s.vnic("f3", "t1", "g3", 3, tap.Out)
		}},
		{name: "several-vlans-one-record", scene: func(s *scene) {
			*s = *local(s.t)
			s.vswitch("f1", "t1", "a", "net0", 100, tap.Both)
			s.vswitch("f2", "t1", "a", "net0", 7, tap.Both)
			s.vswitch("f3", "t1", "a", "net0", 4094, tap.Both)
		}},
		{name: "records-of-each-kind", scene: func(s *scene) {
			*s = *local(s.t)
			s.vnic("f1", "t1", "g1", 1, tap.Both)
			s.vswitch("f2", "t1", "a", "net0", 0, tap.In)
			s.vswitch("f3", "t1", "a", "net0", 10, tap.Both)
			s.vswitch("f4", "t1", "a", "net0", 20, tap.In)
			s.vswitch("f5", "t1", "a", "net0", 30, tap.Out)
		}},
		{name: "everything-covers-the-rest", scene: func(s *scene) {
			*s = *local(s.t)
			s.vnic("f1", "t1", "g1", 1, tap.Both)
			s.vswitch("f2", "t1", "a", "net0", 10, tap.Both)
			s.vswitch("f3", "t1", "a", "net0", 0, tap.Both)
		}},
		{name: "two-services-of-one-source", scene: func(s *scene) {
			*s = *local(s.t)
			s.guestTap("t2", on("a", "brtap", "tapt2"))
			s.vnic("f1", "t1", "g1", 1, tap.Both)
			s.vnic("f2", "t2", "g1", 1, tap.In)
		}},
		{name: "two-bridges-of-one-service", scene: func(s *scene) {
			*s = *local(s.t)
			bridge("br1", "system", "eth1")(s.at("a"))
			s.guest("g2", 2, on("a", "br1", "vnet2"))
			s.vnic("f1", "t1", "g1", 1, tap.Both)
			s.vnic("f2", "t1", "g2", 2, tap.Both)
		}},

		// Both ends on two hosts.
		{name: "remote", scene: func(s *scene) {
			*s = *remote(s.t)
			s.vnic("f1", "t1", "g1", 1, tap.Both)
		}},
		{name: "remote-vswitch", scene: func(s *scene) {
			*s = *remote(s.t)
			s.vswitch("f1", "t1", "a", "net0", 0, tap.Both)
		}},
		{name: "remote-and-local", scene: func(s *scene) {
			*s = *remote(s.t)
			s.guest("g2", 2, on("b", "br0", "vnet2"))
			s.vnic("f1", "t1", "g1", 1, tap.Both)
			s.vnic("f2", "t1", "g2", 2, tap.Both)
		}},
		{name: "remote-three-destinations", scene: func(s *scene) {
			*s = *remote(s.t)
			for i, id := range []string{"c", "d", "e"} {
				s.host(id)
				s.guestTap(many("t", i), on(id, "brtap", many("tap", i)))
				s.vnic(many("f", i), many("t", i), "g1", 1, tap.Both)
			}
			s.vswitch("f9", "t00", "a", "net0", 0, tap.In)
		}},
		{name: "remote-ipv6", scene: func(s *scene) {
			*s = *remote(s.t, tunnel("2001:db8::1"))
			tunnel("2001:db8::2")(s.at("b"))
			s.vswitch("f1", "t1", "a", "net0", 0, tap.Both)
		}},
		{name: "remote-families-differ", scene: func(s *scene) {
			*s = *remote(s.t, tunnel("2001:db8::1"))
			s.vnic("f1", "t1", "g1", 1, tap.Both)
		}},
		{name: "remote-source-without-tunnel-ip", scene: func(s *scene) {
			*s = *remote(s.t, noTunnel)
			s.vnic("f1", "t1", "g1", 1, tap.Both)
		}},
		{name: "remote-destination-without-tunnel-ip", scene: func(s *scene) {
			*s = *remote(s.t)
			noTunnel(s.at("b"))
			s.vnic("f1", "t1", "g1", 1, tap.Both)
		}},
		{name: "local-without-tunnel-ip", scene: func(s *scene) {
			*s = *local(s.t)
			noTunnel(s.at("a"))
			s.vnic("f1", "t1", "g1", 1, tap.Both)
			s.vswitch("f2", "t1", "a", "net0", 0, tap.Both)
		}},
		{name: "datapath-types-differ", scene: func(s *scene) {
			*s = *local(s.t)
			bridge("br1", "system")(s.at("a"))
			bridge("br2", "netdev")(s.at("a"))
			s.guest("g2", 2, on("a", "br2", "vnet2"))
			s.vnic("f1", "t1", "g1", 1, tap.Both)
			s.vnic("f2", "t1", "g2", 2, tap.Both)
		}},
		{name: "all-netdev", scene: func(s *scene) {
			*s = *local(s.t)
			s.at("a").Bridges[0].DatapathType = "netdev"
			s.vnic("f1", "t1", "g1", 1, tap.Both)
		}},

		// The destination.
		{name: "service-disabled", scene: func(s *scene) {
			*s = *local(s.t)
			s.service("t1").Enabled = false
			s.vnic("f1", "t1", "g1", 1, tap.Both)
		}},
		{name: "flow-disabled", scene: func(s *scene) {
			*s = *local(s.t)
			s.vnic("f1", "t1", "g1", 1, tap.Both)
			s.Flows[0].Enabled = false
		}},
		{name: "service-gone", scene: func(s *scene) {
			*s = *local(s.t)
			s.vnic("f1", "t9", "g1", 1, tap.Both)
		}},
		{name: "guest-nic-not-plugged", scene: func(s *scene) {
			*s = *local(s.t)
			s.guestTap("t2")
			s.vnic("f1", "t2", "g1", 1, tap.Both)
		}},
		{name: "guest-nic-on-another-bridge", scene: func(s *scene) {
			*s = *local(s.t)
			s.guestTap("t2", on("a", "br0", "vnet99"))
			s.vnic("f1", "t2", "g1", 1, tap.Both)
		}},
		{name: "guest-nic-of-others", scene: func(s *scene) {
			*s = *local(s.t)
			uplink := on("a", "br0", "eth0")
			uplink.UsedBy = "an uplink of bridge br0"
			s.guestTap("t2", uplink)
			s.vnic("f1", "t2", "g1", 1, tap.Both)
		}},
		{name: "guest-nic-without-port-number", scene: func(s *scene) {
			*s = *local(s.t)
			s.at("a").TapPorts[0].OFPort = 0
			s.vnic("f1", "t1", "g1", 1, tap.Both)
		}},
		{name: "guest-nic-in-error", scene: func(s *scene) {
			*s = *local(s.t)
			s.at("a").TapPorts[0] = tap.TapPort{Name: "tapt1",
				Error: "could not open network device tapt1 (No such device)"}
			s.vnic("f1", "t1", "g1", 1, tap.Both)
		}},
		{name: "guest-nic-down", scene: func(s *scene) {
			*s = *local(s.t)
			s.at("a").TapPorts[0].Down = "link_state is down"
			s.vnic("f1", "t1", "g1", 1, tap.Both)
		}},
		{name: "host-nic-joining", scene: func(s *scene) {
			*s = *local(s.t)
			free(s.at("a"))
			s.hostTap("t2", "a", physical)
			s.vnic("f1", "t2", "g1", 1, tap.Both)
		}, steps: []step{
			{"the switch shows the port, and not its address yet", tap.Change{Hosts: []tap.Host{
				joined("a", tap.TapPort{Name: "eth9", OFPort: 44}, physical, "")}}},
			{"the switch shows the address", tap.Change{Hosts: []tap.Host{
				joined("a", tap.TapPort{Name: "eth9", OFPort: 44, MAC: mac6(physical)}, physical,
					"")}}},
			{"the NIC is down", tap.Change{Hosts: []tap.Host{
				joined("a", tap.TapPort{Name: "eth9", OFPort: 44, MAC: mac6(physical),
					Down: "admin_state is down"}, physical, "")}}},
			{"the address is another", tap.Change{Hosts: []tap.Host{
				joined("a", tap.TapPort{Name: "eth9", OFPort: 44, MAC: mac6("52:54:00:aa:00:02")},
					physical, "52:54:00:aa:00:02")}}},
			{"the NIC has been taken out, and the other address is remembered",
				tap.Change{Hosts: []tap.Host{
					joined("a", tap.TapPort{Name: "tapt1", OFPort: 1}, physical,
						"52:54:00:aa:00:02")}}},
		}},
		{name: "host-nic-used", scene: func(s *scene) {
			*s = *local(s.t)
			hostNIC("eth9", physical, "bond0", "")(s.at("a"))
			s.hostTap("t2", "a", physical)
			s.vnic("f1", "t2", "g1", 1, tap.Both)
		}},
		{name: "host-nic-unknown", scene: func(s *scene) {
			*s = *local(s.t)
			s.hostTap("t2", "a", physical)
			s.vnic("f1", "t2", "g1", 1, tap.Both)
		}},
		{name: "host-nic-in-error", scene: func(s *scene) {
			*s = *local(s.t)
			free(s.at("a"))
			tapPort(tap.TapPort{Name: "eth9",
				Error: "could not open network device eth9 (No such device)"})(s.at("a"))
			s.hostTap("t2", "a", physical)
		}},
		{name: "host-nic-remote", scene: func(s *scene) {
			*s = *remote(s.t)
			free(s.at("b"))
			tapPort(tap.TapPort{Name: "eth9", OFPort: 44, MAC: mac6(physical)})(s.at("b"))
			s.hostTap("t2", "b", physical)
			s.vnic("f1", "t2", "g1", 1, tap.Both)
		}},

		// The source.
		{name: "guest-off", scene: func(s *scene) {
			*s = *local(s.t)
			s.guest("g2", 2)
			s.vnic("f1", "t1", "g2", 2, tap.Both)
		}},
		{name: "guest-unknown", scene: func(s *scene) {
			*s = *local(s.t)
			s.vnic("f1", "t1", "g9", 9, tap.Both)
		}},
		{name: "guest-nic-unknown", scene: func(s *scene) {
			*s = *local(s.t)
			s.vnic("f1", "t1", "g1", 9, tap.Both)
		}},
		{name: "guest-taps-itself", scene: func(s *scene) {
			*s = *local(s.t)
			s.service("t1").TargetID = "g1"
			s.vnic("f1", "t1", "g1", 1, tap.Both)
		}},
		{name: "migration-of-source", scene: func(s *scene) {
			*s = *remote(s.t)
			s.host("c")
			s.vnic("f1", "t1", "g1", 1, tap.Both)
		}, steps: []step{
			{"the NIC is on two hosts", tap.Change{Guests: []tap.Guest{{ID: "g1", Name: "vm-g1",
				NICs: []tap.NIC{
					{MAC: nicMAC(1), Locations: []tap.Location{on("c", "br0", "vnet8"),
						on("a", "br0", "vnet1")}}}}}}},
			{"the NIC has left the first", tap.Change{Guests: []tap.Guest{{ID: "g1", Name: "vm-g1",
				NICs: []tap.NIC{
					{MAC: nicMAC(1), Locations: []tap.Location{on("c", "br0", "vnet8")}}}}}}},
		}},
		{name: "migration-of-destination", scene: func(s *scene) {
			*s = *remote(s.t)
			s.host("c", tapPort(tap.TapPort{Name: "tap8", OFPort: 3, MAC: nicMAC(0x101)}))
			s.vnic("f1", "t1", "g1", 1, tap.Both)
		}, steps: []step{
			{"the NIC is on two hosts, not opened on the second",
				tap.Change{Attachments: []tap.Attachment{{ServiceID: "t1",
					Locations: []tap.Location{
						{Host: "c", Bridge: "brtap", Port: "tap8"}, on("b", "brtap", "tapt1")}}}}},
			{"the NIC has left the first",
				tap.Change{Attachments: []tap.Attachment{{ServiceID: "t1",
					Locations: []tap.Location{on("c", "brtap", "tap8")}}}}},
		}},
		{name: "destination-on-two-hosts", scene: func(s *scene) {
			*s = *remote(s.t)
			s.host("c", tapPort(tap.TapPort{Name: "tap8", OFPort: 3, MAC: nicMAC(0x101)}))
			s.Attachments[0].Locations = []tap.Location{on("c", "brtap", "tap8"),
				on("b", "brtap", "tapt1")}
			s.vnic("f1", "t1", "g1", 1, tap.Both)
		}, steps: []step{
			{"the first is out of reach", tap.Change{Hosts: []tap.Host{func() tap.Host {
				h := joined("b", tap.TapPort{Name: "tapt1", OFPort: 1}, physical, "")
				h.Connected = false
				return h
			}()}}},
			{"the first is back", tap.Change{Hosts: []tap.Host{joined("b",
				tap.TapPort{Name: "tapt1", OFPort: 1}, physical, "")}}},
		}},

		// What is not known.
		{name: "source-host-never-observed", scene: func(s *scene) {
			*s = *remote(s.t, unseen)
			s.Guests = nil
			s.vnic("f1", "t1", "g1", 1, tap.Both)
			s.vswitch("f2", "t1", "a", "net0", 0, tap.Both)
		}},
		{name: "destination-host-never-observed", scene: func(s *scene) {
			*s = *remote(s.t)
			unseen(s.at("b"))
			s.Attachments = nil
			s.vnic("f1", "t1", "g1", 1, tap.Both)
		}, steps: []step{
			{"the host shows itself", tap.Change{
				Hosts: []tap.Host{joined("b", tap.TapPort{Name: "tapt1", OFPort: 1}, physical,
					"")},
				Attachments: []tap.Attachment{{ServiceID: "t1",
					Locations: []tap.Location{on("b", "brtap", "tapt1")}}},
			}},
		}},
		{name: "destination-nic-nowhere-after-all", scene: func(s *scene) {
			*s = *remote(s.t)
			unseen(s.at("b"))
			s.Attachments = nil
			s.vnic("f1", "t1", "g1", 1, tap.Both)
		}, steps: []step{
			{"the host shows itself without the NIC", tap.Change{
				Hosts: []tap.Host{joined("b", tap.TapPort{Name: "other", OFPort: 1}, physical, "")},
			}},
		}},
		{name: "host-nic-on-host-never-observed", scene: func(s *scene) {
			*s = *remote(s.t)
			unseen(s.at("b"))
			s.hostTap("t2", "b", physical)
			s.vnic("f1", "t2", "g1", 1, tap.Both)
		}},
		{name: "host-refused", scene: func(s *scene) {
			*s = *remote(s.t, refused("bridge brtap belongs to cluster 1234"))
			s.vnic("f1", "t1", "g1", 1, tap.Both)
		}},
		{name: "destination-host-refused", scene: func(s *scene) {
			*s = *remote(s.t)
			refused("bridge brtap belongs to cluster 1234")(s.at("b"))
			s.vnic("f1", "t1", "g1", 1, tap.Both)
		}},
		{name: "host-disconnected", scene: func(s *scene) {
			*s = *remote(s.t)
			s.at("a").Connected = false
			s.vnic("f1", "t1", "g1", 1, tap.Both)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newScene(t)
			test.scene(s)
			golden(t, test.name, renderSteps(mirror.New(), s, test.steps))
		})
	}
}

// renderSteps is what a planner answers to a scene, and to each later change.
func renderSteps(p *mirror.Planner, s *scene, steps []step) string {
	var text strings.Builder
	text.WriteString(render(p.Apply(s.Change)))
	for i, step := range steps {
		step.change.Revision = uint64(i + 2)
		fmt.Fprintf(&text, "\n== %s ==\n%s", step.what, render(p.Apply(step.change)))
	}
	return text.String()
}

// joined is host a, b or c of a scene with one port on brtap and a physical NIC.
func joined(id string, port tap.TapPort, mac, seen string) tap.Host {
	return tap.Host{
		ID: id, Name: "host-" + id, Observed: true, Connected: true,
		TunnelIP: netip.AddrFrom4([4]byte{192, 0, 2, id[0] - 'a' + 1}),
		Wires:    map[string]string{"net0": "br0"},
		Bridges:  []tap.Bridge{{Name: "br0", DatapathType: "system", Uplinks: []string{"eth0"}}},
		TapPorts: []tap.TapPort{port},
		NICs:     []tap.HostNIC{{Name: "eth9", MAC: mac6(mac), SeenMAC: mac6(seen)}},
	}
}

func find[T any](t *testing.T, list []T, is func(T) bool) T {
	t.Helper()
	for _, v := range list {
		if is(v) {
			return v
		}
	}
	require.FailNow(t, "not found", "in %+v", list)
	panic("unreachable")
}

// TestNames holds every name that is made to what a switch takes: 15 characters, for the longest
// capture of four records.
func TestNames(t *testing.T) {
	s := local(t)
	s.vnic("f1", "t1", "g1", 1, tap.Both)
	s.vswitch("f3", "t1", "a", "net0", 10, tap.Both)
	s.vswitch("f4", "t1", "a", "net0", 20, tap.In)
	s.vswitch("f5", "t1", "a", "net0", 30, tap.Out)
	program := mirror.Full(mirror.DefaultConfig(), s.Change).Programs[0]
	require.Len(t, program.Mirrors, 4)
	seen := map[string]bool{}
	for _, m := range program.Mirrors {
		assert.LessOrEqual(t, len(m.Name), 15, m.Name)
		assert.False(t, seen[m.Name], "mirror %s twice", m.Name)
		seen[m.Name] = true
	}

	for _, o := range program.Ports {
		assert.LessOrEqual(t, len(o.Name), 15, o.Name)
		assert.NotEmpty(t, o.Owner, "%s belongs to nobody", o.Name)
	}
}

// TestBridgeNameOfConfig plans with another name of the tap bridge.
func TestBridgeNameOfConfig(t *testing.T) {
	s := newScene(t)
	s.host("a")
	s.guest("g1", 1, on("a", "br0", "vnet1"), on("a", "spy", "vnet0"))
	s.guestTap("t1", on("a", "spy", "tapt1"))
	tapPort(tap.TapPort{Name: "tapt1", OFPort: 9})(s.at("a"))
	s.vnic("f1", "t1", "g1", 1, tap.Both)
	golden(t, "config-bridge", render(mirror.Full(mirror.Config{Bridge: "spy", Tunnel: "gre",
		VXLANPort: 24789}, s.Change)))
}
