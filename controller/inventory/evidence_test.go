package inventory

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapline-sdn/tapline/controller/hypervisor"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// allHosts can be reached, but for those named.
type allHosts map[string]bool

func (x allHosts) HostName(id string) string  { return id }
func (x allHosts) Connected(host string) bool { return !x[host] }

// TestEvidence holds which ports are the NIC 52:54:00:00:00:01 with interface name vnet7.
func TestEvidence(t *testing.T) {
	mac, other := tap.MAC{0x52, 0x54, 0, 0, 0, 1}, tap.MAC{0x52, 0x54, 0, 0, 0, 2}
	libvirts, othersTap := tap.MAC{0xfe, 0x54, 0, 0, 0, 1}, tap.MAC{0xfe, 0x54, 0, 0, 0, 2}

	for _, c := range []struct {
		name     string
		ports    []Port
		domain   *hypervisor.Guest // on h1
		want     []string          // host/name
		disputed string
	}{
		{"the address beats the name", []Port{
			{Host: "h1", Name: "vnet7", MAC: other}, {Host: "h2", Name: "vnet9", MAC: mac},
		}, nil, []string{"h2/vnet9"}, ""},
		{"a name with another address", []Port{{Host: "h1", Name: "vnet7", MAC: other}}, nil, nil,
			""},
		{"a name without an address", []Port{{Host: "h1", Name: "vnet7"}}, nil,
			[]string{"h1/vnet7"}, ""},
		{"libvirt's TAP of the NIC", []Port{{Host: "h1", Name: "vnet7", InUse: libvirts,
			Tap: true}}, nil,
			[]string{"h1/vnet7"}, ""},
		{"libvirt's TAP of another NIC", []Port{{Host: "h1", Name: "vnet7", InUse: othersTap,
			Tap: true}}, nil,
			nil, ""},
		{"a veth's own address says nothing", []Port{{Host: "h1", Name: "vnet7", InUse: othersTap}},
			nil,
			[]string{"h1/vnet7"}, ""},
		{"a name on two hosts", []Port{{Host: "h1", Name: "vnet7"}, {Host: "h2", Name: "vnet7"}},
			nil, nil,
			"h1 and h2"},
		{"a name on two hosts, one with another address", []Port{
			{Host: "h1", Name: "vnet7", MAC: other}, {Host: "h2", Name: "vnet7"},
		}, nil, []string{"h2/vnet7"}, ""},
		{"the device's own address", []Port{{Host: "h1", Name: "eth1", InUse: mac}}, nil,
			[]string{"h1/eth1"}, ""},
		{"the device's own address, and the row tells another", []Port{
			{Host: "h1", Name: "eth1", InUse: mac, MAC: other},
		}, nil, nil, ""},
		{"libvirt says that the device is another NIC's", []Port{{Host: "h1", Name: "vnet7"}},
			&hypervisor.Guest{ID: "g", Running: true,
				NICs: []hypervisor.GuestNIC{{MAC: other, IfName: "vnet7"}}},
			nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := NewPlaces(allHosts{})
			for i := range c.ports {
				x.addPort(&c.ports[i])
			}

			if c.domain != nil {
				x.ReplaceDomains("h1", nil, []hypervisor.Guest{*c.domain})
			}

			ports, disputed := x.weigh(mac, "vnet7")
			var got []string
			for _, p := range ports {
				got = append(got, p.Host+"/"+p.Name)
			}

			assert.Equal(t, c.want, got)
			assert.Contains(t, disputed, c.disputed)
			assert.Equal(t, c.disputed == "", disputed == "", disputed)
		})
	}
}

// TestDisputedPlaces holds when one address at several places is in dispute.
func TestDisputedPlaces(t *testing.T) {
	mac := tap.MAC{0x52, 0x54, 0, 0, 0, 1}
	for _, c := range []struct {
		name     string
		dead     allHosts
		guests   [2]string // of the ports on h1 and h2
		disputed bool
	}{
		{"two guests", nil, [2]string{"a", "b"}, true},
		{"nobody knows whose", nil, [2]string{"", ""}, true},
		{"one of them is known", nil, [2]string{"a", ""}, true},
		{"a guest that migrates", nil, [2]string{"a", "a"}, false},
		{"two guests, one on a host that cannot be reached", allHosts{"h1": true},
			[2]string{"a", "b"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := NewPlaces(c.dead)
			x.addPort(&Port{Host: "h1", Name: "vnet1", MAC: mac, Guest: c.guests[0]})
			x.addPort(&Port{Host: "h2", Name: "vnet2", MAC: mac, Guest: c.guests[1]})

			g, known := x.Guest("declared", &store.Guest{NICs: []store.GuestNIC{{MAC: mac}}})
			assert.True(t, known)
			assert.Len(t, g.NICs, 1)
			assert.Len(t, g.NICs[0].Locations, 2)
			assert.Equal(t, c.disputed, g.NICs[0].Disputed != "", g.NICs[0].Disputed)
		})
	}
}
