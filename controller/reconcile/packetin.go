package reconcile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/flowtable"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Flows of live captures send packets to the controller. While a program has such flows, the tap
// bridge has a second Controller row, by which the switch makes a connection for these packets
// alone: a flood of them fills the queue of that connection, and delays nothing on the first one.

// Expiring is a flow that goes by itself unless it is renewed.
type Expiring struct {
	Owner string
	Flow  flowtable.Flow
}

// Expiring are the flows of the program that must be renewed. They must not be changed.
func (d *Desired) Expiring() []Expiring { return d.expiring }

// Captures reports whether the program has live captures.
func (d *Desired) Captures() bool { return len(d.expiring) > 0 }

// captureQueue is how many packets wait in the switch for the connection (Open vSwitch before 2.15
// has room for 100 and no such column).
const captureQueue = 512

// controllers are the Controller rows of the tap bridge, without UUIDs.
func (x *differ) controllers() []vswitch.Controller {
	rows := []vswitch.Controller{x.controller()}
	if x.d.Captures() {
		silent := false
		row := rows[0]
		row.Target, row.AsyncMessages = x.self.captureTarget(), &silent
		row.RateLimit, row.BurstLimit, row.QueueSize = 0, 0, captureQueue
		rows = append(rows, row)
	}
	return rows
}

// captureTarget is the target of the row for live captures. It leads to the same port, so that no
// firewall has to let another one through. Open vSwitch tells rows apart by their targets, so this
// one is written otherwise, as no [Nudge] writes it.
func (s Self) captureTarget() string {
	at := strings.LastIndexByte(s.Target, ':') + 1
	return s.Target[:at] + "000" + s.Target[at:]
}

// sendsPackets reports whether a flow sends packets to the controller.
func sendsPackets(instructions []action.Instruction) bool {
	return slices.ContainsFunc(instructions, func(i action.Instruction) bool {
		apply, is := i.(action.ApplyActions)
		return is && slices.ContainsFunc(apply, func(a action.Action) bool {
			_, is := a.(action.Controller)
			return is
		})
	})
}

// forbiddenPacketIn says what is wrong with a flow that sends packets to the controller, or "". It
// must expire, since it costs the switch as much when nobody takes its packets any more, and send
// nothing to the connection on which everything else relies.
func forbiddenPacketIn(m *openflow.FlowMod) string {
	sent := action.Controller{
		MaxLen: 0xffff, ID: tap.PacketInID, Reason: action.ReasonAction,
	}
	apply, only := m.Instructions[0].(action.ApplyActions)
	switch {
	case len(m.Instructions) != 1 || !only || len(apply) != 1 || apply[0] != action.Action(sent):
		return fmt.Sprintf("a flow that sends packets to the controller does so by %v alone", sent)
	case m.HardTimeout != tap.PacketInTimeout:
		return fmt.Sprintf("what sends packets to the controller must have hard_timeout=%d",
			tap.PacketInTimeout)
	case m.IdleTimeout != 0 || m.Flags != 0 || m.BufferID != 0:
		return "want no other timeout, no flags and no buffer"
	}
	return ""
}
