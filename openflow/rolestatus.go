package openflow

import "github.com/tapline-sdn/tapline/openflow/wire"

// RoleReason says why a switch has changed a controller's role (EXT-191; OpenFlow 1.4, 7.4.4).
type RoleReason uint8

// Reasons.
const (
	RoleMasterRequest RoleReason = 0 // Another controller asked to be master.
	RoleConfig        RoleReason = 1
	RoleExperimenter  RoleReason = 2
)

// RoleStatus tells a controller that the switch has given it another role unasked (EXT-191): when
// another connection asks to be master, the present master becomes a slave.
type RoleStatus struct {
	Role         Role
	Reason       RoleReason
	GenerationID uint64 // Of the new master.
}

// Type implements [Message].
func (*RoleStatus) Type() Type { return TypeExperimenter }

func (m *RoleStatus) appendBody(b []byte, _ uint32) ([]byte, error) {
	b = appendExperimenter(b, wire.ExperimenterONF, onfRoleStatus)
	b = be.AppendUint32(b, uint32(m.Role))
	b = append(b, uint8(m.Reason), 0, 0, 0)
	return be.AppendUint64(b, m.GenerationID), nil
}

func parseRoleStatus(c *wire.Cursor) Message {
	m := &RoleStatus{Role: Role(c.Uint32("role")), Reason: RoleReason(c.Uint8("reason"))}
	c.Skip(3)
	m.GenerationID = c.Uint64("generation_id")
	c.Rest() // Properties, of which none are defined.
	return m
}
