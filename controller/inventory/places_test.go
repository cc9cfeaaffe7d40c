package inventory

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tapline-sdn/tapline/controller/inventory/switchtest"
	"github.com/tapline-sdn/tapline/controller/sets"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

func on(host, bridge, name string) tap.Location {
	return tap.Location{Host: host, Bridge: bridge, Port: name}
}

// index makes an index of ports, declared guests and services.
func index(ports []*Port, guests []store.Guest, services []tap.Service) *Places {
	x := NewPlaces(allHosts{})
	for i := range guests {
		x.ClaimGuest(&guests[i], true)
	}

	for i := range services {
		x.ClaimService(&services[i], true)
	}

	for _, p := range ports {
		x.addPort(p)
	}

	return x
}

func TestGuest(t *testing.T) {
	at := func(name string, m byte, guest string) *Port {
		return &Port{Host: "h1", Bridge: "br0", Name: name, MAC: switchtest.MAC(m),
			InUse: tap.MAC{0xfe, 0, 0, 0, 0, m}, Guest: guest}
	}

	plain := func(name string, inUse byte) *Port {
		return &Port{Host: "h1", Bridge: "br0", Name: name, InUse: switchtest.MAC(inUse)}
	}

	for _, tc := range []struct {
		name     string
		ports    []*Port
		declared *store.Guest
		services []tap.Service
		want     *tap.Guest // nil: there is none
	}{
		{"unknown", []*Port{at("vnet0", 1, "other")}, nil, nil, nil},
		{"seen", []*Port{at("vnet1", 2, "g"), at("vnet0", 1, "g")}, nil, nil,
			&tap.Guest{ID: "g", Name: "g", NICs: []tap.NIC{
				{MAC: switchtest.MAC(1), IfName: "vnet0",
					Locations: []tap.Location{on("h1", "br0", "vnet0")}},
				{MAC: switchtest.MAC(2), IfName: "vnet1",
					Locations: []tap.Location{on("h1", "br0", "vnet1")}},
			}}},
		{"migrates", []*Port{at("vnet0", 1, "g"),
			{Host: "h2", Bridge: "br0", Name: "vnet7", MAC: switchtest.MAC(1), Guest: "g"}}, nil,
			nil,
			&tap.Guest{ID: "g", Name: "g", NICs: []tap.NIC{{MAC: switchtest.MAC(1), IfName: "vnet0",
				Locations: []tap.Location{on("h1", "br0", "vnet0"), on("h2", "br0", "vnet7")}}}}},
		{"seen with IP addresses", []*Port{{Host: "h1", Bridge: "br0", Name: "vnet0",
			MAC: switchtest.MAC(1), Guest: "g", IPs: "10.0.0.1 fd00::1"}},
			&store.Guest{NICs: []store.GuestNIC{{MAC: switchtest.MAC(1),
				IP: netip.MustParseAddr("10.0.0.1")}}}, nil,
			&tap.Guest{ID: "g", Name: "vm", NICs: []tap.NIC{
				{MAC: switchtest.MAC(1), IPs: []netip.Addr{netip.MustParseAddr("10.0.0.1"),
					netip.MustParseAddr("fd00::1")}, Locations: []tap.Location{on("h1", "br0",
					"vnet0")}}}}},
		{"seen without an address", []*Port{{Host: "h1", Bridge: "br0", Name: "vnet0", Guest: "g"}},
			nil, nil, &tap.Guest{ID: "g", Name: "g"}},
		{"declared, off", nil, &store.Guest{NICs: []store.GuestNIC{{MAC: switchtest.MAC(1)}}}, nil,
			&tap.Guest{ID: "g", Name: "vm", NICs: []tap.NIC{{MAC: switchtest.MAC(1)}}}},
		{"declared by address", []*Port{plain("veth0", 1)},
			&store.Guest{NICs: []store.GuestNIC{{MAC: switchtest.MAC(1)}}}, nil,
			&tap.Guest{ID: "g", Name: "vm", NICs: []tap.NIC{{MAC: switchtest.MAC(1),
				Locations: []tap.Location{on("h1", "br0", "veth0")}}}}},
		{"declared by name", []*Port{plain("veth0", 1)},
			&store.Guest{NICs: []store.GuestNIC{{IfName: "veth0"}}}, nil,
			&tap.Guest{ID: "g", Name: "vm", NICs: []tap.NIC{{MAC: switchtest.MAC(1),
				IfName: "veth0", Locations: []tap.Location{on("h1", "br0", "veth0")}}}}},
		{"declared by name, two of them, off", nil,
			&store.Guest{NICs: []store.GuestNIC{{IfName: "veth0"}, {IfName: "veth1"}}}, nil,
			&tap.Guest{ID: "g", Name: "vm", NICs: []tap.NIC{{IfName: "veth0"}, {IfName: "veth1"}}}},
		{"declared and seen", []*Port{at("vnet0", 1, "g"), at("vnet1", 2, "g")},
			&store.Guest{NICs: []store.GuestNIC{{MAC: switchtest.MAC(2), IfName: "vnet1"}}}, nil,
			&tap.Guest{ID: "g", Name: "vm", NICs: []tap.NIC{
				{MAC: switchtest.MAC(2), IfName: "vnet1",
					Locations: []tap.Location{on("h1", "br0", "vnet1")}},
				{MAC: switchtest.MAC(1), IfName: "vnet0",
					Locations: []tap.Location{on("h1", "br0", "vnet0")}},
			}}},
		{"tap NIC is none of its guest's", []*Port{at("vnet0", 1, "g"), at("tapabc", 9, "g")}, nil,
			[]tap.Service{{ID: "s", Type: tap.ServiceGuest, MAC: switchtest.MAC(9),
				IfName: "tapabc"}},
			&tap.Guest{ID: "g", Name: "g", NICs: []tap.NIC{{MAC: switchtest.MAC(1), IfName: "vnet0",
				Locations: []tap.Location{on("h1", "br0", "vnet0")}}}}},
		{"tap NIC that hides behind another name", []*Port{at("vnet9", 9, "g")}, nil,
			[]tap.Service{{ID: "s", Type: tap.ServiceGuest, MAC: switchtest.MAC(9),
				IfName: "tapabc"}},
			&tap.Guest{ID: "g", Name: "g"}},
		{"a host's NIC is no tap NIC of a guest", []*Port{at("vnet0", 1, "g")}, nil,
			[]tap.Service{{ID: "s", Type: tap.ServiceHost, MAC: switchtest.MAC(1),
				IfName: "vnet0"}},
			&tap.Guest{ID: "g", Name: "g", NICs: []tap.NIC{{MAC: switchtest.MAC(1), IfName: "vnet0",
				Locations: []tap.Location{on("h1", "br0", "vnet0")}}}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var guests []store.Guest
			if tc.declared != nil {
				tc.declared.ID, tc.declared.Name = "g", "vm"
				guests = append(guests, *tc.declared)
			}

			got, exists := index(tc.ports, guests, tc.services).Guest("g", tc.declared)
			require.Equal(t, tc.want != nil, exists)
			if exists {
				assert.Equal(t, *tc.want, got)
			}
		})
	}
}

func TestAttachment(t *testing.T) {
	s := tap.Service{ID: "s", Type: tap.ServiceGuest, MAC: switchtest.MAC(9), IfName: "tapabc"}
	ports := []*Port{
		{Host: "h1", Bridge: "brtap", Name: "tapabc", OFPort: 4},
		{Host: "h2", Bridge: "br0", Name: "vnet3", InUse: tap.MAC{0xfe, 1}, MAC: switchtest.MAC(9)},
		{Host: "h3", Bridge: "br0", Name: "x", InUse: switchtest.MAC(9), MAC: switchtest.MAC(1)},
		{Host: "h4", Bridge: "br0", Name: "y", MAC: switchtest.MAC(8)},
	}

	assert.Equal(t, tap.Attachment{ServiceID: "s",
		Locations: []tap.Location{on("h2", "br0", "vnet3")}},
		index(ports, nil, nil).Attachment(&s),
		"the address beats the name, and a row that tells another address")

	assert.Equal(t, tap.Attachment{ServiceID: "s", Locations: []tap.Location{
		{Host: "h1", Bridge: "brtap", Port: "tapabc", OFPort: 4},
	}}, index(ports[:1], nil, nil).Attachment(&s), "the name alone")

	s.Type = tap.ServiceHost
	assert.Equal(t, tap.Attachment{ServiceID: "s"}, index(ports, nil, nil).Attachment(&s),
		"where a host's NIC is, its host tells")
}

// TestPlacesIncremental: an index that followed changes equals one that is made anew, and whoever a
// change concerns is told.
func TestPlacesIncremental(t *testing.T) {
	drawPort := func(rt *rapid.T, host string) *Port {
		return &Port{
			Host: host, Bridge: rapid.SampledFrom([]string{"br0", "brtap"}).Draw(rt, "bridge"),
			Name:   rapid.SampledFrom([]string{"vnet0", "vnet1", "vnet2", "tap0"}).Draw(rt, "name"),
			OFPort: uint32(rapid.IntRange(0, 2).Draw(rt, "ofport")),
			MAC:    switchtest.MAC(byte(rapid.IntRange(0, 3).Draw(rt, "mac"))),
			InUse:  tap.MAC{0, 0, 0, 0, 0, byte(rapid.IntRange(0, 3).Draw(rt, "in use"))},
			Guest:  rapid.SampledFrom([]string{"", "g1", "g2"}).Draw(rt, "guest"),
		}
	}

	drawHost := func(rt *rapid.T, host string) []*Port {
		byKey := map[string]*Port{}
		for range rapid.IntRange(0, 6).Draw(rt, "ports") {
			p := drawPort(rt, host)
			byKey[p.Bridge+"/"+p.Name] = p
		}

		var list []*Port
		for _, p := range byKey {
			list = append(list, p)
		}

		slices.SortFunc(list, ComparePorts)
		return list
	}

	guests := []store.Guest{{ID: "g1", NICs: []store.GuestNIC{{MAC: switchtest.MAC(1)}}},
		{ID: "g3", NICs: []store.GuestNIC{{IfName: "vnet2"}}}}

	services := []tap.Service{{ID: "s1", Type: tap.ServiceGuest, MAC: switchtest.MAC(2),
		IfName: "tap0"}}

	record := func(id string) *store.Guest {
		if i := slices.IndexFunc(guests, func(g store.Guest) bool { return g.ID == id }); i >= 0 {
			return &guests[i]
		}
		return nil
	}

	rapid.Check(t, func(rt *rapid.T) {
		x := index(nil, guests, services)
		now := map[string][]*Port{}
		for range rapid.IntRange(1, 6).Draw(rt, "steps") {
			before := index(slices.Concat(now["h1"], now["h2"]), guests, services)
			host := rapid.SampledFrom([]string{"h1", "h2"}).Draw(rt, "host")
			next := drawHost(rt, host)
			told := sets.Set{}
			x.ReplacePorts(now[host], next, func(p Port) {
				x.Concerned(p, func(id string) {
					told.Add("guest " + id)
				}, func(id string) { told.Add("service " + id) })
			})

			now[host] = next
			fresh := index(slices.Concat(now["h1"], now["h2"]), guests, services)
			require.Equal(rt, fresh, x)
			for _, id := range []string{"g1", "g2", "g3"} {
				was, _ := before.Guest(id, record(id))
				is, _ := x.Guest(id, record(id))
				if fmt.Sprint(was) != fmt.Sprint(is) {
					require.Contains(rt, told, "guest "+id)
				}
			}

			if was, is := before.Attachment(&services[0]),
				x.Attachment(&services[0]); fmt.Sprint(was) != fmt.Sprint(is) {
				require.Contains(rt, told, "service s1")
			}
		}
	})
}

// TestClaimsGo: what was claimed and given back leaves nothing.
func TestClaimsGo(t *testing.T) {
	g := store.Guest{ID: "g", NICs: []store.GuestNIC{{MAC: switchtest.MAC(1), IfName: "a"},
		{IfName: "b"}, {MAC: switchtest.MAC(2)}}}

	s := tap.Service{ID: "s", Type: tap.ServiceGuest, MAC: switchtest.MAC(3), IfName: "c"}
	x := index(nil, []store.Guest{g}, []tap.Service{s})
	assert.True(t, x.Claimed("a", tap.MAC{}) && x.Claimed("", switchtest.MAC(2)) &&
		x.Claimed("c", tap.MAC{}) && !x.Claimed("d", switchtest.MAC(9)) &&
		!x.Claimed("", tap.MAC{}))

	x.ClaimGuest(&g, false)
	x.ClaimService(&s, false)
	assert.Equal(t, NewPlaces(allHosts{}), x)
}
