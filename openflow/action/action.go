package action

import (
	"encoding/binary"
	"fmt"

	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/openflow/wire"
)

// An Action does something to a packet (7.2.5). The set of types is sealed; an unknown action is a
// [RawAction].
type Action interface {
	appendAction(b []byte) ([]byte, error)
	// String is the action as ovs-ofctl writes it.
	String() string
}

// Wire types of actions (7.2.5, enum ofp_action_type).
const (
	actionOutput       = 0
	actionCopyTTLOut   = 11
	actionCopyTTLIn    = 12
	actionSetMPLSTTL   = 15
	actionDecMPLSTTL   = 16
	actionPushVLAN     = 17
	actionPopVLAN      = 18
	actionPushMPLS     = 19
	actionPopMPLS      = 20
	actionSetQueue     = 21
	actionGroup        = 22
	actionSetNwTTL     = 23
	actionDecNwTTL     = 24
	actionSetField     = 25
	actionPushPBB      = 26
	actionPopPBB       = 27
	actionExperimenter = 0xffff
)

// MaxLenWhole is the Output.MaxLen that sends whole packets to the controller.
const MaxLenWhole = 0xffff

// Output sends the packet to a port (7.2.5.1).
type Output struct {
	Port   wire.PortNo
	MaxLen uint16 // Bytes to send to PortController; other ports ignore it.
}

// SetField writes a field (7.2.5, OFPAT_SET_FIELD). Open vSwitch also takes a
// masked field, and reports it as a load of registers.
type SetField struct{ Field oxm.Field }

// Group hands the packet to a group (7.2.5.2).
type Group struct{ ID uint32 }

// SetQueue chooses the queue of the port of output (7.2.5.3).
type SetQueue struct{ Queue uint32 }

// PushVLAN adds a tag; EtherType is 0x8100 or 0x88a8 (7.2.5.6).
type PushVLAN struct{ EtherType uint16 }

// PopVLAN removes the outermost tag.
type PopVLAN struct{}

// PushMPLS adds a label; EtherType is 0x8847 or 0x8848 (7.2.5.6).
type PushMPLS struct{ EtherType uint16 }

// PopMPLS removes a label; EtherType is that of the payload.
type PopMPLS struct{ EtherType uint16 }

// PushPBB adds a backbone tag (7.2.5.6).
type PushPBB struct{ EtherType uint16 }

// PopPBB removes a backbone tag.
type PopPBB struct{}

// SetMPLSTTL writes the TTL of the outermost label.
type SetMPLSTTL struct{ TTL uint8 }

// DecMPLSTTL decrements the TTL of the outermost label.
type DecMPLSTTL struct{}

// SetTTL writes the TTL or hop limit of an IP packet.
type SetTTL struct{ TTL uint8 }

// DecTTL decrements the TTL or hop limit of an IP packet.
type DecTTL struct{}

// CopyTTLOut copies the TTL from the inner to the outer header.
type CopyTTLOut struct{}

// CopyTTLIn copies the TTL from the outer to the inner header.
type CopyTTLIn struct{}

// RawAction is an action that this package does not know. Data follows type
// and length; for experimenters it begins with the experimenter's id. Its
// length plus 4 must be a multiple of 8.
type RawAction struct {
	Type uint16
	Data string
}

var (
	_ Action = Output{}
	_ Action = SetField{}
	_ Action = Group{}
	_ Action = SetQueue{}
	_ Action = PushVLAN{}
	_ Action = PopVLAN{}
	_ Action = PushMPLS{}
	_ Action = PopMPLS{}
	_ Action = PushPBB{}
	_ Action = PopPBB{}
	_ Action = SetMPLSTTL{}
	_ Action = DecMPLSTTL{}
	_ Action = SetTTL{}
	_ Action = DecTTL{}
	_ Action = CopyTTLOut{}
	_ Action = CopyTTLIn{}
	_ Action = RawAction{}
)

// appendActionHeader appends type and length of an action (7.2.5).
func appendActionHeader(b []byte, typ, length uint16) []byte {
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(b, typ), length)
}

// appendAction8 appends an action of 8 bytes with up to 4 bytes of argument.
func appendAction8(b []byte, typ uint16, arg uint32) []byte {
	return binary.BigEndian.AppendUint32(appendActionHeader(b, typ, 8), arg)
}

func (a Output) appendAction(b []byte) ([]byte, error) {
	b = appendActionHeader(b, actionOutput, 16)
	b = binary.BigEndian.AppendUint32(b, uint32(a.Port))
	b = binary.BigEndian.AppendUint16(b, a.MaxLen)
	return wire.AppendZeros(b, 6), nil
}

func (a SetField) appendAction(b []byte) ([]byte, error) {
	start := len(b)
	b = appendActionHeader(b, actionSetField, 0)
	b, err := oxm.AppendField(b, a.Field)
	if err != nil {
		return b, fmt.Errorf("set_field: %w", err)
	}

	b = wire.AppendPad(b, start) // The length counts the padding (7.2.5).
	return b, wire.PutLength(b, start, start+2, "set_field")
}

func (a Group) appendAction(b []byte) ([]byte, error) {
	return appendAction8(b, actionGroup, a.ID), nil
}

func (a SetQueue) appendAction(b []byte) ([]byte, error) {
	return appendAction8(b, actionSetQueue, a.Queue), nil
}

func (a PushVLAN) appendAction(b []byte) ([]byte, error) {
	return appendAction8(b, actionPushVLAN, uint32(a.EtherType)<<16), nil
}

func (PopVLAN) appendAction(b []byte) ([]byte, error) {
	return appendAction8(b, actionPopVLAN, 0), nil
}

func (a PushMPLS) appendAction(b []byte) ([]byte, error) {
	return appendAction8(b, actionPushMPLS, uint32(a.EtherType)<<16), nil
}

func (a PopMPLS) appendAction(b []byte) ([]byte, error) {
	return appendAction8(b, actionPopMPLS, uint32(a.EtherType)<<16), nil
}

func (a PushPBB) appendAction(b []byte) ([]byte, error) {
	return appendAction8(b, actionPushPBB, uint32(a.EtherType)<<16), nil
}

func (PopPBB) appendAction(b []byte) ([]byte, error) {
	return appendAction8(b, actionPopPBB, 0), nil
}

func (a SetMPLSTTL) appendAction(b []byte) ([]byte, error) {
	return appendAction8(b, actionSetMPLSTTL, uint32(a.TTL)<<24), nil
}

func (DecMPLSTTL) appendAction(b []byte) ([]byte, error) {
	return appendAction8(b, actionDecMPLSTTL, 0), nil
}

func (a SetTTL) appendAction(b []byte) ([]byte, error) {
	return appendAction8(b, actionSetNwTTL, uint32(a.TTL)<<24), nil
}

func (DecTTL) appendAction(b []byte) ([]byte, error) {
	return appendAction8(b, actionDecNwTTL, 0), nil
}

func (CopyTTLOut) appendAction(b []byte) ([]byte, error) {
	return appendAction8(b, actionCopyTTLOut, 0), nil
}

func (CopyTTLIn) appendAction(b []byte) ([]byte, error) {
	return appendAction8(b, actionCopyTTLIn, 0), nil
}

func (a RawAction) appendAction(b []byte) ([]byte, error) {
	n := 4 + len(a.Data)
	if n%8 != 0 || n > wire.MaxMessage {
		return b, fmt.Errorf("action %d: %w: %d bytes, want a multiple of 8", a.Type,
			wire.ErrLength, n)
	}
	return append(appendActionHeader(b, a.Type, uint16(n)), a.Data...), nil
}

// AppendActions appends the wire form of a list of actions.
func AppendActions(b []byte, actions []Action) ([]byte, error) {
	var err error
	for _, a := range actions {
		if a == nil {
			return b, fmt.Errorf("action: %w: nil", wire.ErrValue)
		}
		if b, err = a.appendAction(b); err != nil {
			return b, err
		}
	}

	return b, nil
}

// maxActionDepth bounds actions inside actions (clone).
const maxActionDepth = 16

// ParseActions reads actions until the window ends.
func ParseActions(c *wire.Cursor) []Action { return parseActions(c, 0) }

// parseActions is ParseActions at a depth of actions inside actions.
func parseActions(c *wire.Cursor, depth int) []Action {
	if c.Len() == 0 {
		return nil
	}
	if depth > maxActionDepth {
		c.Fail(c.Pos(), "action",
			fmt.Errorf("%w: nested deeper than %d", wire.ErrValue, maxActionDepth))
		return nil
	}

	actions := make([]Action, 0, 2)
	for c.Len() > 0 {
		actions = append(actions, parseAction(c, depth))
	}

	return actions
}

func parseAction(c *wire.Cursor, depth int) Action {
	a := c.TLV(2, 8, 8, "action")
	raw := a // Reads the action again if it is not known.
	typ := a.Uint16("action.type")
	a.Skip(2)
	act := parseStandardAction(&a, typ)
	if act == nil && typ == actionExperimenter {
		act = parseExperimenterAction(&a, depth)
	}

	if act == nil {
		raw.Skip(4)
		return RawAction{typ, string(raw.Take(raw.Len(), "action"))}
	}

	return act
}

// parseStandardAction reads an action of OpenFlow 1.3, without its header. It returns nil for any
// other.
func parseStandardAction(c *wire.Cursor, typ uint16) Action {
	if typ == actionOutput {
		a := Output{wire.PortNo(c.Uint32("output.port")), c.Uint16("output.max_len")}
		c.Skip(6)
		c.Done("output")
		return a
	}

	if typ == actionSetField {
		a := SetField{oxm.ParseField(c)}
		if c.Len() >= 8 {
			c.Done("set_field")
		}
		return a
	}

	if arg := c.Unread(); len(arg) == 4 {
		return parseShortAction(typ, binary.BigEndian.Uint32(arg))
	}

	return nil
}

// parseShortAction reads an action whose body is one word of 32 bits. It returns nil for any other.
func parseShortAction(typ uint16, v uint32) Action {
	etherType, ttl := uint16(v>>16), uint8(v>>24)

	switch typ {
	case actionGroup:
		return Group{v}
	case actionSetQueue:
		return SetQueue{v}
	case actionPushVLAN:
		return PushVLAN{etherType}
	case actionPopVLAN:
		return PopVLAN{}
	case actionPushMPLS:
		return PushMPLS{etherType}
	case actionPopMPLS:
		return PopMPLS{etherType}
	case actionPushPBB:
		return PushPBB{etherType}
	case actionPopPBB:
		return PopPBB{}
	case actionSetMPLSTTL:
		return SetMPLSTTL{ttl}
	case actionDecMPLSTTL:
		return DecMPLSTTL{}
	case actionSetNwTTL:
		return SetTTL{ttl}
	case actionDecNwTTL:
		return DecTTL{}
	case actionCopyTTLOut:
		return CopyTTLOut{}
	case actionCopyTTLIn:
		return CopyTTLIn{}
	}

	return nil
}
