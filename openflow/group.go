package openflow

import (
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/wire"
)

// GroupModCommand says what a GroupMod does (7.3.4.2).
type GroupModCommand uint16

// Commands.
const (
	GroupAdd    GroupModCommand = 0
	GroupModify GroupModCommand = 1
	GroupDelete GroupModCommand = 2
)

// GroupType says which buckets of a group a packet goes through (5.6.1).
type GroupType uint8

// Types.
const (
	GroupTypeAll      GroupType = 0
	GroupTypeSelect   GroupType = 1
	GroupTypeIndirect GroupType = 2
	GroupTypeFF       GroupType = 3 // Fast failover: the first live bucket.
)

// Bucket is a list of actions of a group (7.3.4.2).
type Bucket struct {
	Weight     uint16      // Share of a select group.
	WatchPort  PortNo      // Whose state makes the bucket live; zero is none.
	WatchGroup GroupFilter // Whose state makes the bucket live; zero is none.
	Actions    []action.Action
}

func appendBuckets(b []byte, buckets []Bucket) ([]byte, error) {
	for i := range buckets {
		start := len(b)
		b = be.AppendUint16(append(b, 0, 0), buckets[i].Weight)
		b = be.AppendUint32(b, outPort(buckets[i].WatchPort))
		b = be.AppendUint32(b, uint32(buckets[i].WatchGroup)-1)
		b = wire.AppendZeros(b, 4)
		var err error
		if b, err = action.AppendActions(b, buckets[i].Actions); err != nil {
			return b, err
		}
		if err := wire.PutLength(b, start, start, "bucket"); err != nil {
			return b, err
		}
	}

	return b, nil
}

func parseBuckets(c *wire.Cursor) []Bucket {
	var buckets []Bucket
	for c.Len() > 0 {
		b := c.TLV(0, 16, 8, "bucket")
		b.Skip(2)
		bucket := Bucket{
			Weight:     b.Uint16("weight"),
			WatchPort:  parseOutPort(&b),
			WatchGroup: GroupFilter(b.Uint32("watch_group") + 1),
		}

		b.Skip(4)
		bucket.Actions = action.ParseActions(&b)
		buckets = append(buckets, bucket)
	}

	return buckets
}

// GroupMod adds, changes or deletes a group (7.3.4.2).
type GroupMod struct {
	Command GroupModCommand
	Group   GroupType
	ID      uint32 // GroupAll deletes all groups.
	Buckets []Bucket
}

// Type implements [Message].
func (*GroupMod) Type() Type { return TypeGroupMod }

func (m *GroupMod) appendBody(b []byte, _ uint32) ([]byte, error) {
	b = be.AppendUint16(b, uint16(m.Command))
	b = be.AppendUint32(append(b, byte(m.Group), 0), m.ID)
	return appendBuckets(b, m.Buckets)
}

func parseGroupMod(c *wire.Cursor) Message {
	m := &GroupMod{Command: GroupModCommand(c.Uint16("command")), Group: GroupType(c.Uint8("type"))}
	c.Skip(1)
	m.ID = c.Uint32("group_id")
	m.Buckets = parseBuckets(c)
	return m
}
