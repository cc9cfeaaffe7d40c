package action

import (
	"encoding/binary"

	"github.com/tapline-sdn/tapline/openflow/wire"
)

const nxController = 20

// Controller sends the packet to those connections that have chosen the controller id ID, by
// openflow.SetControllerID, and to no other (ovs-actions(7), controller). An output to
// PortController goes to connections of id 0, which have chosen none.
//
// Open vSwitch sends whole packets whatever MaxLen says, where it buffers none.
type Controller struct {
	MaxLen uint16 // Bytes of the packet; 0xffff is all.
	ID     uint16
	Reason uint8 // As of packet-ins: 1 is "action".
}

// ReasonAction is the reason of packets that a flow sends on purpose (OFPR_ACTION, 7.4.1).
const ReasonAction = 1

var _ Action = Controller{}

func (a Controller) appendAction(b []byte) ([]byte, error) {
	b = appendNicira(b, nxController, 16)
	b = binary.BigEndian.AppendUint16(b, a.MaxLen)
	return append(binary.BigEndian.AppendUint16(b, a.ID), a.Reason, 0), nil
}

func parseController(c *wire.Cursor) Action {
	a := Controller{c.Uint16("max_len"), c.Uint16("controller_id"), c.Uint8("reason")}
	c.Skip(1)
	c.Done("controller")
	return a
}
