package mirror_test

import (
	"math/bits"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/plugin/mirror"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// renewal is the mask of the packet mark at which a program's flows look; 0 if none does.
func renewal(t *testing.T, datapath, filter string) uint32 {
	t.Helper()
	s := local(t)
	s.at("a").Bridges[0].DatapathType = datapath
	s.vnic("f1", "t1", "g1", 1, tap.Both)
	s.Flows[0].Options.Filter = filter

	for _, f := range mirror.Full(mirror.DefaultConfig(), s.Change).Programs[0].Flows {
		if mark, looks := f.Mod.Match.Get(oxm.FieldPktMark); looks {
			assert.Empty(t, f.Mod.Instructions)
			assert.Equal(t, mark.Value(), mark.Mask())
			return uint32(mark.Mask().Lo)
		}
	}
	return 0
}

// TestRenewal: the userspace datapath is made to renew what it has cached when a filter changes:
// the flows look at bits at which they did not look before.
func TestRenewal(t *testing.T) {
	assert.Zero(t, renewal(t, "netdev", ""))
	assert.Zero(t, renewal(t, "system", "arp"))

	filters := []string{"arp", "icmp", "tcp", "udp", "udp port 53", "vlan 7", "ip6", "not arp"}
	for _, from := range filters {
		before := renewal(t, "netdev", from)
		assert.Equal(t, 3, bits.OnesCount32(before))
		assert.Equal(t, before, renewal(t, "netdev", from))
		for _, to := range filters {
			if to != from {
				assert.NotZero(t, renewal(t, "netdev", to)&^before, "%s, then %s", from, to)
			}
		}
	}
}
