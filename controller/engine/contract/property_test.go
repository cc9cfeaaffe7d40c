package contract_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tapline-sdn/tapline/controller/engine/contract"
	"github.com/tapline-sdn/tapline/plugin/mirror"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// TestPlansFollowFromTheWorld: whatever the plugin is told, its programs follow from it.
func TestPlansFollowFromTheWorld(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		planner := mirror.New()
		require.NoError(rt, planner.Configure(t.Context(), nil))
		w := contract.NewWorld()
		revision := uint64(0)
		for range rapid.IntRange(1, 5).Draw(rt, "changes") {
			revision++
			c := drawChange(rt, revision)
			w.Tell(&c)
			result := planner.Apply(c)
			for i := range result.Programs {
				require.NoError(rt, w.Check(&result.Programs[i]))
			}
		}
	})
}

var bridges = []string{"br0", "br1"}

// drawChange draws a change of some of what there may be: three hosts, guests, services and flows.
func drawChange(rt *rapid.T, revision uint64) tap.Change {
	c := tap.Change{Revision: revision, Reset: revision == 1}
	if c.Reset {
		c.Secret = bytes.Repeat([]byte{7}, 32)
	}
	some := func(what string, f func(n byte)) {
		for n := byte(1); n <= 3; n++ {
			if rapid.Bool().Draw(rt, what) {
				f(n)
			}
		}
	}

	some("host", func(n byte) { c.Hosts = append(c.Hosts, drawHost(rt, n)) })
	some("guest", func(n byte) { c.Guests = append(c.Guests, drawGuest(rt, n)) })
	some("service", func(n byte) {
		c.Services = append(c.Services, drawService(rt, n))
		c.Attachments = append(c.Attachments, drawAttachment(rt, n))
	})
	some("flow", func(n byte) { c.Flows = append(c.Flows, drawFlow(rt, n)) })
	if !c.Reset {
		some("gone", func(n byte) {
			switch rapid.IntRange(0, 3).Draw(rt, "kind") {
			case 0:
				c.Gone.Hosts = append(c.Gone.Hosts, fmt.Sprintf("h%d", n))
			case 1:
				c.Gone.Guests = append(c.Gone.Guests, fmt.Sprintf("g%d", n))
			case 2:
				c.Gone.Services = append(c.Gone.Services, fmt.Sprintf("s%d", n))
			default:
				c.Gone.Flows = append(c.Gone.Flows, fmt.Sprintf("f%d", n))
			}
		})
	}
	return c
}

func pick[T any](rt *rapid.T, what string, from ...T) T {
	return rapid.SampledFrom(from).Draw(rt, what)
}

func drawHost(rt *rapid.T, n byte) tap.Host {
	h := tap.Host{
		ID: fmt.Sprintf("h%d", n), Name: fmt.Sprintf("host%d", n),
		TunnelIP: pick(rt, "tunnel", netip.AddrFrom4([4]byte{192, 0, 2, n}), netip.Addr{},
			netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 15: n})),
		Observed: pick(rt, "observed", true, true, false), Connected: true,
		Wires: pick(rt, "wires", nil, map[string]string{"net0": "br1"}),
		NICs: []tap.HostNIC{{Name: "eth9", MAC: mac(0x90 + n),
			UsedBy: pick(rt, "used", "", "", "a bond")}},
	}
	for _, name := range bridges {
		h.Bridges = append(h.Bridges, tap.Bridge{Name: name, DatapathType: "netdev",
			Uplinks: pick(rt, "uplinks", nil, []string{"eth0-" + name}),
		})
	}
	h.FakeBridges = []tap.FakeBridge{{Name: "br30", Parent: "br0",
		VLAN: pick[uint16](rt, "VLAN of br30", 30, 40)}}
	if rapid.Bool().Draw(rt, "foreign tunnel") {
		h.ForeignTunnels = []tap.ForeignTunnel{{Name: "ov0", Bridge: "br0", Type: "gre"}}
	}
	for s := byte(1); s <= 3; s++ {
		if rapid.Bool().Draw(rt, "tap port") {
			h.TapPorts = append(h.TapPorts, tap.TapPort{Name: fmt.Sprintf("tap%d", s),
				OFPort: uint32(rapid.IntRange(0, 3).Draw(rt, "number")) * 10 * uint32(s)})
		}
	}
	return h
}

func drawLocation(rt *rapid.T, port string) tap.Location {
	return tap.Location{
		Host: pick(rt, "at", "h1", "h2", "h3"), Bridge: pick(rt, "bridge", "br0", "br1", "brtap"),
		Port: port, OFPort: 1,
	}
}

func drawGuest(rt *rapid.T, n byte) tap.Guest {
	g := tap.Guest{ID: fmt.Sprintf("g%d", n), Name: fmt.Sprintf("vm%d", n)}
	for i := range byte(rapid.IntRange(0, 2).Draw(rt, "NICs")) {
		nic := tap.NIC{MAC: mac(n*16 + i)}
		for range rapid.IntRange(0, 2).Draw(rt, "places") {
			nic.Locations = append(nic.Locations, drawLocation(rt, fmt.Sprintf("vnet%d%d", n, i)))
		}
		g.NICs = append(g.NICs, nic)
	}
	return g
}

func drawService(rt *rapid.T, n byte) tap.Service {
	s := tap.Service{
		ID: fmt.Sprintf("s%d", n), Name: fmt.Sprintf("ids%d", n), Type: tap.ServiceGuest,
		TargetID: "collector", MAC: mac(0x80 + n), IfName: fmt.Sprintf("tap%d", n),
		Key: uint32(n), Enabled: rapid.Bool().Draw(rt, "enabled"),
	}
	if rapid.Bool().Draw(rt, "of a host") {
		s.Type, s.TargetID, s.MAC, s.IfName = tap.ServiceHost, fmt.Sprintf("h%d", n),
			mac(0x90+n), "eth9"
	}
	return s
}

func drawAttachment(rt *rapid.T, n byte) tap.Attachment {
	a := tap.Attachment{ServiceID: fmt.Sprintf("s%d", n)}
	if rapid.Bool().Draw(rt, "attached") {
		a.Locations = []tap.Location{drawLocation(rt, fmt.Sprintf("tap%d", n))}
	}
	return a
}

func drawFlow(rt *rapid.T, n byte) tap.Flow {
	f := tap.Flow{
		ID: fmt.Sprintf("f%d", n), Name: fmt.Sprintf("flow%d", n), Type: tap.FlowVNIC,
		TapID: pick(rt, "service", "s1", "s2"), GuestID: pick(rt, "guest", "g1", "g2"),
		MAC:       pick(rt, "MAC", tap.MAC{}, mac(16), mac(17), mac(32)),
		Direction: pick(rt, "direction", tap.In, tap.Out, tap.Both),
		Enabled:   pick(rt, "enabled", true, true, false), Created: time.Unix(int64(n), 0),
	}
	if rapid.Bool().Draw(rt, "of a switch") {
		f.Type, f.GuestID, f.MAC = tap.FlowVSwitch, "", tap.MAC{}
		f.HostID, f.WireID = pick(rt, "host", "h1", "h2"), pick(rt, "wire", "net0", "br0", "br30")
		f.VLAN = pick(rt, "VLAN", uint16(0), 10, 30)
	}
	return f
}
