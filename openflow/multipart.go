package openflow

import (
	"fmt"

	"github.com/tapline-sdn/tapline/openflow/wire"
)

// MultipartType is the type of a multipart request or reply (7.3.5).
type MultipartType uint16

// Types.
const (
	MultipartDesc          MultipartType = 0
	MultipartFlow          MultipartType = 1
	MultipartAggregate     MultipartType = 2
	MultipartTable         MultipartType = 3
	MultipartPortStats     MultipartType = 4
	MultipartQueue         MultipartType = 5
	MultipartGroup         MultipartType = 6
	MultipartGroupDesc     MultipartType = 7
	MultipartGroupFeatures MultipartType = 8
	MultipartMeter         MultipartType = 9
	MultipartMeterConfig   MultipartType = 10
	MultipartMeterFeatures MultipartType = 11
	MultipartTableFeatures MultipartType = 12
	MultipartPortDesc      MultipartType = 13
	MultipartExperimenter  MultipartType = 0xffff
)

// MultipartFlags says whether more messages of the same xid follow.
type MultipartFlags uint16

// MultipartMore says that more messages follow (OFPMPF_REQ_MORE and
// OFPMPF_REPLY_MORE).
const MultipartMore MultipartFlags = 1

// A MultipartRequestBody is what a multipart request asks. The set is sealed.
type MultipartRequestBody interface {
	multipartType() MultipartType
	appendRequest(b []byte) ([]byte, error)
}

// A MultipartReplyBody is one part of what a multipart request gets. The set
// is sealed.
type MultipartReplyBody interface {
	multipartType() MultipartType
	appendReply(b []byte) ([]byte, error)
}

// MultipartRequest asks for statistics and descriptions (7.3.5).
type MultipartRequest struct {
	Flags MultipartFlags
	Body  MultipartRequestBody
}

// Type implements [Message].
func (*MultipartRequest) Type() Type { return TypeMultipartRequest }

func (m *MultipartRequest) appendBody(b []byte, _ uint32) ([]byte, error) {
	if m.Body == nil {
		return b, fmt.Errorf("body: %w: nil", wire.ErrValue)
	}
	return m.Body.appendRequest(appendMultipart(b, m.Body.multipartType(), m.Flags))
}

// MultipartReply is one of the messages that answer a MultipartRequest. Its
// lists are parts of one list as long as Flags has MultipartMore.
type MultipartReply struct {
	Flags MultipartFlags
	Body  MultipartReplyBody
}

// Type implements [Message].
func (*MultipartReply) Type() Type { return TypeMultipartReply }

// More reports whether further messages of this reply follow.
func (m *MultipartReply) More() bool { return m.Flags&MultipartMore != 0 }

func (m *MultipartReply) appendBody(b []byte, _ uint32) ([]byte, error) {
	if m.Body == nil {
		return b, fmt.Errorf("body: %w: nil", wire.ErrValue)
	}
	return m.Body.appendReply(appendMultipart(b, m.Body.multipartType(), m.Flags))
}

// appendMultipart appends type, flags and padding (7.3.5).
func appendMultipart(b []byte, typ MultipartType, flags MultipartFlags) []byte {
	return wire.AppendZeros(be.AppendUint16(be.AppendUint16(b, uint16(typ)), uint16(flags)), 4)
}

func parseMultipartRequest(c *wire.Cursor) Message {
	typ, flags := MultipartType(c.Uint16("type")), MultipartFlags(c.Uint16("flags"))
	c.Skip(4)
	m := &MultipartRequest{Flags: flags, Body: parseRequestBody(c, typ)}
	c.Done("body")
	return m
}

func parseRequestBody(c *wire.Cursor, typ MultipartType) MultipartRequestBody {
	switch typ {
	case MultipartDesc:
		return DescRequest{}
	case MultipartFlow:
		return FlowStatsRequest(parseFlowSelection(c))
	case MultipartAggregate:
		return AggregateRequest(parseFlowSelection(c))
	case MultipartTable:
		return TableStatsRequest{}
	case MultipartPortStats:
		return parsePortStatsRequest(c)
	case MultipartQueue:
		return QueueStatsRequest{parseOutPort(c), QueueFilter(c.Uint32("queue_id") + 1)}
	case MultipartGroup:
		return GroupStatsRequest{parseAligned(c, "group_id")}
	case MultipartGroupDesc:
		return GroupDescRequest{}
	case MultipartGroupFeatures:
		return GroupFeaturesRequest{}
	case MultipartMeter:
		return MeterStatsRequest{parseAligned(c, "meter_id")}
	case MultipartMeterConfig:
		return MeterConfigRequest{parseAligned(c, "meter_id")}
	case MultipartMeterFeatures:
		return MeterFeaturesRequest{}
	case MultipartPortDesc:
		return PortDescRequest{}
	case MultipartExperimenter:
		experimenter, expType := c.Uint32("experimenter"), c.Uint32("exp_type")
		if experimenter == wire.ExperimenterONF && expType == onfFlowMonitor {
			return parseFlowMonitorRequest(c)
		}
		return ExperimenterRequest{experimenter, expType, c.Rest()}
	}

	return RawRequest{typ, c.Rest()}
}

func parseMultipartReply(c *wire.Cursor) Message {
	typ, flags := MultipartType(c.Uint16("type")), MultipartFlags(c.Uint16("flags"))
	c.Skip(4)
	m := &MultipartReply{Flags: flags, Body: parseReplyBody(c, typ)}
	c.Done("body")
	return m
}

// replyBodies says how each body is read. Most are lists.
var replyBodies = map[MultipartType]func(*wire.Cursor) MultipartReplyBody{
	MultipartDesc:          parseDesc,
	MultipartFlow:          parseFlowStatsReply,
	MultipartAggregate:     parseAggregate,
	MultipartTable:         listOf[TableStatsReply](parseTableStats),
	MultipartPortStats:     listOf[PortStatsReply](parsePortStats),
	MultipartQueue:         listOf[QueueStatsReply](parseQueueStats),
	MultipartGroup:         listOf[GroupStatsReply](parseGroupStats),
	MultipartGroupDesc:     listOf[GroupDescReply](parseGroupDesc),
	MultipartGroupFeatures: parseGroupFeatures,
	MultipartMeter:         listOf[MeterStatsReply](parseMeterStats),
	MultipartMeterConfig:   listOf[MeterConfigReply](parseMeterConfig),
	MultipartMeterFeatures: parseMeterFeatures,
	MultipartPortDesc:      listOf[PortDescReply](parsePort),
	MultipartExperimenter:  parseExperimenterReply,
}

// listOf reads a body that is a list of entries.
func listOf[L interface {
	~[]E
	MultipartReplyBody
}, E any](parse func(*wire.Cursor) E) func(*wire.Cursor) MultipartReplyBody {
	return func(c *wire.Cursor) MultipartReplyBody { return L(parseList(c, parse)) }
}

func parseReplyBody(c *wire.Cursor, typ MultipartType) MultipartReplyBody {
	if parse, known := replyBodies[typ]; known {
		return parse(c)
	}
	return RawReply{typ, c.Rest()}
}

func parseExperimenterReply(c *wire.Cursor) MultipartReplyBody {
	experimenter, expType := c.Uint32("experimenter"), c.Uint32("exp_type")
	if experimenter == wire.ExperimenterONF && expType == onfFlowMonitor {
		return FlowMonitorReply(parseList(c, parseFlowUpdate))
	}
	return ExperimenterReply{experimenter, expType, c.Rest()}
}

// parseList reads entries until the window ends.
func parseList[E any](c *wire.Cursor, parse func(*wire.Cursor) E) []E {
	var list []E
	for c.Len() > 0 {
		list = append(list, parse(c))
	}
	return list
}

// appendList appends entries, each with its own error.
func appendList[E any](
	b []byte, list []E, appendEntry func([]byte, *E) ([]byte, error),
) ([]byte, error) {
	var err error
	for i := range list {
		if b, err = appendEntry(b, &list[i]); err != nil {
			return b, err
		}
	}

	return b, nil
}

// parseAligned reads a number that is followed by 4 bytes of padding.
func parseAligned(c *wire.Cursor, field string) uint32 {
	v := c.Uint32(field)
	c.Skip(4)
	return v
}

func appendAligned(b []byte, v uint32) []byte { return wire.AppendZeros(be.AppendUint32(b, v), 4) }

// RawRequest is a multipart request of a type that this package does not know,
// or of table features, which it keeps raw.
type RawRequest struct {
	Multipart MultipartType
	Data      []byte
}

func (r RawRequest) multipartType() MultipartType { return r.Multipart }

func (r RawRequest) appendRequest(b []byte) ([]byte, error) { return append(b, r.Data...), nil }

// RawReply is a multipart reply of a type that this package does not know, or
// of table features, which it keeps raw.
type RawReply struct {
	Multipart MultipartType
	Data      []byte
}

func (r RawReply) multipartType() MultipartType { return r.Multipart }

func (r RawReply) appendReply(b []byte) ([]byte, error) { return append(b, r.Data...), nil }

// ExperimenterRequest is a multipart request of an unknown experimenter
// (7.3.5.16).
type ExperimenterRequest struct {
	Experimenter, ExpType uint32
	Data                  []byte
}

func (ExperimenterRequest) multipartType() MultipartType { return MultipartExperimenter }

func (r ExperimenterRequest) appendRequest(b []byte) ([]byte, error) {
	return append(appendExperimenter(b, r.Experimenter, r.ExpType), r.Data...), nil
}

// ExperimenterReply is a multipart reply of an unknown experimenter.
type ExperimenterReply struct {
	Experimenter, ExpType uint32
	Data                  []byte
}

func (ExperimenterReply) multipartType() MultipartType { return MultipartExperimenter }

func (r ExperimenterReply) appendReply(b []byte) ([]byte, error) {
	return append(appendExperimenter(b, r.Experimenter, r.ExpType), r.Data...), nil
}
