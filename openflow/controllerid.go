package openflow

import "github.com/tapline-sdn/tapline/openflow/wire"

// niciraSetControllerID is NXT_SET_CONTROLLER_ID of nicira-ext.h.
const niciraSetControllerID = 20

// SetControllerID gives this connection a controller id: of the packets that flows send, it gets
// those of [action.Controller] with that id and no others. A
// connection that has not chosen has the id 0.
//
//	 0               1               2               3
//	+---------------------------------------------------------------+
//	|                             zeros                             |
//	+-------------------------------+-------------------------------+
//	|             zeros             |              id               |
//	+-------------------------------+-------------------------------+
type SetControllerID struct{ ID uint16 }

// Type implements [Message].
func (*SetControllerID) Type() Type { return TypeExperimenter }

func (m *SetControllerID) appendBody(b []byte, _ uint32) ([]byte, error) {
	b = appendExperimenter(b, wire.ExperimenterNicira, niciraSetControllerID)
	return be.AppendUint16(wire.AppendZeros(b, 6), m.ID), nil
}

func parseSetControllerID(c *wire.Cursor) Message {
	c.Skip(6)
	m := &SetControllerID{c.Uint16("controller_id")}
	c.Done("body")
	return m
}
