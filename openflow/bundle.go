package openflow

import (
	"fmt"

	"github.com/tapline-sdn/tapline/openflow/wire"
)

// BundleType is what a BundleControl asks for or answers (EXT-230; the
// structures are those of OpenFlow 1.4, 7.3.9).
type BundleType uint16

// Types of BundleControl.
const (
	BundleOpen           BundleType = 0
	BundleOpenReply      BundleType = 1
	BundleClose          BundleType = 2
	BundleCloseReply     BundleType = 3
	BundleCommit         BundleType = 4
	BundleCommitReply    BundleType = 5
	BundleDiscard        BundleType = 6
	BundleDiscardReply   BundleType = 7
	maxBundleControlType            = BundleDiscardReply
)

// BundleFlags are the guarantees of a bundle. All messages of a bundle carry
// the same flags.
type BundleFlags uint16

// Flags of a bundle.
const (
	BundleAtomic  BundleFlags = 1 << 0 // All messages or none take effect, at one instant.
	BundleOrdered BundleFlags = 1 << 1 // Messages take effect in their order.
)

// BundleControl opens, closes, commits or discards a bundle.
type BundleControl struct {
	BundleID   uint32
	Ctrl       BundleType
	Flags      BundleFlags
	Properties []byte // Undecoded; nil in practice.
}

// Type implements [Message].
func (*BundleControl) Type() Type { return TypeExperimenter }

func (m *BundleControl) appendBody(b []byte, _ uint32) ([]byte, error) {
	b = appendExperimenter(b, wire.ExperimenterONF, onfBundleControl)
	b = be.AppendUint32(b, m.BundleID)
	b = be.AppendUint16(b, uint16(m.Ctrl))
	b = be.AppendUint16(b, uint16(m.Flags))
	return append(b, m.Properties...), nil
}

func parseBundleControl(c *wire.Cursor) Message {
	m := &BundleControl{
		BundleID: c.Uint32("bundle_id"),
		Ctrl:     BundleType(c.Uint16("type")),
		Flags:    BundleFlags(c.Uint16("flags")),
	}
	if m.Ctrl > maxBundleControlType {
		c.Fail(c.Pos()-4, "type",
			fmt.Errorf("%w: %d, want 0 to %d", wire.ErrValue, m.Ctrl, maxBundleControlType))
	}

	m.Properties = c.Rest()
	return m
}

// BundleAdd puts a message into a bundle. On the wire Message has the same
// transaction id as the BundleAdd (EXT-230), which AppendMessage sees to.
type BundleAdd struct {
	BundleID   uint32
	Flags      BundleFlags
	Message    Message // Not a BundleAdd.
	Properties []byte  // Undecoded; nil in practice.
}

// Type implements [Message].
func (*BundleAdd) Type() Type { return TypeExperimenter }

func (m *BundleAdd) appendBody(b []byte, xid uint32) ([]byte, error) {
	b = appendExperimenter(b, wire.ExperimenterONF, onfBundleAdd)
	b = be.AppendUint32(b, m.BundleID)
	b = append(b, 0, 0)
	b = be.AppendUint16(b, uint16(m.Flags))
	if _, nested := m.Message.(*BundleAdd); nested || m.Message == nil {
		return b, fmt.Errorf("bundle_add: %w: message %T", wire.ErrValue, m.Message)
	}

	start := len(b)
	b, err := AppendMessage(b, xid, m.Message)
	if err != nil {
		return b, fmt.Errorf("bundle_add: %w", err)
	}

	if len(m.Properties) > 0 {
		b = append(wire.AppendPad(b, start), m.Properties...)
	}

	return b, nil
}

func parseBundleAdd(c *wire.Cursor) Message {
	m := &BundleAdd{BundleID: c.Uint32("bundle_id")}
	c.Skip(2)
	m.Flags = BundleFlags(c.Uint16("flags"))
	start := c.Pos()
	inner := c.TLV(2, HeaderLen, 1, "message")
	version, typ := inner.Uint8("message.version"), Type(inner.Uint8("message.type"))
	inner.Skip(2)
	xid := inner.Uint32("message.xid")
	switch {
	case c.Err() != nil:
		return nil
	case version != Version:
		c.Fail(start, "message.version",
			fmt.Errorf("%w: %d, want %d", wire.ErrVersion, version, Version))
	case xid != be.Uint32(c.Message()[4:]):
		c.Fail(start+4, "message.xid",
			fmt.Errorf("%w: %#x differs from that of the bundle's message", wire.ErrValue, xid))
	case typ == TypeExperimenter:
		if m.Message = parseExperimenterIn(&inner); m.Message == nil {
			return nil
		}

	default:
		m.Message = parseBody(&inner, version, typ)
	}

	if c.Len() > 0 {
		c.Take(min(wire.Padding(c.Pos()-start), c.Len()), "pad")
		m.Properties = c.Rest()
	}

	return m
}

// parseExperimenterIn reads an experimenter's message inside a BundleAdd. Another BundleAdd must
// not be there.
func parseExperimenterIn(c *wire.Cursor) Message {
	start := c.Pos()
	m := parseExperimenter(c)
	if _, nested := m.(*BundleAdd); nested {
		c.Fail(start, "message", fmt.Errorf("%w: a bundle inside a bundle", wire.ErrValue))
		return nil
	}
	return m
}
