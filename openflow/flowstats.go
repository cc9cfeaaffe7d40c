package openflow

import (
	"time"

	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/openflow/wire"
)

// flowSelection is the body that flow and aggregate requests share.
type flowSelection struct {
	Table      TableID // TableAll for all tables.
	OutPort    PortNo  // Only flows that output to it; zero is any.
	OutGroup   GroupFilter
	Cookie     Cookie
	CookieMask Cookie    // Only flows whose cookie has these bits of Cookie.
	Match      oxm.Match // Only flows that it includes; nil includes all.
}

func (s *flowSelection) append(b []byte) ([]byte, error) {
	b = append(b, byte(s.Table), 0, 0, 0)
	b = be.AppendUint32(b, outPort(s.OutPort))
	b = be.AppendUint32(b, uint32(s.OutGroup)-1)
	b = wire.AppendZeros(b, 4)
	b = be.AppendUint64(b, uint64(s.Cookie))
	b = be.AppendUint64(b, uint64(s.CookieMask))
	return oxm.AppendMatch(b, s.Match)
}

func parseFlowSelection(c *wire.Cursor) flowSelection {
	s := flowSelection{Table: TableID(c.Uint8("table_id"))}
	c.Skip(3)
	s.OutPort = parseOutPort(c)
	s.OutGroup = GroupFilter(c.Uint32("out_group") + 1)
	c.Skip(4)
	s.Cookie = Cookie(c.Uint64("cookie"))
	s.CookieMask = Cookie(c.Uint64("cookie_mask"))
	s.Match = oxm.ParseMatch(c)
	return s
}

// FlowStatsRequest asks for flows (7.3.5.2). The zero value asks for those of
// table 0.
type FlowStatsRequest struct {
	Table      TableID // TableAll for all tables.
	OutPort    PortNo  // Only flows that output to it; zero is any.
	OutGroup   GroupFilter
	Cookie     Cookie
	CookieMask Cookie    // Only flows whose cookie has these bits of Cookie.
	Match      oxm.Match // Only flows that it includes; nil includes all.
}

func (FlowStatsRequest) multipartType() MultipartType { return MultipartFlow }

func (r FlowStatsRequest) appendRequest(b []byte) ([]byte, error) {
	return (*flowSelection)(&r).append(b)
}

// FlowStats is an installed flow (7.3.5.2).
type FlowStats struct {
	Table        TableID
	Duration     time.Duration // How long it has existed.
	Priority     uint16
	IdleTimeout  uint16 // Seconds; 0 means never.
	HardTimeout  uint16 // Seconds; 0 means never.
	Flags        FlowFlags
	Cookie       Cookie
	PacketCount  uint64
	ByteCount    uint64
	Match        oxm.Match
	Instructions []action.Instruction
}

// FlowStatsReply is one part of the flows asked for.
type FlowStatsReply []FlowStats

func (FlowStatsReply) multipartType() MultipartType { return MultipartFlow }

func (r FlowStatsReply) appendReply(b []byte) ([]byte, error) {
	return appendList(b, r, appendFlowStats)
}

func appendFlowStats(b []byte, f *FlowStats) ([]byte, error) {
	start := len(b)
	b = append(b, 0, 0, byte(f.Table), 0)
	b, err := appendDuration(b, f.Duration)
	if err != nil {
		return b, err
	}

	b = be.AppendUint16(b, f.Priority)
	b = be.AppendUint16(b, f.IdleTimeout)
	b = be.AppendUint16(b, f.HardTimeout)
	b = wire.AppendZeros(be.AppendUint16(b, uint16(f.Flags)), 4)
	b = be.AppendUint64(b, uint64(f.Cookie))
	b = be.AppendUint64(b, f.PacketCount)
	b = be.AppendUint64(b, f.ByteCount)
	if b, err = oxm.AppendMatch(b, f.Match); err != nil {
		return b, err
	}
	if b, err = action.AppendInstructions(b, f.Instructions); err != nil {
		return b, err
	}

	return b, wire.PutLength(b, start, start, "flow_stats")
}

const (
	flowStatsMinLen     = 56
	flowStatsTypicalLen = 96
)

func parseFlowStatsReply(c *wire.Cursor) MultipartReplyBody {
	if c.Len() == 0 {
		return FlowStatsReply(nil)
	}

	flows := make(FlowStatsReply, 0, c.Len()/flowStatsTypicalLen+1)
	for c.Len() > 0 {
		flows = append(flows, parseFlowStats(c))
	}

	return flows
}

func parseFlowStats(c *wire.Cursor) FlowStats {
	e := c.TLV(0, flowStatsMinLen, 8, "flow_stats")
	e.Skip(2)
	f := FlowStats{Table: TableID(e.Uint8("table_id"))}
	e.Skip(1)
	f.Duration = parseDuration(&e)
	f.Priority = e.Uint16("priority")
	f.IdleTimeout = e.Uint16("idle_timeout")
	f.HardTimeout = e.Uint16("hard_timeout")
	f.Flags = FlowFlags(e.Uint16("flags"))
	e.Skip(4)
	f.Cookie = Cookie(e.Uint64("cookie"))
	f.PacketCount = e.Uint64("packet_count")
	f.ByteCount = e.Uint64("byte_count")
	f.Match = oxm.ParseMatch(&e)
	f.Instructions = action.ParseInstructions(&e)
	return f
}

// AggregateRequest asks for the sums over flows (7.3.5.3).
type AggregateRequest struct {
	Table      TableID // TableAll for all tables.
	OutPort    PortNo  // Only flows that output to it; zero is any.
	OutGroup   GroupFilter
	Cookie     Cookie
	CookieMask Cookie    // Only flows whose cookie has these bits of Cookie.
	Match      oxm.Match // Only flows that it includes; nil includes all.
}

func (AggregateRequest) multipartType() MultipartType { return MultipartAggregate }

func (r AggregateRequest) appendRequest(b []byte) ([]byte, error) {
	return (*flowSelection)(&r).append(b)
}

// AggregateReply is the sums over the flows selected (7.3.5.3).
type AggregateReply struct {
	PacketCount uint64
	ByteCount   uint64
	FlowCount   uint32
}

func (AggregateReply) multipartType() MultipartType { return MultipartAggregate }

func (r AggregateReply) appendReply(b []byte) ([]byte, error) {
	b = be.AppendUint64(be.AppendUint64(b, r.PacketCount), r.ByteCount)
	return appendAligned(b, r.FlowCount), nil
}

func parseAggregate(c *wire.Cursor) MultipartReplyBody {
	return AggregateReply{c.Uint64("packet_count"), c.Uint64("byte_count"),
		parseAligned(c, "flow_count")}
}
