package openflow

import (
	"fmt"
	"time"

	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/openflow/wire"
)

// PacketInReason says why a packet came (7.4.1).
type PacketInReason uint8

// Reasons.
const (
	PacketInNoMatch    PacketInReason = 0
	PacketInAction     PacketInReason = 1
	PacketInInvalidTTL PacketInReason = 2
)

// PacketIn brings a packet to the controller (7.4.1).
type PacketIn struct {
	BufferID BufferID
	TotalLen uint16 // Length of the whole packet; Data may be shorter.
	Reason   PacketInReason
	Table    TableID
	Cookie   Cookie    // Of the flow that sent it.
	Match    oxm.Match // Metadata of the packet: in_port, tun_id, ...
	Data     []byte
}

// Type implements [Message].
func (*PacketIn) Type() Type { return TypePacketIn }

func (m *PacketIn) appendBody(b []byte, _ uint32) ([]byte, error) {
	b = be.AppendUint32(b, uint32(m.BufferID)-1)
	b = be.AppendUint16(b, m.TotalLen)
	b = append(b, byte(m.Reason), byte(m.Table))
	b = be.AppendUint64(b, uint64(m.Cookie))
	b, err := oxm.AppendMatch(b, m.Match)
	if err != nil {
		return b, err
	}

	return append(append(b, 0, 0), m.Data...), nil
}

func parsePacketIn(c *wire.Cursor) Message {
	m := &PacketIn{
		BufferID: BufferID(c.Uint32("buffer_id") + 1),
		TotalLen: c.Uint16("total_len"),
		Reason:   PacketInReason(c.Uint8("reason")),
		Table:    TableID(c.Uint8("table_id")),
		Cookie:   Cookie(c.Uint64("cookie")),
		Match:    oxm.ParseMatch(c),
	}

	c.Skip(2) // Aligns the IP header behind the Ethernet header.
	m.Data = c.Rest()
	return m
}

// PacketOut sends a packet through actions (7.3.7).
type PacketOut struct {
	BufferID BufferID
	InPort   PortNo // Zero is written as PortController.
	Actions  []action.Action
	Data     []byte // The packet, if there is no buffer.
}

// Type implements [Message].
func (*PacketOut) Type() Type { return TypePacketOut }

func (m *PacketOut) appendBody(b []byte, _ uint32) ([]byte, error) {
	b = be.AppendUint32(b, uint32(m.BufferID)-1)
	inPort := m.InPort
	if inPort == 0 {
		inPort = PortController
	}

	b = be.AppendUint32(b, uint32(inPort))
	lengthAt := len(b)
	b = wire.AppendZeros(b, 8)
	start := len(b)
	b, err := action.AppendActions(b, m.Actions)
	if err == nil {
		err = wire.PutLength(b, start, lengthAt, "actions")
	}

	return append(b, m.Data...), err
}

func parsePacketOut(c *wire.Cursor) Message {
	m := &PacketOut{BufferID: BufferID(c.Uint32("buffer_id") + 1),
		InPort: PortNo(c.Uint32("in_port"))}
	if m.InPort == 0 {
		c.Fail(c.Pos()-4, "in_port", fmt.Errorf("%w: 0 is no port", wire.ErrValue))
	}

	n := int(c.Uint16("actions_len"))
	c.Skip(6)
	actions := c.Sub(n, "actions_len")
	m.Actions = action.ParseActions(&actions)
	m.Data = c.Rest()
	return m
}

// FlowRemovedReason says why a flow went (7.4.2).
type FlowRemovedReason uint8

// Reasons.
const (
	RemovedIdleTimeout FlowRemovedReason = 0
	RemovedHardTimeout FlowRemovedReason = 1
	RemovedDelete      FlowRemovedReason = 2
	RemovedGroupDelete FlowRemovedReason = 3
	RemovedMeterDelete FlowRemovedReason = 4 // OpenFlow 1.4 and later.
	RemovedEviction    FlowRemovedReason = 5 // OpenFlow 1.4 and later.
)

// FlowRemoved reports the end of a flow that had FlowSendRemoved (7.4.2).
type FlowRemoved struct {
	Cookie      Cookie
	Priority    uint16
	Reason      FlowRemovedReason
	Table       TableID
	Duration    time.Duration // How long the flow existed.
	IdleTimeout uint16        // Seconds.
	HardTimeout uint16        // Seconds.
	PacketCount uint64
	ByteCount   uint64
	Match       oxm.Match
}

// Type implements [Message].
func (*FlowRemoved) Type() Type { return TypeFlowRemoved }

func (m *FlowRemoved) appendBody(b []byte, _ uint32) ([]byte, error) {
	b = be.AppendUint64(b, uint64(m.Cookie))
	b = be.AppendUint16(b, m.Priority)
	b = append(b, byte(m.Reason), byte(m.Table))
	b, err := appendDuration(b, m.Duration)
	if err != nil {
		return b, err
	}

	b = be.AppendUint16(b, m.IdleTimeout)
	b = be.AppendUint16(b, m.HardTimeout)
	b = be.AppendUint64(b, m.PacketCount)
	b = be.AppendUint64(b, m.ByteCount)
	return oxm.AppendMatch(b, m.Match)
}

func parseFlowRemoved(c *wire.Cursor) Message {
	m := &FlowRemoved{
		Cookie:      Cookie(c.Uint64("cookie")),
		Priority:    c.Uint16("priority"),
		Reason:      FlowRemovedReason(c.Uint8("reason")),
		Table:       TableID(c.Uint8("table_id")),
		Duration:    parseDuration(c),
		IdleTimeout: c.Uint16("idle_timeout"),
		HardTimeout: c.Uint16("hard_timeout"),
		PacketCount: c.Uint64("packet_count"),
		ByteCount:   c.Uint64("byte_count"),
		Match:       oxm.ParseMatch(c),
	}

	c.Done("body")
	return m
}
