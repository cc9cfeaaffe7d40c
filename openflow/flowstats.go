package openflow

import "time"

// flowSelection is the body that flow and aggregate requests share.
type flowSelection struct {
	Table      TableID // TableAll for all tables.
	OutPort    PortNo  // Only flows that output to it; zero is any.
	OutGroup   GroupFilter
	Cookie     Cookie
	CookieMask Cookie // Only flows whose cookie has these bits of Cookie.
	Match      Match  // Only flows that it includes; nil includes all.
}

func (s *flowSelection) append(b []byte) ([]byte, error) {
	b = append(b, byte(s.Table), 0, 0, 0)
	b = be.AppendUint32(b, outPort(s.OutPort))
	b = be.AppendUint32(b, uint32(s.OutGroup)-1)
	b = appendZeros(b, 4)
	b = be.AppendUint64(b, uint64(s.Cookie))
	b = be.AppendUint64(b, uint64(s.CookieMask))
	return appendMatch(b, s.Match)
}

func parseFlowSelection(c *cursor) flowSelection {
	s := flowSelection{Table: TableID(c.u8("table_id"))}
	c.skip(3)
	s.OutPort = parseOutPort(c)
	s.OutGroup = GroupFilter(c.u32("out_group") + 1)
	c.skip(4)
	s.Cookie = Cookie(c.u64("cookie"))
	s.CookieMask = Cookie(c.u64("cookie_mask"))
	s.Match = parseMatch(c)
	return s
}

// FlowStatsRequest asks for flows (7.3.5.2). The zero value asks for those of
// table 0.
type FlowStatsRequest struct {
	Table      TableID // TableAll for all tables.
	OutPort    PortNo  // Only flows that output to it; zero is any.
	OutGroup   GroupFilter
	Cookie     Cookie
	CookieMask Cookie // Only flows whose cookie has these bits of Cookie.
	Match      Match  // Only flows that it includes; nil includes all.
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
	Match        Match
	Instructions []Instruction
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
	b = appendZeros(be.AppendUint16(b, uint16(f.Flags)), 4)
	b = be.AppendUint64(b, uint64(f.Cookie))
	b = be.AppendUint64(b, f.PacketCount)
	b = be.AppendUint64(b, f.ByteCount)
	if b, err = appendMatch(b, f.Match); err != nil {
		return b, err
	}
	if b, err = appendInstructions(b, f.Instructions); err != nil {
		return b, err
	}
	return b, putLength(b, start, start, "flow_stats")
}

const (
	flowStatsMinLen     = 56
	flowStatsTypicalLen = 96
)

func parseFlowStatsReply(c *cursor) MultipartReplyBody {
	if c.len() == 0 {
		return FlowStatsReply(nil)
	}
	flows := make(FlowStatsReply, 0, c.len()/flowStatsTypicalLen+1)
	for c.len() > 0 {
		flows = append(flows, parseFlowStats(c))
	}
	return flows
}

func parseFlowStats(c *cursor) FlowStats {
	e := c.tlv(0, flowStatsMinLen, 8, "flow_stats")
	e.skip(2)
	f := FlowStats{Table: TableID(e.u8("table_id"))}
	e.skip(1)
	f.Duration = parseDuration(&e)
	f.Priority = e.u16("priority")
	f.IdleTimeout = e.u16("idle_timeout")
	f.HardTimeout = e.u16("hard_timeout")
	f.Flags = FlowFlags(e.u16("flags"))
	e.skip(4)
	f.Cookie = Cookie(e.u64("cookie"))
	f.PacketCount = e.u64("packet_count")
	f.ByteCount = e.u64("byte_count")
	f.Match = parseMatch(&e)
	f.Instructions = parseInstructions(&e)
	return f
}

// AggregateRequest asks for the sums over flows (7.3.5.3).
type AggregateRequest struct {
	Table      TableID // TableAll for all tables.
	OutPort    PortNo  // Only flows that output to it; zero is any.
	OutGroup   GroupFilter
	Cookie     Cookie
	CookieMask Cookie // Only flows whose cookie has these bits of Cookie.
	Match      Match  // Only flows that it includes; nil includes all.
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

func parseAggregate(c *cursor) MultipartReplyBody {
	return AggregateReply{c.u64("packet_count"), c.u64("byte_count"), parseAligned(c, "flow_count")}
}
