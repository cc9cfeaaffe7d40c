package explain

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// TestUseOfTunnel reads the key from the flows that stand, also where copies are cut: the key of a
// service alone does not tell it.
func TestUseOfTunnel(t *testing.T) {
	set := action.SetField{Field: oxm.TunnelID(0xc0ffee)}
	for name, actions := range map[string]action.ApplyActions{
		"whole copies": {set, action.Output{Port: 7}},
		"cut copies": {action.Clone{Actions: []action.Action{
			set, action.OutputTrunc{Port: 7, MaxLen: 1472}}}},
	} {
		t.Run(name, func(t *testing.T) {
			p := tap.Program{
				Bridge: tap.TapBridge{Name: "brtap"},
				Ports: []tap.Port{
					{Name: "tl-gre", Bridge: "brtap", Owner: "tunnel", Type: "gre"},
					{Name: "tl-vxlan", Bridge: "brtap", Owner: "tunnel-vxlan", Type: "vxlan"},
				},
				Tunnel: tap.Tunnel{Peers: []tap.Peer{
					{Port: "tl-gre", Owners: []string{"capture-2"}},
					{Port: "tl-vxlan", Owners: []string{"capture-1"}},
				}},
				Flows: []tap.FlowEntry{
					{Owner: "capture-2", Mod: openflow.FlowMod{Instructions: []action.Instruction{
						action.ApplyActions{action.SetField{Field: oxm.TunnelID(1)}}}}},
					{Owner: "capture-1", Mod: openflow.FlowMod{
						Instructions: []action.Instruction{actions}}},
				},
			}

			use := useOfTunnel(&p, "capture-1")
			assert.Equal(t, tunnelUse{port: "tl-vxlan", kind: "VXLAN", owner: "tunnel-vxlan",
				key: 0xc0ffee, known: true}, use)
			assert.Equal(t, "key 0xc0ffee", use.keyWords())
		})
	}

	none := useOfTunnel(&tap.Program{}, "capture-1")
	assert.Equal(t, "no flow sets a key yet", none.keyWords())
}
