package present

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapline-sdn/tapline/controller/engine/fleet"
	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/inventory"
	"github.com/tapline-sdn/tapline/controller/inventory/switchtest"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// patch is a port that joins its bridge with that of its peer.
func patch(name, peer string) switchtest.Port {
	return switchtest.Port{Name: name, Devices: []switchtest.Device{{
		Type: "patch", OFPort: 20, Options: map[string]string{"peer": peer}}}}
}

// TestBridgesJoined: bridges are joined by pairs of patch ports, however many bridges are between.
func TestBridgesJoined(t *testing.T) {
	hosts := fleet.New(intent.New(), inventory.Observer{Cluster: "c", TapBridge: "brtap"})
	h := fleet.NewHost("h1", func() {})
	h.Report.Snapshot = switchtest.Snapshot(t, nil,
		switchtest.Bridge{Name: "br0", Ports: []switchtest.Port{patch("a", "b"),
			patch("t1", "t2")}},
		switchtest.Bridge{Name: "br1", Ports: []switchtest.Port{patch("b", "a"), patch("c", "d")}},
		switchtest.Bridge{Name: "br2", Ports: []switchtest.Port{patch("d", "c"), patch("e", "f")}},
		switchtest.Bridge{Name: "br3", Ports: []switchtest.Port{patch("f", "x")}},
		switchtest.Bridge{Name: "brtap", IDs: map[string]string{"tapline": "c"},
			Ports: []switchtest.Port{patch("t2", "t1"), patch("t3", "t4")}},
		switchtest.Bridge{Name: "br4", Ports: []switchtest.Port{patch("t4", "t3")}},
	)

	hosts.Running["h1"] = h
	p := New(intent.New(), hosts, nil, nil, false)

	joined := func(a, b string) bool {
		at := func(bridge string) []tap.Location {
			return []tap.Location{{Host: "h1", Bridge: bridge}}
		}
		return p.joined(at(a), at(b), map[string]joints{}) != ""
	}

	assert.True(t, joined("br0", "br1"))
	assert.True(t, joined("br0", "br2"), "by br1")
	assert.True(t, joined("br2", "br0"))
	assert.False(t, joined("br2", "br3"), "the peer is another port's")
	assert.False(t, joined("br0", "br4"), "the tap bridge delivers to no source bridge")
	assert.False(t, joined("br0", "br0"), "one capture delivers once")
}
