package mirror_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/plugin/mirror"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// TestPacketIn: a live capture delivers to the controller wherever its source is, limited, by a
// flow that expires.
func TestPacketIn(t *testing.T) {
	s := newScene(t)
	s.host("h1", noTunnel, func(h *tap.Host) { h.UserspaceTSO = true })
	s.host("h2")
	s.guest("g1", 1, on("h1", "br0", "vnet1"), on("h2", "br0", "vnet1"))
	s.Services = append(s.Services, tap.Service{ID: "c1", Type: tap.ServiceController,
		Enabled: true, RateLimit: tap.RateLimit{Packets: 2000}})
	s.Flows = append(s.Flows, tap.Flow{ID: "c1", TapID: "c1", Type: tap.FlowVNIC, GuestID: "g1",
		MAC: nicMAC(1), Direction: tap.Both, Enabled: true})

	result := mirror.New().Apply(s.Change)

	at := slices.IndexFunc(result.Statuses,
		func(s tap.Status) bool { return s.Kind == tap.KindFlow })
	require.GreaterOrEqual(t, at, 0)
	assert.Equal(t, tap.StateProgrammed, result.Statuses[at].State, result.Statuses[at].Reason)
	assert.Len(t, result.Statuses[at].Needs, 4, "the bridge and the capture of both hosts")

	require.Len(t, result.Programs, 2)
	for i := range result.Programs {
		program := &result.Programs[i]
		assert.Empty(t, program.Tunnel.Peers)
		assert.Len(t, program.Mirrors, 1)
		assert.Len(t, program.Meters, 1, "that of the rate")

		sends := 0
		for _, f := range program.Flows {
			sent := action.ApplyActions{action.Controller{MaxLen: 0xffff, ID: tap.PacketInID,
				Reason: action.ReasonAction}}
			if len(f.Mod.Instructions) == 1 && assert.ObjectsAreEqual(sent, f.Mod.Instructions[0]) {
				sends++
				assert.EqualValues(t, tap.PacketInTimeout, f.Mod.HardTimeout)
			}
		}
		assert.Equal(t, 1, sends)
	}
}
