package openflow

import (
	"fmt"
	"math/bits"

	"github.com/tapline-sdn/tapline/openflow/wire"
)

// Hello opens a connection (7.5.1). Versions are wire versions in ascending
// order, 0x04 for OpenFlow 1.3; without Versions a Hello says that 1.3 is the
// highest.
type Hello struct {
	Versions []uint8
}

// Type implements [Message].
func (*Hello) Type() Type { return TypeHello }

const helloVersionBitmap = 1

func (m *Hello) appendBody(b []byte, _ uint32) ([]byte, error) {
	if len(m.Versions) == 0 {
		return b, nil
	}

	var words [8]uint32
	highest := 0
	for _, v := range m.Versions {
		words[v/32] |= 1 << (v % 32)
		highest = max(highest, int(v/32))
	}

	start := len(b)
	b = be.AppendUint16(b, helloVersionBitmap)
	b = be.AppendUint16(b, uint16(4+4*(highest+1)))
	for _, w := range words[:highest+1] {
		b = be.AppendUint32(b, w)
	}

	return wire.AppendPad(b, start), nil
}

// parseHello takes the versions from the bitmap. Without one the header's
// version is the highest of all that the peer speaks (7.5.1).
func parseHello(c *wire.Cursor, version uint8) Message {
	m := &Hello{}
	for c.Len() > 0 {
		e := c.TLV(2, 4, 1, "hello.element")
		typ := e.Uint16("hello.element.type")
		e.Skip(2)

		if typ == helloVersionBitmap {
			// The version in a header has 8 bits: ignore higher ones.
			for base := 0; e.Len() > 0; base += 32 {
				for w := e.Uint32("hello.bitmap"); w != 0 && base < 256; w &= w - 1 {
					m.Versions = append(m.Versions, uint8(base+bits.TrailingZeros32(w)))
				}
			}
		}

		c.Take(min(wire.Padding(c.Pos()-HeaderLen), c.Len()), "pad")
	}

	if len(m.Versions) == 0 && version != Version {
		for v := range version {
			m.Versions = append(m.Versions, v+1)
		}
	}

	return m
}

// EchoRequest asks the peer for an EchoReply with the same data (7.5.2).
type EchoRequest struct{ Data []byte }

// Type implements [Message].
func (*EchoRequest) Type() Type { return TypeEchoRequest }

func (m *EchoRequest) appendBody(b []byte, _ uint32) ([]byte, error) {
	return append(b, m.Data...), nil
}

// EchoReply answers an EchoRequest (7.5.3).
type EchoReply struct{ Data []byte }

// Type implements [Message].
func (*EchoReply) Type() Type { return TypeEchoReply }

func (m *EchoReply) appendBody(b []byte, _ uint32) ([]byte, error) {
	return append(b, m.Data...), nil
}

// BarrierRequest is answered once all earlier messages are processed (7.3.8).
type BarrierRequest struct{}

// Type implements [Message].
func (*BarrierRequest) Type() Type { return TypeBarrierRequest }

func (*BarrierRequest) appendBody(b []byte, _ uint32) ([]byte, error) { return b, nil }

// BarrierReply answers a BarrierRequest.
type BarrierReply struct{}

// Type implements [Message].
func (*BarrierReply) Type() Type { return TypeBarrierReply }

func (*BarrierReply) appendBody(b []byte, _ uint32) ([]byte, error) { return b, nil }

// FeaturesRequest asks for the identity of the switch (7.3.1).
type FeaturesRequest struct{}

// Type implements [Message].
func (*FeaturesRequest) Type() Type { return TypeFeaturesRequest }

func (*FeaturesRequest) appendBody(b []byte, _ uint32) ([]byte, error) { return b, nil }

// FeaturesReply identifies the switch (7.3.1).
type FeaturesReply struct {
	DatapathID   uint64 // The lower 48 bits are usually a MAC address.
	NBuffers     uint32 // Packets that the switch can buffer.
	NTables      uint8
	AuxID        uint8 // 0 on the main connection.
	Capabilities Capabilities
	Reserved     uint32
}

// Capabilities are bits of [FeaturesReply] (7.3.1).
type Capabilities uint32

// Capabilities of a switch.
const (
	CapFlowStats   Capabilities = 1 << 0
	CapTableStats  Capabilities = 1 << 1
	CapPortStats   Capabilities = 1 << 2
	CapGroupStats  Capabilities = 1 << 3
	CapIPReasm     Capabilities = 1 << 5
	CapQueueStats  Capabilities = 1 << 6
	CapPortBlocked Capabilities = 1 << 8
)

// Type implements [Message].
func (*FeaturesReply) Type() Type { return TypeFeaturesReply }

func (m *FeaturesReply) appendBody(b []byte, _ uint32) ([]byte, error) {
	b = be.AppendUint64(b, m.DatapathID)
	b = be.AppendUint32(b, m.NBuffers)
	b = append(b, m.NTables, m.AuxID, 0, 0)
	b = be.AppendUint32(b, uint32(m.Capabilities))
	return be.AppendUint32(b, m.Reserved), nil
}

func parseFeaturesReply(c *wire.Cursor) Message {
	m := &FeaturesReply{
		DatapathID: c.Uint64("datapath_id"),
		NBuffers:   c.Uint32("n_buffers"),
		NTables:    c.Uint8("n_tables"),
		AuxID:      c.Uint8("auxiliary_id"),
	}

	c.Skip(2)
	m.Capabilities = Capabilities(c.Uint32("capabilities"))
	m.Reserved = c.Uint32("reserved")
	c.Done("body")
	return m
}

// ConfigFlags say how the switch treats IP fragments (7.3.2).
type ConfigFlags uint16

// Fragment handling.
const (
	FragNormal ConfigFlags = 0
	FragDrop   ConfigFlags = 1
	FragReasm  ConfigFlags = 2
	// FragNXMatch shows flows the ports of first fragments, and tells fragments apart: an extension
	// of Open vSwitch (OFPC_FRAG_NX_MATCH, nicira-ext.h).
	FragNXMatch ConfigFlags = 3
	// FragMask are the bits that say how fragments are handled.
	FragMask ConfigFlags = 3
)

// SwitchConfig is the body that the three configuration messages share.
type SwitchConfig struct {
	Flags       ConfigFlags
	MissSendLen uint16 // Bytes of a packet that a table miss sends; 0xffff is all.
}

func (m *SwitchConfig) appendBody(b []byte, _ uint32) ([]byte, error) {
	return be.AppendUint16(be.AppendUint16(b, uint16(m.Flags)), m.MissSendLen), nil
}

func parseSwitchConfig(c *wire.Cursor) SwitchConfig {
	m := SwitchConfig{Flags: ConfigFlags(c.Uint16("flags")), MissSendLen: c.Uint16("miss_send_len")}
	c.Done("body")
	return m
}

// GetConfigRequest asks for the configuration (7.3.2).
type GetConfigRequest struct{}

// Type implements [Message].
func (*GetConfigRequest) Type() Type { return TypeGetConfigRequest }

func (*GetConfigRequest) appendBody(b []byte, _ uint32) ([]byte, error) { return b, nil }

// GetConfigReply answers a GetConfigRequest.
type GetConfigReply struct{ SwitchConfig }

// Type implements [Message].
func (*GetConfigReply) Type() Type { return TypeGetConfigReply }

func parseGetConfigReply(c *wire.Cursor) Message { return &GetConfigReply{parseSwitchConfig(c)} }

// SetConfig sets the configuration (7.3.2).
type SetConfig struct{ SwitchConfig }

// Type implements [Message].
func (*SetConfig) Type() Type { return TypeSetConfig }

func parseSetConfig(c *wire.Cursor) Message { return &SetConfig{parseSwitchConfig(c)} }

// Role is the part of a controller among several (7.3.9).
type Role uint32

// Roles.
const (
	RoleNoChange Role = 0
	RoleEqual    Role = 1
	RoleMaster   Role = 2
	RoleSlave    Role = 3
)

// RoleRequest changes or asks for the role (7.3.9).
type RoleRequest struct {
	Role         Role
	GenerationID uint64 // Of the election; the switch refuses a stale one.
}

// Type implements [Message].
func (*RoleRequest) Type() Type { return TypeRoleRequest }

func (m *RoleRequest) appendBody(b []byte, _ uint32) ([]byte, error) {
	return be.AppendUint64(be.AppendUint64(b, uint64(m.Role)<<32), m.GenerationID), nil
}

func parseRole(c *wire.Cursor) RoleRequest {
	m := RoleRequest{Role: Role(c.Uint32("role"))}
	c.Skip(4)
	m.GenerationID = c.Uint64("generation_id")
	c.Done("body")
	if m.Role > RoleSlave {
		c.Fail(HeaderLen, "role",
			fmt.Errorf("%w: %d, want 0 to %d", wire.ErrValue, m.Role, RoleSlave))
	}

	return m
}

func parseRoleRequest(c *wire.Cursor) Message { m := parseRole(c); return &m }

// RoleReply answers a RoleRequest with the role as it now is.
type RoleReply struct {
	Role         Role
	GenerationID uint64
}

// Type implements [Message].
func (*RoleReply) Type() Type { return TypeRoleReply }

func (m *RoleReply) appendBody(b []byte, xid uint32) ([]byte, error) {
	return (*RoleRequest)(m).appendBody(b, xid)
}

func parseRoleReply(c *wire.Cursor) Message { m := RoleReply(parseRole(c)); return &m }
