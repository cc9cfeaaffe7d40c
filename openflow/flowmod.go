package openflow

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/openflow/wire"
)

// FlowModCommand says what a FlowMod does (7.3.4.1).
type FlowModCommand uint8

// Commands.
const (
	FlowAdd          FlowModCommand = 0 // Add, or replace the flow of the same match and priority.
	FlowModify       FlowModCommand = 1
	FlowModifyStrict FlowModCommand = 2
	FlowDelete       FlowModCommand = 3 // Delete all flows that the match includes.
	FlowDeleteStrict FlowModCommand = 4 // Delete the flow of exactly this match and priority.
)

var flowModCommandNames = [...]string{"ADD", "MODIFY", "MODIFY_STRICT", "DELETE", "DELETE_STRICT"}

// String returns the name of the specification, without its prefix.
func (c FlowModCommand) String() string {
	if int(c) < len(flowModCommandNames) {
		return flowModCommandNames[c]
	}
	return fmt.Sprintf("FlowModCommand(%d)", uint8(c))
}

// FlowFlags are properties of a flow (7.3.4.1).
type FlowFlags uint16

// Flags of a flow.
const (
	FlowSendRemoved  FlowFlags = 1 << 0 // Send FlowRemoved when it expires or is deleted.
	FlowCheckOverlap FlowFlags = 1 << 1 // Refuse to add it if it overlaps another of its priority.
	FlowResetCounts  FlowFlags = 1 << 2
	FlowNoPacketCnts FlowFlags = 1 << 3
	FlowNoByteCnts   FlowFlags = 1 << 4
)

// FlowMod adds, changes or deletes flows (7.3.4.1). The zero value adds a flow
// to table 0 that drops every packet, with no timeout, no buffered packet and
// no restriction by port or group.
type FlowMod struct {
	Cookie       Cookie
	CookieMask   Cookie // Modify and delete only flows whose cookie has these bits of Cookie.
	Table        TableID
	Command      FlowModCommand
	IdleTimeout  uint16 // Seconds without a packet; 0 means never.
	HardTimeout  uint16 // Seconds; 0 means never.
	Priority     uint16
	BufferID     BufferID    // Zero is none.
	OutPort      PortNo      // Delete only flows that output to it; zero is any (OFPP_ANY).
	OutGroup     GroupFilter // Delete only flows that output to it; zero is any (OFPG_ANY).
	Flags        FlowFlags
	Match        oxm.Match
	Instructions []action.Instruction
}

// Type implements [Message].
func (*FlowMod) Type() Type { return TypeFlowMod }

// Equal reports whether two flow-mods are the same. Instructions that both share are not compared
// one by one.
func (m *FlowMod) Equal(o *FlowMod) bool {
	// Flow-mods of one plan share their instructions: an equal start means equal lists.
	sameInstructions := func() bool {
		return len(m.Instructions) == 0 || &m.Instructions[0] == &o.Instructions[0] ||
			reflect.DeepEqual(m.Instructions, o.Instructions)
	}

	return m.Command == o.Command && m.Table == o.Table && m.Priority == o.Priority &&
		m.Cookie == o.Cookie && m.CookieMask == o.CookieMask &&
		m.IdleTimeout == o.IdleTimeout && m.HardTimeout == o.HardTimeout &&
		m.BufferID == o.BufferID && m.OutPort == o.OutPort && m.OutGroup == o.OutGroup &&
		m.Flags == o.Flags && slices.Equal(m.Match, o.Match) &&
		len(m.Instructions) == len(o.Instructions) && sameInstructions()
}

func (m *FlowMod) appendBody(b []byte, _ uint32) ([]byte, error) {
	b = be.AppendUint64(b, uint64(m.Cookie))
	b = be.AppendUint64(b, uint64(m.CookieMask))
	b = append(b, byte(m.Table), byte(m.Command))
	b = be.AppendUint16(b, m.IdleTimeout)
	b = be.AppendUint16(b, m.HardTimeout)
	b = be.AppendUint16(b, m.Priority)
	b = be.AppendUint32(b, uint32(m.BufferID)-1)
	b = be.AppendUint32(b, outPort(m.OutPort))
	b = be.AppendUint32(b, uint32(m.OutGroup)-1)
	b = be.AppendUint16(b, uint16(m.Flags))
	b = append(b, 0, 0)
	b, err := oxm.AppendMatch(b, m.Match)
	if err != nil {
		return b, err
	}

	return action.AppendInstructions(b, m.Instructions)
}

func parseFlowMod(c *wire.Cursor) Message {
	m := &FlowMod{
		Cookie:      Cookie(c.Uint64("cookie")),
		CookieMask:  Cookie(c.Uint64("cookie_mask")),
		Table:       TableID(c.Uint8("table_id")),
		Command:     FlowModCommand(c.Uint8("command")),
		IdleTimeout: c.Uint16("idle_timeout"),
		HardTimeout: c.Uint16("hard_timeout"),
		Priority:    c.Uint16("priority"),
		BufferID:    BufferID(c.Uint32("buffer_id") + 1),
	}
	if m.Command > FlowDeleteStrict {
		c.Fail(HeaderLen+17, "command",
			fmt.Errorf("%w: %d, want 0 to %d", wire.ErrValue, m.Command, FlowDeleteStrict))
	}

	if m.Command == FlowDelete || m.Command == FlowDeleteStrict {
		m.OutPort = parseOutPort(c)
		m.OutGroup = GroupFilter(c.Uint32("out_group") + 1)
	} else {
		c.Skip(8) // Other commands ignore out_port and out_group (7.3.4.1).
	}

	m.Flags = FlowFlags(c.Uint16("flags"))
	c.Skip(2)
	m.Match = oxm.ParseMatch(c)
	m.Instructions = action.ParseInstructions(c)
	return m
}
