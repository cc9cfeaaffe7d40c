package tap

import (
	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
)

// Apart passes a packet on to a table in a clone, apart from the original: what is dropped, cut or
// changed there is the copy alone. A meter needs that. Without it, Open vSwitch meters what the
// guest itself sends.
//
// Open vSwitch translates an OpenFlow clone to one in the datapath only if an action in it cannot
// be undone (reversible_actions in ofproto-dpif-xlate.c), and does not see those in the table. So
// the clone begins with such an action, an output that is cut, which does nothing: no port has the
// number 0.
func Apart(table openflow.TableID) action.Clone {
	return action.Clone{Actions: []action.Action{
		action.OutputTrunc{Port: 0, MaxLen: apartCut},
		action.Resubmit{InPort: openflow.PortInPort, Table: table},
	}}
}

// apartCut is the smallest length to which an output may be cut, in octets.
const apartCut = 14

// IsApart reports whether an action is one that [Apart] returns, and its table.
func IsApart(a action.Action) (table openflow.TableID, is bool) {
	clone, is := a.(action.Clone)
	if !is || len(clone.Actions) != 2 {
		return 0, false
	}
	cut, cuts := clone.Actions[0].(action.OutputTrunc)
	onward, leads := clone.Actions[1].(action.Resubmit)
	return onward.Table, cuts && leads && cut.Port == 0 && onward.InPort == openflow.PortInPort
}
