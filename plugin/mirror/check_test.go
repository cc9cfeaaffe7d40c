package mirror_test

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/plugin/mirror"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// registry is the scene that resources are checked against: one host with free and used NICs,
// guests with no, one, two and twin NICs, a service of each type, and a flow of each type.
func registry(t *testing.T) *scene {
	s := newScene(t)
	s.host("a",
		hostNIC("eth8", "52:54:00:aa:00:08", "", ""),
		hostNIC("eth9", "52:54:00:aa:00:09", "bond0", ""),
		hostNIC("eth7", "52:54:00:aa:00:07", "", ""))

	s.host("b")
	s.host("c", unseen)
	s.at("a").Wires["net1"] = "br0"
	s.at("a").Wires["spy"] = "brtap"
	s.at("a").FakeBridges = []tap.FakeBridge{{Name: "br100", Parent: "br0", VLAN: 100}}
	ip := netip.MustParseAddr
	s.Guests = []tap.Guest{
		{ID: "g0", Name: "bare"},
		{ID: "g1", Name: "single", NICs: []tap.NIC{{MAC: nicMAC(1),
			IPs: []netip.Addr{ip("10.0.0.1")}}}},
		{ID: "g2", Name: "double", NICs: []tap.NIC{
			{MAC: nicMAC(2), IPs: []netip.Addr{ip("10.0.0.2"), ip("2001:db8::2")}},
			{MAC: nicMAC(3), IPs: []netip.Addr{ip("10.0.0.3")}}}},
		{ID: "g3", Name: "twins", NICs: []tap.NIC{
			{MAC: nicMAC(4), IPs: []netip.Addr{ip("10.0.0.4")}},
			{MAC: nicMAC(5), IPs: []netip.Addr{ip("10.0.0.4")}}}},
		{ID: "g4", Name: "collector", NICs: []tap.NIC{{MAC: nicMAC(6)}}},
		{ID: "g5", Name: "silent", NICs: []tap.NIC{{MAC: nicMAC(8)}}},
	}

	s.guestTap("t1", on("a", "brtap", "tapt1"))
	s.service("t1").TargetID = "g4"
	s.hostTap("t2", "a", "52:54:00:aa:00:07")
	s.vnic("f1", "t1", "g1", 1, tap.Both)
	s.vswitch("f2", "t1", "a", "net0", 0, tap.Both)
	s.vswitch("f3", "t1", "a", "net0", 100, tap.In)
	return s
}

func TestCheckService(t *testing.T) {
	guest := func(target string, mac tap.MAC, ifname string) tap.Service {
		return tap.Service{ID: "new", Name: "new", Type: tap.ServiceGuest, TargetID: target,
			MAC: mac, IfName: ifname, Key: 9}
	}

	host := func(target, mac string) tap.Service {
		return tap.Service{ID: "new", Name: "new", Type: tap.ServiceHost, TargetID: target,
			MAC: mac6(mac), Key: 9}
	}

	const has = "it has eth8 (52:54:00:aa:00:08, free), eth9 (52:54:00:aa:00:09, used by bond0), " +
		"eth7 (52:54:00:aa:00:07, free)"
	for _, test := range []struct {
		name   string
		give   tap.Service
		change func(*tap.Service) // what the check fills in
		reject *tap.Rejection
	}{
		{name: "guest", give: guest("g1", nicMAC(0x200), "tapnew")},
		{name: "guest whose NIC is not allocated yet", give: guest("g1", tap.MAC{}, "")},
		{name: "host", give: host("a", "52:54:00:aa:00:08"),
			change: func(s *tap.Service) { s.IfName = "eth8" }},
		{name: "no type", give: tap.Service{ID: "new", TargetID: "g1"},
			reject: &tap.Rejection{Field: "type",
				Message: `"" is not a type of tap service: want guest, host, remote or pool`}},
		{name: "unknown guest", give: guest("g9", nicMAC(0x200), ""),
			reject: &tap.Rejection{Field: "target_id", Message: "there is no guest g9"}},
		{name: "unknown host", give: host("z", "52:54:00:aa:00:08"),
			reject: &tap.Rejection{Field: "target_id", Message: "there is no host z"}},
		{name: "second of a guest", give: guest("g4", nicMAC(0x200), ""),
			reject: &tap.Rejection{Conflict: true, Field: "target_id",
				Message: "guest collector already has tap service collector-t1 (t1)"}},
		{name: "second of a NIC", give: host("a", "52:54:00:aa:00:07"),
			reject: &tap.Rejection{Conflict: true, Field: "mac_addr",
				Message: "NIC 52:54:00:aa:00:07 already is the destination of tap service " +
					"collector-t2 (t2)"}},
		{name: "address of another tap NIC", give: guest("g1", nicMAC(0x101), ""),
			reject: &tap.Rejection{Conflict: true, Field: "mac_addr",
				Message: "NIC 52:54:00:00:01:01 already is the destination of tap service " +
					"collector-t1 (t1)"}},
		{name: "interface name of another tap NIC", give: guest("g1", nicMAC(0x200), "tapt1"),
			reject: &tap.Rejection{Conflict: true, Field: "ifname",
				Message: "interface name tapt1 already belongs to tap service collector-t1 (t1)"}},
		{name: "address of a guest's own NIC", give: guest("g1", nicMAC(2), ""),
			reject: &tap.Rejection{Conflict: true, Field: "mac_addr",
				Message: "address 52:54:00:00:00:02 belongs to a NIC of guest double; the tap " +
					"NIC is an extra one"}},
		{name: "multicast address", give: guest("g1", mac6("01:00:5e:00:00:01"), ""),
			reject: &tap.Rejection{Field: "mac_addr",
				Message: "01:00:5e:00:00:01 is a multicast address; a NIC has a unicast address"}},
		{name: "host without address", give: host("a", ""),
			reject: &tap.Rejection{Field: "mac_addr",
				Message: "the address of an unused physical NIC of host host-a is needed; " + has}},
		{name: "host NIC unknown", give: host("a", "52:54:00:aa:00:01"),
			reject: &tap.Rejection{Field: "mac_addr",
				Message: "host host-a has no NIC with address 52:54:00:aa:00:01; " + has}},
		{name: "host without known NICs", give: host("b", "52:54:00:aa:00:01"),
			reject: &tap.Rejection{Field: "mac_addr",
				Message: "host host-b has no NIC with address 52:54:00:aa:00:01; no physical NIC " +
					"of it is known: declare them with host-update --nic NAME=MAC " +
					"or --facts FILE"}},
		{name: "host NIC used", give: host("a", "52:54:00:aa:00:09"),
			reject: &tap.Rejection{Conflict: true, Field: "mac_addr",
				Message: "NIC eth9 of host host-a is used by bond0; a mirror destination must be " +
					"unused"}},
		{name: "unchanged", give: func() tap.Service {
			s := *registry(t).service("t1")
			s.Name = "renamed"
			return s
		}()},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := mirror.New()
			p.Apply(registry(t).Change)
			before := test.give
			got, err := p.Check(t.Context(), 1, tap.Resource{Service: &test.give})
			assert.Equal(t, before, test.give, "the caller's copy changed")
			if test.reject != nil {
				assert.Equal(t, test.reject, err)
				assert.Equal(t, tap.Resource{}, got)
				return
			}

			require.NoError(t, err)
			want := test.give
			if test.change != nil {
				test.change(&want)
			}

			assert.Equal(t, tap.Resource{Service: &want}, got)
		})
	}
}

func TestCheckFlow(t *testing.T) {
	vnic := func(guest string, mac tap.MAC, ip string) tap.Flow {
		f := tap.Flow{ID: "new", Name: "new", TapID: "t2", Type: tap.FlowVNIC, GuestID: guest,
			MAC: mac, Direction: tap.Both}
		if ip != "" {
			f.IP = netip.MustParseAddr(ip)
		}
		return f
	}

	vswitch := func(host, wire string, vlan uint16) tap.Flow {
		return tap.Flow{ID: "new", Name: "new", TapID: "t2", Type: tap.FlowVSwitch, HostID: host,
			WireID: wire, VLAN: vlan, Direction: tap.Both}
	}

	with := func(f tap.Flow, change func(*tap.Flow)) tap.Flow { change(&f); return f }
	to1 := func(f *tap.Flow) { f.TapID = "t1" }
	const double = "it has 52:54:00:00:00:02 10.0.0.2 2001:db8::2; 52:54:00:00:00:03 10.0.0.3"
	for _, test := range []struct {
		name   string
		give   tap.Flow
		mac    tap.MAC // what the check fills in
		reject *tap.Rejection
	}{
		{name: "the only NIC of a guest", give: vnic("g1", tap.MAC{}, ""), mac: nicMAC(1)},
		{name: "by address", give: vnic("g2", nicMAC(3), ""), mac: nicMAC(3)},
		{name: "by IP", give: vnic("g2", tap.MAC{}, "10.0.0.3"), mac: nicMAC(3)},
		{name: "by IPv6", give: vnic("g2", tap.MAC{}, "2001:db8::2"), mac: nicMAC(2)},
		{name: "by address and IP", give: vnic("g3", nicMAC(5), "10.0.0.4"), mac: nicMAC(5)},
		{name: "by address, of which no IP is known", give: vnic("g5", nicMAC(8), "10.0.0.8"),
			mac: nicMAC(8)},
		{name: "by IP, of which none is known", give: vnic("g5", tap.MAC{}, "10.0.0.8"),
			reject: &tap.Rejection{Field: "ip_addr",
				Message: "guest silent has no NIC with address 10.0.0.8: " +
					"it has 52:54:00:00:00:08"}},
		{name: "several NICs", give: vnic("g2", tap.MAC{}, ""),
			reject: &tap.Rejection{Field: "mac_addr",
				Message: "guest double has several NICs; choose one with mac_addr or ip_addr: " +
					double}},
		{name: "several NICs of one IP", give: vnic("g3", tap.MAC{}, "10.0.0.4"),
			reject: &tap.Rejection{Field: "mac_addr",
				Message: "several NICs of guest twins have address 10.0.0.4; choose one with " +
					"mac_addr: it has 52:54:00:00:00:04 10.0.0.4; 52:54:00:00:00:05 10.0.0.4"}},
		{name: "another address", give: vnic("g2", nicMAC(1), ""),
			reject: &tap.Rejection{Field: "mac_addr",
				Message: "guest double has no NIC 52:54:00:00:00:01: " + double}},
		{name: "another IP", give: vnic("g2", tap.MAC{}, "10.0.0.9"),
			reject: &tap.Rejection{Field: "ip_addr",
				Message: "guest double has no NIC with address 10.0.0.9: " + double}},
		{name: "address and IP of two NICs", give: vnic("g2", nicMAC(2), "10.0.0.3"),
			reject: &tap.Rejection{Field: "mac_addr",
				Message: "no NIC of guest double has address 52:54:00:00:00:02 and 10.0.0.3: " +
					double}},
		{name: "guest without NICs", give: vnic("g0", tap.MAC{}, ""),
			reject: &tap.Rejection{Field: "guest_id",
				Message: "no NIC of guest bare is known; plug one, or declare it with " +
					"guest-create or guest-update"}},
		{name: "address of a guest without NICs", give: vnic("g0", nicMAC(1), ""),
			reject: &tap.Rejection{Field: "mac_addr",
				Message: "guest bare has no NIC 52:54:00:00:00:01: no NIC of it is known"}},
		{name: "no guest", give: vnic("", tap.MAC{}, ""),
			reject: &tap.Rejection{Field: "guest_id",
				Message: "a flow of type vnic needs a guest"}},
		{name: "unknown guest", give: vnic("g9", tap.MAC{}, ""),
			reject: &tap.Rejection{Field: "guest_id", Message: "there is no guest g9"}},
		{name: "a guest that taps itself", give: with(vnic("g4", tap.MAC{}, ""), to1),
			reject: &tap.Rejection{Field: "guest_id",
				Message: "guest collector is the destination of tap service collector-t1, and a " +
					"guest cannot tap itself"}},
		{name: "vnic with a host", give: with(vnic("g1", tap.MAC{}, ""),
			func(f *tap.Flow) { f.HostID = "a" }), reject: &tap.Rejection{Field: "host_id",
			Message: "leave it out: host_id, wire_id and vlan_id belong to flows of type vswitch," +
				" and this one is of type vnic"}},
		{name: "vnic with a VLAN", give: with(vnic("g1", tap.MAC{}, ""),
			func(f *tap.Flow) { f.VLAN = 5 }), reject: &tap.Rejection{Field: "vlan_id",
			Message: "leave it out: host_id, wire_id and vlan_id belong to flows of type vswitch," +
				" and this one is of type vnic"}},

		{name: "vswitch by wire", give: vswitch("a", "net0", 0)},
		{name: "vswitch by bridge", give: vswitch("a", "br0", 1)},
		{name: "the highest VLAN", give: vswitch("a", "net0", 4094)},
		{name: "a VLAN too high", give: vswitch("a", "net0", 4095),
			reject: &tap.Rejection{Field: "vlan_id",
				Message: "4095 is not a VLAN id: want 1 to 4094"}},
		{name: "a VLAN of 16 bits", give: vswitch("a", "net0", 65535),
			reject: &tap.Rejection{Field: "vlan_id",
				Message: "65535 is not a VLAN id: want 1 to 4094"}},
		{name: "no host", give: vswitch("", "net0", 0),
			reject: &tap.Rejection{Field: "host_id",
				Message: "a flow of type vswitch needs a host"}},
		{name: "no wire", give: vswitch("a", "", 0),
			reject: &tap.Rejection{Field: "wire_id",
				Message: "a flow of type vswitch needs a wire"}},
		{name: "unknown host", give: vswitch("z", "net0", 0),
			reject: &tap.Rejection{Field: "host_id", Message: "there is no host z"}},
		{name: "unknown wire", give: vswitch("a", "net9", 0),
			reject: &tap.Rejection{Field: "wire_id",
				Message: "host host-a does not carry wire net9; it carries br0, br100, net0, " +
					"net1, spy"}},
		{name: "any wire of a host never observed", give: vswitch("c", "net9", 0)},
		{name: "the tap bridge", give: vswitch("a", "brtap", 0),
			reject: &tap.Rejection{Field: "wire_id",
				Message: "bridge brtap carries the copies and cannot be mirrored itself"}},
		{name: "the tap bridge by a wire", give: vswitch("a", "spy", 0),
			reject: &tap.Rejection{Field: "wire_id",
				Message: "bridge brtap carries the copies and cannot be mirrored itself"}},
		{name: "vswitch with a guest", give: with(vswitch("a", "net0", 0),
			func(f *tap.Flow) { f.GuestID = "g1" }),
			reject: &tap.Rejection{Field: "guest_id",
				Message: "leave it out: guest_id, mac_addr and ip_addr belong to flows of type " +
					"vnic, and this one is of type vswitch"}},

		{name: "no service", give: with(vnic("g1", tap.MAC{}, ""),
			func(f *tap.Flow) { f.TapID = "t9" }), reject: &tap.Rejection{Field: "tap_id",
			Message: "there is no tap service t9"}},
		{name: "no direction", give: with(vnic("g1", tap.MAC{}, ""),
			func(f *tap.Flow) { f.Direction = "" }),
			reject: &tap.Rejection{Field: "direction",
				Message: `"" is not a direction: want IN, OUT or BOTH`}},
		{name: "no type", give: with(vnic("g1", tap.MAC{}, ""),
			func(f *tap.Flow) { f.Type = "bridge" }),
			reject: &tap.Rejection{Field: "type",
				Message: `"bridge" is not a type of tap flow: want vnic, vswitch or selector`}},

		{name: "identical vnic, found by its only NIC", give: with(vnic("g1", tap.MAC{}, ""), to1),
			reject: &tap.Rejection{Conflict: true,
				Message: "tap flow flow-f1 (f1) already mirrors this source to tap service " +
					"collector-t1 in direction BOTH with the same options"}},
		{name: "the same NIC in another direction",
			give: with(vnic("g1", nicMAC(1), ""), func(f *tap.Flow) {
				f.TapID, f.Direction = "t1", tap.In
			}), mac: nicMAC(1)},
		{name: "identical vswitch", give: with(vswitch("a", "net0", 0), to1),
			reject: &tap.Rejection{Conflict: true,
				Message: "tap flow flow-f2 (f2) already mirrors this source to tap service " +
					"collector-t1 in direction BOTH with the same options"}},
		{name: "identical vswitch by the bridge's name", give: with(vswitch("a", "br0", 0), to1),
			reject: &tap.Rejection{Conflict: true,
				Message: "tap flow flow-f2 (f2) already mirrors this source to tap service " +
					"collector-t1 in direction BOTH with the same options"}},
		{name: "identical vswitch by another wire of the bridge",
			give: with(vswitch("a", "net1", 100), func(f *tap.Flow) {
				f.TapID, f.Direction = "t1", tap.In
			}), reject: &tap.Rejection{Conflict: true,
				Message: "tap flow flow-f3 (f3) already mirrors this source to tap service " +
					"collector-t1 in direction IN with the same options"}},
		{name: "a fake bridge", give: with(vswitch("a", "br100", 0), to1)},
		{name: "identical to a fake bridge", give: with(vswitch("a", "br100", 100),
			func(f *tap.Flow) { f.TapID, f.Direction = "t1", tap.In }),
			reject: &tap.Rejection{Conflict: true,
				Message: "tap flow flow-f3 (f3) already mirrors this source to tap service " +
					"collector-t1 in direction IN with the same options"}},
		{name: "another VLAN of a fake bridge", give: with(vswitch("a", "br100", 101), to1),
			reject: &tap.Rejection{Field: "vlan_id",
				Message: "wire br100 is VLAN 100 of a bridge of host host-a: leave vlan_id out"}},
		{name: "the same vswitch on another VLAN", give: with(vswitch("a", "net0", 7), to1)},
		{name: "the same vswitch on another host", give: with(vswitch("b", "net0", 0), to1)},
		{name: "unchanged", give: with(registry(t).Flows[1],
			func(f *tap.Flow) { f.Name = "renamed" })},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := mirror.New()
			p.Apply(registry(t).Change)
			before := test.give
			got, err := p.Check(t.Context(), 1, tap.Resource{Flow: &test.give})
			assert.Equal(t, before, test.give, "the caller's copy changed")
			if test.reject != nil {
				assert.Equal(t, test.reject, err)
				assert.Equal(t, tap.Resource{}, got)
				return
			}

			require.NoError(t, err)
			want := test.give
			want.MAC = test.mac
			assert.Equal(t, tap.Resource{Flow: &want}, got)
		})
	}
}

func TestCheckNothing(t *testing.T) {
	_, err := mirror.New().Check(t.Context(), 0, tap.Resource{})
	assert.Equal(t, &tap.Rejection{Message: "neither a service nor a flow was given"}, err)
}

func TestCheckWaitsForItsRevision(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := registry(t)
		p := mirror.New()
		done := make(chan error, 1)
		go func() {
			_, err := p.Check(t.Context(), 3, tap.Resource{Service: &tap.Service{ID: "new",
				Type: tap.ServiceGuest, TargetID: "g1"}})
			done <- err
		}()

		for revision := uint64(1); revision <= 3; revision++ {
			synctest.Wait()
			select {
			case err := <-done:
				t.Fatalf("answered before revision %d: %v", revision, err)
			default:
			}
			s.Revision = revision
			p.Apply(s.Change)
		}

		require.NoError(t, <-done)
	})
}

func TestCheckEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := mirror.New().Check(ctx, 7, tap.Resource{})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.EqualError(t, err, "waiting for revision 7: context deadline exceeded")

		because := errors.New("the controller shuts down")
		ctx2, cancel2 := context.WithCancelCause(t.Context())
		cancel2(because)
		_, err = mirror.New().Check(ctx2, 7, tap.Resource{})
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, because)
	})
}
