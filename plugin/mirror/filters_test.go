package mirror

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

// TestFilterCache: an expression is compiled once while some capture has it, and then forgotten.
func TestFilterCache(t *testing.T) {
	x := newFilterCache()
	first := x.take("udp port 53")
	assert.Same(t, first, x.take("udp port 53"))
	x.release("udp port 53")
	x.release("udp port 53")
	assert.Same(t, first, x.take("udp port 53"), "within one change")
	x.prune()
	assert.Same(t, first, x.compiled["udp port 53"], "it is used")
	x.release("udp port 53")
	x.prune()
	assert.Empty(t, x.compiled)
	assert.Error(t, x.take("udp port").err)
}

// manyFiltered is a snapshot of hosts that each mirror one guest with a filter of networks.
func manyFiltered(hosts, networks int) tap.Change {
	var nets []string
	for i := range networks {
		nets = append(nets, fmt.Sprintf("net 10.%d.%d.0/24", i/250, i%250))
	}
	expression := strings.Join(nets, " or ")

	c := tap.Change{Reset: true}
	for i := range hosts {
		id := fmt.Sprintf("h%04d", i)
		mac := tap.MAC{2, 0, 0, 0, byte(i >> 8), byte(i)}
		c.Hosts = append(c.Hosts, tap.Host{ID: id, Name: id, Observed: true, Connected: true,
			TunnelIP: netip.AddrFrom4([4]byte{192, 0, byte(i >> 8), byte(i)}),
			Bridges:  []tap.Bridge{{Name: "br0", DatapathType: "system"}},
			NICs:     []tap.HostNIC{{Name: "nic", MAC: mac}}})
		c.Guests = append(c.Guests, tap.Guest{ID: "g" + id, Name: "g" + id, NICs: []tap.NIC{{
			MAC: mac, Locations: []tap.Location{{Host: id, Bridge: "br0", Port: "vnet"}}}}})
		c.Flows = append(c.Flows, tap.Flow{ID: "f" + id, TapID: "t", Type: tap.FlowVNIC,
			GuestID: "g" + id, MAC: mac, Direction: tap.Both, Enabled: true,
			Options: tap.Options{Filter: expression}})
	}
	c.Services = []tap.Service{{ID: "t", Name: "t", Type: tap.ServiceHost, TargetID: c.Hosts[0].ID,
		MAC: c.Hosts[0].NICs[0].MAC, IfName: "nic", Enabled: true, Key: 1}}
	c.Hosts[0].TapPorts = []tap.TapPort{{Name: "nic", OFPort: 5, MAC: c.Hosts[0].NICs[0].MAC}}
	return c
}

// BenchmarkFilteredChange is a change of one host of 100, whose guest has a filter.
func BenchmarkFilteredChange(b *testing.B) {
	for _, networks := range []int{1, 200} {
		b.Run(fmt.Sprintf("networks=%d", networks), func(b *testing.B) {
			c := manyFiltered(100, networks)
			p := New()
			p.Apply(c)
			b.ResetTimer()
			for i := range b.N {
				h := c.Hosts[50]
				h.UserspaceTSO = i%2 == 0
				p.Apply(tap.Change{Hosts: []tap.Host{h}})
			}
		})
	}
}

// BenchmarkFilteredSnapshot plans 100 hosts, each with a filter.
func BenchmarkFilteredSnapshot(b *testing.B) {
	for _, networks := range []int{1, 200} {
		b.Run(fmt.Sprintf("networks=%d", networks), func(b *testing.B) {
			for range b.N {
				Full(DefaultConfig(), manyFiltered(100, networks))
			}
		})
	}
}
