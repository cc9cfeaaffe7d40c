package mirror

import (
	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// atController stands for the host of a destination that is the controller itself. It is at hand
// wherever the source is, as a destination on the same host is.
const atController = "the controller"

// isAt reports whether copies get to the destination without leaving a host.
func (d destination) isAt(host string) bool { return d.host == host || d.host == atController }

// controllerDestination is that of a live capture. What sends there is limited by the meter of the
// service's rate limit, as for any other service.
func controllerDestination() destination {
	return destination{host: atController, ofport: uint32(openflow.PortController)}
}

// addPacketIn sends a capture's packets whole to the controller's connection for captures. The flow
// expires unless the controller renews it, so that a switch does not go on for a receiver that has
// died.
func (t *flowTables) addPacketIn(d *delivery) {
	t.entries = append(t.entries, tap.FlowEntry{Owner: d.owner, Mod: openflow.FlowMod{
		Cookie: cookie(d.tag), Table: tableDeliver, Priority: prioritySpecific,
		Match: oxm.Match{oxm.Metadata(d.tag)}, HardTimeout: tap.PacketInTimeout,
		Instructions: []action.Instruction{action.ApplyActions{action.Controller{
			MaxLen: 0xffff, ID: tap.PacketInID, Reason: action.ReasonAction,
		}}},
	}})
}
