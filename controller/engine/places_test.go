package engine

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

func on(host, bridge, name string) tap.Location {
	return tap.Location{Host: host, Bridge: bridge, Port: name}
}

// index makes an index of ports, declared guests and services.
func index(ports []*seenPort, guests []store.Guest, services []tap.Service) *places {
	x := newPlaces()
	for i := range guests {
		x.claimGuest(&guests[i], true)
	}
	for i := range services {
		x.claimService(&services[i], true)
	}
	for _, p := range ports {
		x.addPort(p)
	}
	return x
}

func TestGuest(t *testing.T) {
	at := func(name string, m byte, guest string) *seenPort {
		return &seenPort{host: "h1", bridge: "br0", name: name, mac: mac(m), inUse: tap.MAC{0xfe, 0, 0, 0, 0, m}, guest: guest}
	}
	plain := func(name string, inUse byte) *seenPort {
		return &seenPort{host: "h1", bridge: "br0", name: name, inUse: mac(inUse)}
	}
	for _, tc := range []struct {
		name     string
		ports    []*seenPort
		declared *store.Guest
		services []tap.Service
		want     *tap.Guest // nil: there is none
	}{
		{"unknown", []*seenPort{at("vnet0", 1, "other")}, nil, nil, nil},
		{"seen", []*seenPort{at("vnet1", 2, "g"), at("vnet0", 1, "g")}, nil, nil, &tap.Guest{ID: "g", Name: "g", NICs: []tap.NIC{
			{MAC: mac(1), IfName: "vnet0", Locations: []tap.Location{on("h1", "br0", "vnet0")}},
			{MAC: mac(2), IfName: "vnet1", Locations: []tap.Location{on("h1", "br0", "vnet1")}},
		}}},
		{"migrates", []*seenPort{at("vnet0", 1, "g"), {host: "h2", bridge: "br0", name: "vnet7", mac: mac(1), guest: "g"}}, nil, nil,
			&tap.Guest{ID: "g", Name: "g", NICs: []tap.NIC{{MAC: mac(1), IfName: "vnet0", Locations: []tap.Location{on("h1", "br0", "vnet0"), on("h2", "br0", "vnet7")}}}}},
		{"seen with IP addresses", []*seenPort{{host: "h1", bridge: "br0", name: "vnet0", mac: mac(1), guest: "g", ips: "10.0.0.1 fd00::1"}},
			&store.Guest{NICs: []store.GuestNIC{{MAC: mac(1), IP: netip.MustParseAddr("10.0.0.1")}}}, nil, &tap.Guest{ID: "g", Name: "vm", NICs: []tap.NIC{
				{MAC: mac(1), IPs: []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fd00::1")}, Locations: []tap.Location{on("h1", "br0", "vnet0")}}}}},
		{"seen without an address", []*seenPort{{host: "h1", bridge: "br0", name: "vnet0", guest: "g"}}, nil, nil, &tap.Guest{ID: "g", Name: "g"}},
		{"declared, off", nil, &store.Guest{NICs: []store.GuestNIC{{MAC: mac(1)}}}, nil, &tap.Guest{ID: "g", Name: "vm", NICs: []tap.NIC{{MAC: mac(1)}}}},
		{"declared by address", []*seenPort{plain("veth0", 1)}, &store.Guest{NICs: []store.GuestNIC{{MAC: mac(1)}}}, nil,
			&tap.Guest{ID: "g", Name: "vm", NICs: []tap.NIC{{MAC: mac(1), Locations: []tap.Location{on("h1", "br0", "veth0")}}}}},
		{"declared by name", []*seenPort{plain("veth0", 1)}, &store.Guest{NICs: []store.GuestNIC{{IfName: "veth0"}}}, nil,
			&tap.Guest{ID: "g", Name: "vm", NICs: []tap.NIC{{MAC: mac(1), IfName: "veth0", Locations: []tap.Location{on("h1", "br0", "veth0")}}}}},
		{"declared by name, two of them, off", nil, &store.Guest{NICs: []store.GuestNIC{{IfName: "veth0"}, {IfName: "veth1"}}}, nil,
			&tap.Guest{ID: "g", Name: "vm", NICs: []tap.NIC{{IfName: "veth0"}, {IfName: "veth1"}}}},
		{"declared and seen", []*seenPort{at("vnet0", 1, "g"), at("vnet1", 2, "g")}, &store.Guest{NICs: []store.GuestNIC{{MAC: mac(2), IfName: "vnet1"}}}, nil,
			&tap.Guest{ID: "g", Name: "vm", NICs: []tap.NIC{
				{MAC: mac(2), IfName: "vnet1", Locations: []tap.Location{on("h1", "br0", "vnet1")}},
				{MAC: mac(1), IfName: "vnet0", Locations: []tap.Location{on("h1", "br0", "vnet0")}},
			}}},
		{"tap NIC is none of its guest's", []*seenPort{at("vnet0", 1, "g"), at("tapabc", 9, "g")}, nil, []tap.Service{{ID: "s", Type: tap.ServiceGuest, MAC: mac(9), IfName: "tapabc"}},
			&tap.Guest{ID: "g", Name: "g", NICs: []tap.NIC{{MAC: mac(1), IfName: "vnet0", Locations: []tap.Location{on("h1", "br0", "vnet0")}}}}},
		{"tap NIC that hides behind another name", []*seenPort{at("vnet9", 9, "g")}, nil, []tap.Service{{ID: "s", Type: tap.ServiceGuest, MAC: mac(9), IfName: "tapabc"}},
			&tap.Guest{ID: "g", Name: "g"}},
		{"a host's NIC is no tap NIC of a guest", []*seenPort{at("vnet0", 1, "g")}, nil, []tap.Service{{ID: "s", Type: tap.ServiceHost, MAC: mac(1), IfName: "vnet0"}},
			&tap.Guest{ID: "g", Name: "g", NICs: []tap.NIC{{MAC: mac(1), IfName: "vnet0", Locations: []tap.Location{on("h1", "br0", "vnet0")}}}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var guests []store.Guest
			if tc.declared != nil {
				tc.declared.ID, tc.declared.Name = "g", "vm"
				guests = append(guests, *tc.declared)
			}
			got, exists := index(tc.ports, guests, tc.services).guest("g", tc.declared)
			require.Equal(t, tc.want != nil, exists)
			if exists {
				assert.Equal(t, *tc.want, got)
			}
		})
	}
}

func TestAttachment(t *testing.T) {
	s := tap.Service{ID: "s", Type: tap.ServiceGuest, MAC: mac(9), IfName: "tapabc"}
	ports := []*seenPort{
		{host: "h1", bridge: "brtap", name: "tapabc", ofport: 4},
		{host: "h2", bridge: "br0", name: "vnet3", inUse: tap.MAC{0xfe, 1}, mac: mac(9)},
		{host: "h3", bridge: "br0", name: "x", inUse: mac(9), mac: mac(1)},
		{host: "h4", bridge: "br0", name: "y", mac: mac(8)},
	}
	assert.Equal(t, tap.Attachment{ServiceID: "s", Locations: []tap.Location{
		{Host: "h1", Bridge: "brtap", Port: "tapabc", OFPort: 4}, on("h2", "br0", "vnet3"), on("h3", "br0", "x"),
	}}, index(ports, nil, nil).attachment(&s))
	s.Type = tap.ServiceHost
	assert.Equal(t, tap.Attachment{ServiceID: "s"}, index(ports, nil, nil).attachment(&s), "where a host's NIC is, its host tells")
}

// TestPlacesIncremental: an index that followed changes equals one that is made anew, and whoever a change concerns is told.
func TestPlacesIncremental(t *testing.T) {
	drawPort := func(rt *rapid.T, host string) *seenPort {
		return &seenPort{
			host: host, bridge: rapid.SampledFrom([]string{"br0", "brtap"}).Draw(rt, "bridge"),
			name: rapid.SampledFrom([]string{"vnet0", "vnet1", "vnet2", "tap0"}).Draw(rt, "name"), ofport: uint32(rapid.IntRange(0, 2).Draw(rt, "ofport")),
			mac: mac(byte(rapid.IntRange(0, 3).Draw(rt, "mac"))), inUse: tap.MAC{0, 0, 0, 0, 0, byte(rapid.IntRange(0, 3).Draw(rt, "in use"))},
			guest: rapid.SampledFrom([]string{"", "g1", "g2"}).Draw(rt, "guest"),
		}
	}
	drawHost := func(rt *rapid.T, host string) []*seenPort {
		byKey := map[string]*seenPort{}
		for range rapid.IntRange(0, 6).Draw(rt, "ports") {
			p := drawPort(rt, host)
			byKey[p.bridge+"/"+p.name] = p
		}
		var list []*seenPort
		for _, p := range byKey {
			list = append(list, p)
		}
		slices.SortFunc(list, comparePorts)
		return list
	}
	guests := []store.Guest{{ID: "g1", NICs: []store.GuestNIC{{MAC: mac(1)}}}, {ID: "g3", NICs: []store.GuestNIC{{IfName: "vnet2"}}}}
	services := []tap.Service{{ID: "s1", Type: tap.ServiceGuest, MAC: mac(2), IfName: "tap0"}}
	record := func(id string) *store.Guest {
		if i := slices.IndexFunc(guests, func(g store.Guest) bool { return g.ID == id }); i >= 0 {
			return &guests[i]
		}
		return nil
	}
	rapid.Check(t, func(rt *rapid.T) {
		x := index(nil, guests, services)
		now := map[string][]*seenPort{}
		for range rapid.IntRange(1, 6).Draw(rt, "steps") {
			before := index(slices.Concat(now["h1"], now["h2"]), guests, services)
			host := rapid.SampledFrom([]string{"h1", "h2"}).Draw(rt, "host")
			next := drawHost(rt, host)
			told := set{}
			x.replace(now[host], next, func(p seenPort) {
				x.whose(p, func(id string) { told.add("guest " + id) }, func(id string) { told.add("service " + id) })
			})
			now[host] = next
			fresh := index(slices.Concat(now["h1"], now["h2"]), guests, services)
			require.Equal(rt, fresh, x)
			for _, id := range []string{"g1", "g2", "g3"} {
				was, _ := before.guest(id, record(id))
				is, _ := x.guest(id, record(id))
				if fmt.Sprint(was) != fmt.Sprint(is) {
					require.Contains(rt, told, "guest "+id)
				}
			}
			if was, is := before.attachment(&services[0]), x.attachment(&services[0]); fmt.Sprint(was) != fmt.Sprint(is) {
				require.Contains(rt, told, "service s1")
			}
		}
	})
}

// TestClaimsGo: what was claimed and given back leaves nothing.
func TestClaimsGo(t *testing.T) {
	g := store.Guest{ID: "g", NICs: []store.GuestNIC{{MAC: mac(1), IfName: "a"}, {IfName: "b"}, {MAC: mac(2)}}}
	s := tap.Service{ID: "s", Type: tap.ServiceGuest, MAC: mac(3), IfName: "c"}
	x := index(nil, []store.Guest{g}, []tap.Service{s})
	assert.True(t, x.known("a", tap.MAC{}) && x.known("", mac(2)) && x.known("c", tap.MAC{}) && !x.known("d", mac(9)) && !x.known("", tap.MAC{}))
	x.claimGuest(&g, false)
	x.claimService(&s, false)
	assert.Equal(t, newPlaces(), x)
}
