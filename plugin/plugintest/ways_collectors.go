package plugintest

import (
	"slices"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// sendToCollector has the copies leave by a VXLAN port of the program's own, as they would for a
// remote collector.
func sendToCollector(p *tap.Program) {
	const number, name = 0xeff0, "tl-vxlan-4789"
	local := ""
	for i := range p.Ports {
		if at := p.Ports[i].Options["local_ip"]; at != "" {
			local = at
		}
	}

	p.Ports = append(p.Ports, tap.Port{
		Owner: "tunnel-vxlan-4789", Bridge: p.Bridge.Name, Name: name, Type: "vxlan",
		OFPortRequest: number, Options: map[string]string{
			"remote_ip": "flow", "key": "flow", "local_ip": local, "dst_port": "4789",
		},
	})
	slices.SortFunc(p.Ports, func(a, b tap.Port) int {
		switch {
		case a.Name < b.Name:
			return -1
		case a.Name > b.Name:
			return 1
		}
		return 0
	})
	p.Tunnel.Ports = append(slices.Clone(p.Tunnel.Ports), name)

	alter(p, func(a action.Action) action.Action {
		output := openflow.PortNo(0)
		switch a := a.(type) {
		case action.Output:
			output = a.Port
		case action.OutputTrunc:
			output = a.Port
		}
		if output == 0 {
			return a
		}
		return action.Clone{Actions: []action.Action{
			action.SetField{Field: oxm.TunnelID(1)}, action.SetField{Field: oxm.TunDst(stranger)},
			action.Output{Port: number},
		}}
	})
}

// keepStrangerAlive has frames sent to an address of nobody again and again.
func keepStrangerAlive(p *tap.Program) {
	p.Tunnel.Collectors = append(slices.Clone(p.Tunnel.Collectors), tap.Collector{
		Addr: stranger, Port: p.Tunnel.Ports[0], KeepAliveKey: 1,
	})
}

// hashIntoMetadata has a hash overwrite the mark of a packet where it is delivered.
func hashIntoMetadata(p *tap.Program) {
	addInstruction(p, action.ApplyActions{action.Multipath{
		Fields: action.HashSymmetricL3, Links: 2,
		Dst: oxm.Subfield{Field: oxm.FieldMetadata, Bits: 32},
	}}, func(m *openflow.FlowMod) bool { return m.Table == deliverTable-4 || m.Table == 2 })
}
