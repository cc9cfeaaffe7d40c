package mirror_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

// scene is a world in the making: a snapshot, built in few words.
type scene struct {
	t *testing.T
	tap.Change
}

func newScene(t *testing.T) *scene {
	return &scene{t: t,
		Change: tap.Change{Revision: 1, Reset: true}}
}

// host adds a host with bridge br0, uplink eth0, that carries wire net0. Its tunnel address ends
// with its number.
func (s *scene) host(id string, adjust ...func(*tap.Host)) {
	h := tap.Host{
		ID: id, Name: "host-" + id, Observed: true, Connected: true,
		TunnelIP: netip.AddrFrom4([4]byte{192, 0, 2, byte(len(s.Hosts) + 1)}),
		Wires:    map[string]string{"net0": "br0"},
		Bridges:  []tap.Bridge{{Name: "br0", DatapathType: "system", Uplinks: []string{"eth0"}}},
	}

	for _, f := range adjust {
		f(&h)
	}

	s.Hosts = append(s.Hosts, h)
}

func (s *scene) at(id string) *tap.Host {
	s.t.Helper()
	i := slices.IndexFunc(s.Hosts, func(h tap.Host) bool { return h.ID == id })
	require.GreaterOrEqual(s.t, i, 0, "the scene has no host %s", id)
	return &s.Hosts[i]
}

func tunnel(ip string) func(*tap.Host) {
	return func(h *tap.Host) { h.TunnelIP = netip.MustParseAddr(ip) }
}

func noTunnel(h *tap.Host) { h.TunnelIP = netip.Addr{} }

func unseen(h *tap.Host) {
	*h = tap.Host{ID: h.ID, Name: h.Name, TunnelIP: h.TunnelIP, Wires: h.Wires}
}

func refused(why string) func(*tap.Host) { return func(h *tap.Host) { h.Refused = why } }

func bridge(name, datapath string, uplinks ...string) func(*tap.Host) {
	return func(h *tap.Host) {
		h.Bridges = append(h.Bridges, tap.Bridge{Name: name, DatapathType: datapath,
			Uplinks: uplinks})
	}
}

func hostNIC(name, mac, usedBy, seen string) func(*tap.Host) {
	return func(h *tap.Host) {
		h.NICs = append(h.NICs, tap.HostNIC{Name: name, MAC: mac6(mac), UsedBy: usedBy,
			SeenMAC: mac6(seen)})
	}
}

func tapPort(port tap.TapPort) func(*tap.Host) {
	return func(h *tap.Host) { h.TapPorts = append(h.TapPorts, port) }
}

func mac6(s string) tap.MAC {
	m, err := tap.ParseMAC(s)
	if err != nil {
		panic(err)
	}
	return m
}

// nicMAC is the address of the n-th NIC of a scene.
func nicMAC(n int) tap.MAC { return tap.MAC{0x52, 0x54, 0, 0, byte(n >> 8), byte(n)} }

func on(host, bridge, port string) tap.Location {
	return tap.Location{Host: host, Bridge: bridge, Port: port, OFPort: 7}
}

// guest adds a guest with one NIC, plugged at the given places.
func (s *scene) guest(id string, n int, places ...tap.Location) {
	s.Guests = append(s.Guests, tap.Guest{ID: id, Name: "vm-" + id,
		NICs: []tap.NIC{{MAC: nicMAC(n), Locations: places}}})
}

// guestTap adds an enabled service to a guest; where its NIC is on brtap, the host shows the port
// as number 1, 2 and so on.
func (s *scene) guestTap(id string, places ...tap.Location) {
	n := len(s.Services) + 1
	s.Services = append(s.Services, tap.Service{
		ID: id, Name: "collector-" + id, Type: tap.ServiceGuest, TargetID: "collector-vm-" + id,
		MAC:    nicMAC(0x100 + n),
		IfName: "tap" + id, Enabled: true, Key: uint32(0x10 + n),
	})

	if len(places) == 0 {
		return
	}

	s.Attachments = append(s.Attachments, tap.Attachment{ServiceID: id, Locations: places})
	for _, l := range places {
		if l.Bridge == "brtap" {
			h := s.at(l.Host)
			h.TapPorts = append(h.TapPorts, tap.TapPort{Name: l.Port,
				OFPort: uint32(len(h.TapPorts) + 1), MAC: nicMAC(0x100 + n)})
		}
	}
}

func (s *scene) hostTap(id, host, mac string) {
	s.Services = append(s.Services, tap.Service{
		ID: id, Name: "collector-" + id, Type: tap.ServiceHost, TargetID: host, MAC: mac6(mac),
		Enabled: true, Key: uint32(0x11 + len(s.Services)),
	})
}

func (s *scene) service(id string) *tap.Service {
	s.t.Helper()
	i := slices.IndexFunc(s.Services, func(o tap.Service) bool { return o.ID == id })
	require.GreaterOrEqual(s.t, i, 0, "the scene has no service %s", id)
	return &s.Services[i]
}

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func (s *scene) flow(f tap.Flow) {
	f.Name, f.Enabled = "flow-"+f.ID, true
	f.Created = epoch.Add(time.Duration(len(s.Flows)) * time.Second)
	s.Flows = append(s.Flows, f)
}

func (s *scene) vnic(id, service, guest string, n int, d tap.Direction) {
	s.flow(tap.Flow{ID: id, TapID: service, Type: tap.FlowVNIC, GuestID: guest, MAC: nicMAC(n),
		Direction: d})
}

func (s *scene) vswitch(id, service, host, wire string, vlan uint16, d tap.Direction) {
	s.flow(tap.Flow{ID: id, TapID: service, Type: tap.FlowVSwitch, HostID: host, WireID: wire,
		VLAN: vlan, Direction: d})
}

// local is the plainest scene: guest g1 with NIC 1 and the tap NIC of t1, all on host a.
func local(t *testing.T) *scene {
	s := newScene(t)
	s.host("a")
	s.guest("g1", 1, on("a", "br0", "vnet1"))
	s.guestTap("t1", on("a", "brtap", "tapt1"))
	return s
}

// remote is the plainest scene of two hosts: guest g1 on a, the tap NIC of t1 on b.
func remote(t *testing.T, adjust ...func(*tap.Host)) *scene {
	s := newScene(t)
	s.host("a", adjust...)
	s.host("b")
	s.guest("g1", 1, on("a", "br0", "vnet1"))
	s.guestTap("t1", on("b", "brtap", "tapt1"))
	return s
}

func many(prefix string, n int) string { return fmt.Sprintf("%s%02d", prefix, n) }
