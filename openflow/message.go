package openflow

import (
	"encoding/binary"
	"fmt"

	"github.com/tapline-sdn/tapline/openflow/wire"
)

const (
	// Version is the wire version of OpenFlow 1.3 (7.1.1).
	Version = 0x04
	// HeaderLen is the length of the header that starts every message.
	HeaderLen = 8
	// MaxMessageLen is the longest message that the 16-bit length can say.
	MaxMessageLen = wire.MaxMessage
)

// A Message is one OpenFlow message: a pointer to one of the structs of this
// package, such as *[FlowMod]. The set is sealed.
type Message interface {
	// Type is the type in the header of the message.
	Type() Type
	// appendBody appends what follows the header. The xid is that of the
	// header; messages that embed messages repeat it.
	appendBody(b []byte, xid uint32) ([]byte, error)
}

// AppendMessage appends m with the transaction id xid to dst and returns the
// extended slice. It allocates nothing if dst has capacity for the message.
// On error (a value that does not fit its field, a message longer than
// [MaxMessageLen]) it returns dst with its original length.
//
//	 0               1               2               3
//	+---------------+---------------+-------------------------------+
//	|    version    |     type      |            length             |
//	+---------------+---------------+-------------------------------+
//	|                              xid                              |
//	+---------------------------------------------------------------+
func AppendMessage(dst []byte, xid uint32, m Message) ([]byte, error) {
	start := len(dst)
	b := append(dst, Version, byte(m.Type()), 0, 0)
	b = binary.BigEndian.AppendUint32(b, xid)
	b, err := m.appendBody(b, xid)
	if err == nil {
		err = wire.PutLength(b, start, start+2, "length")
	}

	if err != nil {
		return dst, fmt.Errorf("openflow: %v: %w", m.Type(), err)
	}

	return b, nil
}

// Parse decodes the message that fills b exactly. It returns a nil message if and only if it
// returns an error, which is a [*wire.ParseError]. If b holds a header, the xid is valid even then.
func Parse(b []byte) (m Message, xid uint32, err error) {
	c := wire.NewCursor(b, "header")
	version, typ := c.Uint8("version"), Type(c.Uint8("type"))
	length := int(c.Uint16("length"))
	xid = c.Uint32("xid")
	if err := c.Err(); err != nil {
		return nil, 0, err
	}

	c.SetName(typ.String())

	if length != len(b) {
		c.Fail(2, "length",
			fmt.Errorf("%w: %d, but the message has %d bytes", wire.ErrLength, length, len(b)))
	}

	// "version" of a Hello is the highest that the sender speaks (7.5.1).
	if version != Version && typ != TypeHello && typ != TypeError {
		c.Fail(0, "version", fmt.Errorf("%w: %d, want %d", wire.ErrVersion, version, Version))
	}

	m = parseBody(&c, version, typ)
	if err := c.Err(); err != nil {
		return nil, xid, err
	}

	return m, xid, nil
}

// parseBody reads what follows the header. Messages without a body come from [bodiless]. The others
// are a switch, because a table would refer to itself: a BundleAdd holds a message.
func parseBody(c *wire.Cursor, version uint8, typ Type) Message {
	if parse, ok := bodiless[typ]; ok {
		return parse(c)
	}

	switch typ {
	case TypeHello:
		return parseHello(c, version)
	case TypeError:
		return parseError(c)
	case TypeEchoRequest:
		return &EchoRequest{Data: c.Rest()}
	case TypeEchoReply:
		return &EchoReply{Data: c.Rest()}
	case TypeExperimenter:
		return parseExperimenter(c)

	case TypeFeaturesReply:
		return parseFeaturesReply(c)
	case TypeGetConfigReply:
		return parseGetConfigReply(c)
	case TypeSetConfig:
		return parseSetConfig(c)
	case TypePacketIn:
		return parsePacketIn(c)
	case TypeFlowRemoved:
		return parseFlowRemoved(c)
	case TypePortStatus:
		return parsePortStatus(c)
	case TypePacketOut:
		return parsePacketOut(c)

	case TypeFlowMod, TypeGroupMod, TypePortMod, TypeTableMod, TypeMeterMod:
		return parseModification(c, typ)

	case TypeMultipartRequest:
		return parseMultipartRequest(c)
	case TypeMultipartReply:
		return parseMultipartReply(c)
	case TypeRoleRequest:
		return parseRoleRequest(c)
	case TypeRoleReply:
		return parseRoleReply(c)
	case TypeGetAsyncReply:
		return parseGetAsyncReply(c)
	case TypeSetAsync:
		return parseSetAsync(c)
	}

	return &Raw{MessageType: typ, Data: c.Rest()}
}

// bodiless are the messages that end with the header.
var bodiless = map[Type]func(*wire.Cursor) Message{
	TypeFeaturesRequest:  func(c *wire.Cursor) Message { return empty[FeaturesRequest](c) },
	TypeGetConfigRequest: func(c *wire.Cursor) Message { return empty[GetConfigRequest](c) },
	TypeBarrierRequest:   func(c *wire.Cursor) Message { return empty[BarrierRequest](c) },
	TypeBarrierReply:     func(c *wire.Cursor) Message { return empty[BarrierReply](c) },
	TypeGetAsyncRequest:  func(c *wire.Cursor) Message { return empty[GetAsyncRequest](c) },
}

// parseModification reads a message that changes what a switch holds (7.3.4).
func parseModification(c *wire.Cursor, typ Type) Message {
	switch typ {
	case TypeGroupMod:
		return parseGroupMod(c)
	case TypePortMod:
		return parsePortMod(c)
	case TypeTableMod:
		return parseTableMod(c)
	case TypeMeterMod:
		return parseMeterMod(c)
	default:
		return parseFlowMod(c)
	}
}

// PeekLength returns the length that a header claims. The header must have
// [HeaderLen] bytes.
func PeekLength(header []byte) int { return int(binary.BigEndian.Uint16(header[2:4])) }

// Raw is a message of a type without a struct of its own in this package.
type Raw struct {
	MessageType Type
	Data        []byte // What follows the header.
}

// Type implements [Message].
func (m *Raw) Type() Type { return m.MessageType }

func (m *Raw) appendBody(b []byte, _ uint32) ([]byte, error) { return append(b, m.Data...), nil }

// Type is the type of a message (7.1.1, enum ofp_type).
type Type uint8

// Message types.
const (
	TypeHello            Type = 0
	TypeError            Type = 1
	TypeEchoRequest      Type = 2
	TypeEchoReply        Type = 3
	TypeExperimenter     Type = 4
	TypeFeaturesRequest  Type = 5
	TypeFeaturesReply    Type = 6
	TypeGetConfigRequest Type = 7
	TypeGetConfigReply   Type = 8
	TypeSetConfig        Type = 9
	TypePacketIn         Type = 10
	TypeFlowRemoved      Type = 11
	TypePortStatus       Type = 12
	TypePacketOut        Type = 13
	TypeFlowMod          Type = 14
	TypeGroupMod         Type = 15
	TypePortMod          Type = 16
	TypeTableMod         Type = 17
	TypeMultipartRequest Type = 18
	TypeMultipartReply   Type = 19
	TypeBarrierRequest   Type = 20
	TypeBarrierReply     Type = 21
	TypeQueueConfigReq   Type = 22
	TypeQueueConfigReply Type = 23
	TypeRoleRequest      Type = 24
	TypeRoleReply        Type = 25
	TypeGetAsyncRequest  Type = 26
	TypeGetAsyncReply    Type = 27
	TypeSetAsync         Type = 28
	TypeMeterMod         Type = 29
)

// typeNames is indexed by [Type].
var typeNames = [...]string{
	TypeHello:            "HELLO",
	TypeError:            "ERROR",
	TypeEchoRequest:      "ECHO_REQUEST",
	TypeEchoReply:        "ECHO_REPLY",
	TypeExperimenter:     "EXPERIMENTER",
	TypeFeaturesRequest:  "FEATURES_REQUEST",
	TypeFeaturesReply:    "FEATURES_REPLY",
	TypeGetConfigRequest: "GET_CONFIG_REQUEST",
	TypeGetConfigReply:   "GET_CONFIG_REPLY",
	TypeSetConfig:        "SET_CONFIG",
	TypePacketIn:         "PACKET_IN",
	TypeFlowRemoved:      "FLOW_REMOVED",
	TypePortStatus:       "PORT_STATUS",
	TypePacketOut:        "PACKET_OUT",
	TypeFlowMod:          "FLOW_MOD",
	TypeGroupMod:         "GROUP_MOD",
	TypePortMod:          "PORT_MOD",
	TypeTableMod:         "TABLE_MOD",
	TypeMultipartRequest: "MULTIPART_REQUEST",
	TypeMultipartReply:   "MULTIPART_REPLY",
	TypeBarrierRequest:   "BARRIER_REQUEST",
	TypeBarrierReply:     "BARRIER_REPLY",
	TypeQueueConfigReq:   "QUEUE_GET_CONFIG_REQUEST",
	TypeQueueConfigReply: "QUEUE_GET_CONFIG_REPLY",
	TypeRoleRequest:      "ROLE_REQUEST",
	TypeRoleReply:        "ROLE_REPLY",
	TypeGetAsyncRequest:  "GET_ASYNC_REQUEST",
	TypeGetAsyncReply:    "GET_ASYNC_REPLY",
	TypeSetAsync:         "SET_ASYNC",
	TypeMeterMod:         "METER_MOD",
}

// empty reads a message without a body.
func empty[T any, P interface {
	*T
	Message
}](c *wire.Cursor) Message {
	c.Done("body")
	return P(new(T))
}

// String returns the name of the specification, without its OFPT_ prefix.
func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return fmt.Sprintf("TYPE_%d", uint8(t))
}
