package openflow

import (
	"fmt"
	"time"
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
	Cookie   Cookie // Of the flow that sent it.
	Match    Match  // Metadata of the packet: in_port, tun_id, ...
	Data     []byte
}

// Type implements [Message].
func (*PacketIn) Type() Type { return TypePacketIn }

func (m *PacketIn) appendBody(b []byte, _ uint32) ([]byte, error) {
	b = be.AppendUint32(b, uint32(m.BufferID)-1)
	b = be.AppendUint16(b, m.TotalLen)
	b = append(b, byte(m.Reason), byte(m.Table))
	b = be.AppendUint64(b, uint64(m.Cookie))
	b, err := appendMatch(b, m.Match)
	if err != nil {
		return b, err
	}
	return append(append(b, 0, 0), m.Data...), nil
}

func parsePacketIn(c *cursor) Message {
	m := &PacketIn{
		BufferID: BufferID(c.u32("buffer_id") + 1),
		TotalLen: c.u16("total_len"),
		Reason:   PacketInReason(c.u8("reason")),
		Table:    TableID(c.u8("table_id")),
		Cookie:   Cookie(c.u64("cookie")),
		Match:    parseMatch(c),
	}
	c.skip(2) // Aligns the IP header behind the Ethernet header.
	m.Data = c.rest()
	return m
}

// PacketOut sends a packet through actions (7.3.7).
type PacketOut struct {
	BufferID BufferID
	InPort   PortNo // Zero is written as PortController.
	Actions  []Action
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
	b = appendZeros(b, 8)
	start := len(b)
	b, err := appendActions(b, m.Actions)
	if err == nil {
		err = putLength(b, start, lengthAt, "actions")
	}
	return append(b, m.Data...), err
}

func parsePacketOut(c *cursor) Message {
	m := &PacketOut{BufferID: BufferID(c.u32("buffer_id") + 1), InPort: PortNo(c.u32("in_port"))}
	if m.InPort == 0 {
		c.fail(c.pos-4, "in_port", fmt.Errorf("%w: 0 is no port", ErrValue))
	}
	n := int(c.u16("actions_len"))
	c.skip(6)
	actions := c.sub(n, "actions_len")
	m.Actions = parseActions(&actions, 0)
	m.Data = c.rest()
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
	Match       Match
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
	return appendMatch(b, m.Match)
}

func parseFlowRemoved(c *cursor) Message {
	m := &FlowRemoved{
		Cookie:      Cookie(c.u64("cookie")),
		Priority:    c.u16("priority"),
		Reason:      FlowRemovedReason(c.u8("reason")),
		Table:       TableID(c.u8("table_id")),
		Duration:    parseDuration(c),
		IdleTimeout: c.u16("idle_timeout"),
		HardTimeout: c.u16("hard_timeout"),
		PacketCount: c.u64("packet_count"),
		ByteCount:   c.u64("byte_count"),
		Match:       parseMatch(c),
	}
	c.done("body")
	return m
}
