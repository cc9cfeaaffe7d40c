package mirror_test

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/plugin/mirror"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

func foreign(t tap.ForeignTunnel) func(*tap.Host) {
	return func(h *tap.Host) { h.ForeignTunnels = append(h.ForeignTunnels, t) }
}

// TestPlanPath holds what is planned where the way of the copies matters, and where their ends are
// uncertain.
func TestPlanPath(t *testing.T) {
	foreignGRE := tap.ForeignTunnel{Name: "gre0", Bridge: "br-int", Type: "gre",
		LocalIP: netip.MustParseAddr("203.0.113.1")}

	foreignVXLAN := tap.ForeignTunnel{Name: "vx0", Bridge: "br-int", Type: "vxlan", DstPort: 24789}
	for _, test := range []struct {
		name   string
		config string
		scene  func(*scene)
		steps  []step
	}{
		// Which tunnel.
		{name: "tunnel-foreign-gre-at-source", scene: func(s *scene) {
			*s = *remote(s.t, foreign(foreignGRE))
			s.vnic("f1", "t1", "g1", 1, tap.Both)
		}},
		{name: "tunnel-foreign-gre-at-destination", scene: func(s *scene) {
			*s = *remote(s.t)
			foreign(tap.ForeignTunnel{Name: "gre0", Bridge: "br-int", Type: "gre"})(s.at("b"))
			s.vnic("f1", "t1", "g1", 1, tap.Both)
		}},
		{name: "tunnel-foreign-gre-and-vxlan", scene: func(s *scene) {
			*s = *remote(s.t, foreign(foreignGRE), foreign(foreignVXLAN))
			s.vnic("f1", "t1", "g1", 1, tap.Both)
		}},
		{name: "tunnel-gre-forced-beside-foreign", config: `{"tunnel": "gre"}`,
			scene: func(s *scene) {
				*s = *remote(s.t, foreign(foreignGRE))
				s.vnic("f1", "t1", "g1", 1, tap.Both)
			}},
		{name: "tunnel-vxlan-forced", config: `{"tunnel": "vxlan", "vxlan_port": 4789}`,
			scene: func(s *scene) {
				*s = *remote(s.t)
				s.vnic("f1", "t1", "g1", 1, tap.Both)
			}},
		{name: "guard-own-port-is-a-standard-one", config: `{"vxlan_port": 4789}`,
			scene: func(s *scene) {
				*s = *local(s.t)
				foreign(tap.ForeignTunnel{Name: "ov0", Type: "geneve",
					LocalIP: netip.MustParseAddr("203.0.113.1")})(s.at("a"))
				s.vnic("f1", "t1", "g1", 1, tap.Both)
			}},
		{name: "tunnel-vxlan-forced-beside-foreign",
			config: `{"tunnel": "vxlan", "vxlan_port": 4789}`, scene: func(s *scene) {
				*s = *remote(s.t, foreign(tap.ForeignTunnel{Name: "vx0", Bridge: "br-int",
					Type: "vxlan"}))
				s.vnic("f1", "t1", "g1", 1, tap.Both)
			}},
		{name: "tunnel-kernel-without-gre", scene: func(s *scene) {
			*s = *remote(s.t,
				func(h *tap.Host) { h.NoGRE = "Address family not supported by protocol" })
			s.vnic("f1", "t1", "g1", 1, tap.Both)
		}},
		{name: "tunnel-ipv6-netdev", scene: func(s *scene) {
			six := func(ip string) func(*tap.Host) {
				return func(h *tap.Host) {
					h.TunnelIP, h.Bridges[0].DatapathType = netip.MustParseAddr(ip), "netdev"
				}
			}
			*s = *remote(s.t, six("2001:db8::1"))
			six("2001:db8::2")(s.at("b"))
			s.vnic("f1", "t1", "g1", 1, tap.Both)
		}},
		{name: "tunnel-both-kinds", scene: func(s *scene) {
			*s = *remote(s.t)
			s.host("c", foreign(foreignGRE))
			s.guestTap("t2", on("c", "brtap", "tapt2"))
			s.vnic("f1", "t1", "g1", 1, tap.Both)
			s.vnic("f2", "t2", "g1", 1, tap.Both)
		}, steps: []step{
			{"the foreign tunnel is gone", tap.Change{Hosts: []tap.Host{
				joined("c", tap.TapPort{Name: "tapt2", OFPort: 1}, "52:54:00:aa:00:01", "")}}},
		}},
		{name: "guard-foreign-tunnels", scene: func(s *scene) {
			far := netip.MustParseAddr("203.0.113.9")
			*s = *local(s.t)
			for _, t := range []tap.ForeignTunnel{
				{Name: "ov0", Type: "geneve", LocalIP: netip.MustParseAddr("203.0.113.1"),
					RemoteIP: far},
				{Name: "vx0", Type: "vxlan", RemoteIP: far},
				{Name: "vx1", Type: "vxlan", RemoteIP: far, Key: "7"},
				{Name: "vx2", Type: "vxlan", RemoteIP: far, DstPort: 8472},
				{Name: "stt0", Type: "stt", RemoteIP: far},
				{Name: "gv0", Type: "geneve"},
			} {
				foreign(t)(s.at("a"))
			}

			s.vnic("f1", "t1", "g1", 1, tap.Both)
		}},
		{name: "tunnel-secret-keys", scene: func(s *scene) {
			*s = *remote(s.t)
			s.Secret = bytes.Repeat([]byte{42}, 32)
			s.vnic("f1", "t1", "g1", 1, tap.Both)
		}},

		// What is too large.
		{name: "cut-to-path", scene: func(s *scene) {
			*s = *remote(s.t, func(h *tap.Host) {
				h.Paths = []tap.Path{{Addr: netip.MustParseAddr("192.0.2.2"), Frame: 1472}}
			})
			s.vnic("f1", "t1", "g1", 1, tap.Both)
		}, steps: []step{
			{"a source whose frames fit", tap.Change{Guests: []tap.Guest{{ID: "g1", Name: "vm-g1",
				NICs: []tap.NIC{
					{MAC: nicMAC(1), Locations: []tap.Location{{Host: "a", Bridge: "br0",
						Port: "vnet1", OFPort: 7, MTU: 1400}}}}}}}},
		}},
		{name: "cut-to-nic", scene: func(s *scene) {
			*s = *local(s.t)
			s.at("a").TapPorts[0].MTU = 1500
			s.guest("g2", 2, tap.Location{Host: "a", Bridge: "br0", Port: "vnet2", OFPort: 8,
				MTU: 8000})
			s.vnic("f1", "t1", "g2", 2, tap.Both)
		}, steps: []step{
			{"a source whose frames fit", tap.Change{Guests: []tap.Guest{{ID: "g2", Name: "vm-g2",
				NICs: []tap.NIC{
					{MAC: nicMAC(2), Locations: []tap.Location{{Host: "a", Bridge: "br0",
						Port: "vnet2", OFPort: 8, MTU: 1500}}}}}}}},
		}},
		{name: "cut-large-beside-unknown", scene: func(s *scene) {
			*s = *local(s.t)
			s.at("a").TapPorts[0].MTU = 1500
			s.guest("g2", 2, tap.Location{Host: "a", Bridge: "br0", Port: "vnet2", OFPort: 8,
				MTU: 8000})
			s.vnic("f1", "t1", "g1", 1, tap.Both)
			s.vnic("f2", "t1", "g2", 2, tap.Both)
		}},
		{name: "cut-to-remote-nic", scene: func(s *scene) {
			*s = *remote(s.t)
			s.at("b").TapPorts[0].MTU = 1500
			s.Guests[0].NICs[0].Locations[0].MTU = 9000
			s.vnic("f1", "t1", "g1", 1, tap.Both)
		}},

		// Whose traffic, and where to.
		{name: "claimed-destination", scene: func(s *scene) {
			*s = *remote(s.t)
			s.vnic("f1", "t1", "g1", 1, tap.Both)
		}, steps: []step{
			{"another port shows the NIC's address",
				tap.Change{Attachments: []tap.Attachment{{ServiceID: "t1",
					Locations: []tap.Location{on("b", "brtap", "tapt1")},
					Claims:    []tap.Location{on("a", "br0", "vnet66")}}}}},
			{"it is gone", tap.Change{Attachments: []tap.Attachment{{ServiceID: "t1",
				Locations: []tap.Location{on("b", "brtap", "tapt1")}}}}},
		}},
		{name: "claimed-destination-absent", scene: func(s *scene) {
			*s = *remote(s.t)
			s.Attachments[0] = tap.Attachment{ServiceID: "t1",
				Claims: []tap.Location{on("a", "br0", "vnet66"), on("z", "br0", "vnet67")}}
			s.vnic("f1", "t1", "g1", 1, tap.Both)
		}},
		{name: "disputed-source", scene: func(s *scene) {
			*s = *local(s.t)
			s.Guests[0].NICs[0].Disputed = "interface name vnet1 stands on hosts host-a and host-b"
			s.vnic("f1", "t1", "g1", 1, tap.Both)
		}},
		{name: "source-down", scene: func(s *scene) {
			*s = *local(s.t)
			s.Guests[0].NICs[0].Locations[0].Down = "link_state is down"
			s.vnic("f1", "t1", "g1", 1, tap.Both)
		}},
		{name: "source-without-address", scene: func(s *scene) {
			*s = *local(s.t)
			s.Guests[0].NICs[0].MAC = tap.MAC{}
			s.flow(tap.Flow{ID: "f1", TapID: "t1", Type: tap.FlowVNIC, GuestID: "g1",
				Direction: tap.Both})
		}, steps: []step{
			{"its address is known", tap.Change{Guests: []tap.Guest{{ID: "g1", Name: "vm-g1",
				NICs: []tap.NIC{
					{MAC: nicMAC(1), Locations: []tap.Location{on("a", "br0", "vnet1")}}}}}}},
			{"another NIC is there", tap.Change{Guests: []tap.Guest{{ID: "g1", Name: "vm-g1",
				NICs: []tap.NIC{
					{MAC: nicMAC(1), Locations: []tap.Location{on("a", "br0", "vnet1")}},
					{MAC: nicMAC(2), Locations: []tap.Location{on("a", "br0", "vnet2")}}}}}}},
		}},
		{name: "source-evacuated", scene: func(s *scene) {
			*s = *remote(s.t)
			s.host("c")
			s.at("c").Connected = false
			s.Guests[0].NICs[0].Locations = []tap.Location{on("c", "br0", "vnet9"),
				on("a", "br0", "vnet1")}
			s.vnic("f1", "t1", "g1", 1, tap.Both)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newScene(t)
			test.scene(s)
			p := mirror.New()
			require.NoError(t, p.Configure(t.Context(), []byte(test.config)))
			golden(t, test.name, renderSteps(p, s, test.steps))
		})
	}
}

// TestTapDatapath: the tap bridge is not made anew while anything runs on it.
func TestTapDatapath(t *testing.T) {
	for _, test := range []struct {
		name, present, underlay string
		system, netdev          int // enabled flows from bridges of each type
		empty                   int // further bridges of type netdev
		want                    string
	}{
		{name: "most sources", system: 1, netdev: 2, want: "netdev"},
		{name: "what stands stays", present: "system", system: 1, netdev: 2, want: "system"},
		{name: "what stands and serves nothing goes", present: "system", netdev: 1, want: "netdev"},
		{name: "empty bridges change nothing", present: "system", empty: 3, want: "system"},
		{name: "a type that is gone", present: "gone", netdev: 1, want: "netdev"},
		{name: "the underlay decides between equals", underlay: "netdev", system: 1, netdev: 1,
			want: "netdev"},
		{name: "the underlay decides where it has a source", underlay: "system", system: 1,
			netdev: 2, want: "system"},
		{name: "an underlay without sources", underlay: "system", netdev: 1, want: "netdev"},
		{name: "most bridges", empty: 3, want: "netdev"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newScene(t)
			s.host("a", bridge("br1", "netdev"))
			for i := range test.empty {
				bridge(many("br-empty", i), "netdev")(s.at("a"))
			}

			s.at("a").TapDatapath, s.at("a").UnderlayDatapath = test.present, test.underlay
			s.guestTap("t1", on("a", "brtap", "tapt1"))
			for i := range test.system + test.netdev {
				at := on("a", "br0", many("vnet", i))
				if i >= test.system {
					at.Bridge = "br1"
				}
				s.guest(many("g", i), i+1, at)
				s.vnic(many("f", i), "t1", many("g", i), i+1, tap.Both)
			}

			program := mirror.Full(mirror.DefaultConfig(), s.Change).Programs[0]
			assert.Equal(t, test.want, program.Bridge.DatapathType)
		})
	}
}

// TestKeysOfSenders: two hosts send one service's copies with keys of their own.
func TestKeysOfSenders(t *testing.T) {
	s := remote(t)
	s.Secret = bytes.Repeat([]byte{42}, 32)
	s.host("c")
	s.guest("g2", 2, on("c", "br0", "vnet2"))
	s.vnic("f1", "t1", "g1", 1, tap.Both)
	s.vnic("f2", "t1", "g2", 2, tap.Both)
	programs := map[string]tap.Program{}
	for _, p := range mirror.Full(mirror.DefaultConfig(), s.Change).Programs {
		programs[p.Host] = p
	}

	sent := map[string]uint64{}
	for _, host := range []string{"a", "c"} {
		for _, f := range programs[host].Flows {
			for _, i := range f.Mod.Instructions {
				if apply, ok := i.(action.ApplyActions); ok && len(apply) == 3 {
					sent[host] = apply[0].(action.SetField).Field.Uint64()
				}
			}
		}
	}

	require.Len(t, sent, 2)
	assert.NotEqual(t, sent["a"], sent["c"])
	assert.NotContains(t, []uint64{sent["a"], sent["c"]}, uint64(s.Services[0].Key))

	senders := programs["b"].Tunnel.Senders
	require.Len(t, senders, 2)
	for i, host := range []string{"a", "c"} {
		peer := programs[host].Tunnel.Peers[0]
		assert.Equal(t, senders[i], tap.Sender{Addr: s.at(host).TunnelIP, Port: peer.Port,
			ProbeKey: peer.ProbeKey})
	}
}
