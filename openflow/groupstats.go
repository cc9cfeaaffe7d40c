package openflow

import (
	"time"

	"github.com/tapline-sdn/tapline/openflow/wire"
)

// GroupStatsRequest asks for the counters of a group, or of all with GroupAll
// (7.3.5.9).
type GroupStatsRequest struct{ ID uint32 }

func (GroupStatsRequest) multipartType() MultipartType { return MultipartGroup }

func (r GroupStatsRequest) appendRequest(b []byte) ([]byte, error) {
	return appendAligned(b, r.ID), nil
}

// BucketCounter is the counters of one bucket.
type BucketCounter struct{ PacketCount, ByteCount uint64 }

// GroupStats is the counters of one group.
type GroupStats struct {
	ID          uint32
	RefCount    uint32 // Flows and groups that forward to it.
	PacketCount uint64
	ByteCount   uint64
	Duration    time.Duration // How long the group has existed.
	Buckets     []BucketCounter
}

// GroupStatsReply is one part of the counters of groups.
type GroupStatsReply []GroupStats

func (GroupStatsReply) multipartType() MultipartType { return MultipartGroup }

func (r GroupStatsReply) appendReply(b []byte) ([]byte, error) {
	return appendList(b, r, appendGroupStats)
}

const groupStatsMinLen = 40

func appendGroupStats(b []byte, s *GroupStats) ([]byte, error) {
	start := len(b)
	b = be.AppendUint32(wire.AppendZeros(b, 4), s.ID)
	b = appendAligned(b, s.RefCount)
	b = be.AppendUint64(be.AppendUint64(b, s.PacketCount), s.ByteCount)
	b, err := appendDuration(b, s.Duration)
	if err != nil {
		return b, err
	}

	for _, c := range s.Buckets {
		b = be.AppendUint64(be.AppendUint64(b, c.PacketCount), c.ByteCount)
	}

	return b, wire.PutLength(b, start, start, "group_stats")
}

func parseGroupStats(c *wire.Cursor) GroupStats {
	e := c.TLV(0, groupStatsMinLen, 8, "group_stats")
	e.Skip(4)
	s := GroupStats{ID: e.Uint32("group_id"), RefCount: parseAligned(&e, "ref_count")}
	s.PacketCount, s.ByteCount = e.Uint64("packet_count"), e.Uint64("byte_count")
	s.Duration = parseDuration(&e)
	s.Buckets = parseList(&e, func(c *wire.Cursor) BucketCounter {
		return BucketCounter{c.Uint64("bucket.packet_count"), c.Uint64("bucket.byte_count")}
	})
	return s
}

// GroupDescRequest asks for all groups (7.3.5.10).
type GroupDescRequest struct{}

func (GroupDescRequest) multipartType() MultipartType { return MultipartGroupDesc }

func (GroupDescRequest) appendRequest(b []byte) ([]byte, error) { return b, nil }

// GroupDesc describes one group.
type GroupDesc struct {
	Group   GroupType
	ID      uint32
	Buckets []Bucket
}

// GroupDescReply is one part of the groups.
type GroupDescReply []GroupDesc

func (GroupDescReply) multipartType() MultipartType { return MultipartGroupDesc }

func (r GroupDescReply) appendReply(b []byte) ([]byte, error) {
	return appendList(b, r, func(b []byte, d *GroupDesc) ([]byte, error) {
		start := len(b)
		b = be.AppendUint32(append(b, 0, 0, byte(d.Group), 0), d.ID)
		b, err := appendBuckets(b, d.Buckets)
		if err != nil {
			return b, err
		}
		return b, wire.PutLength(b, start, start, "group_desc")
	})
}

func parseGroupDesc(c *wire.Cursor) GroupDesc {
	e := c.TLV(0, 8, 8, "group_desc")
	e.Skip(2)
	d := GroupDesc{Group: GroupType(e.Uint8("type"))}
	e.Skip(1)
	d.ID = e.Uint32("group_id")
	d.Buckets = parseBuckets(&e)
	return d
}

// GroupFeaturesRequest asks what groups the switch can do (7.3.5.11).
type GroupFeaturesRequest struct{}

func (GroupFeaturesRequest) multipartType() MultipartType { return MultipartGroupFeatures }

func (GroupFeaturesRequest) appendRequest(b []byte) ([]byte, error) { return b, nil }

// GroupFeatures is what groups the switch can do. Arrays are indexed by
// GroupType.
type GroupFeatures struct {
	Types        uint32 // Bit n: type n is supported.
	Capabilities uint32
	MaxGroups    [4]uint32
	Actions      [4]uint32 // Bit n: the action of wire type n is supported.
}

func (GroupFeatures) multipartType() MultipartType { return MultipartGroupFeatures }

func (r GroupFeatures) appendReply(b []byte) ([]byte, error) {
	b = be.AppendUint32(be.AppendUint32(b, r.Types), r.Capabilities)
	for _, list := range [...][4]uint32{r.MaxGroups, r.Actions} {
		for _, v := range list {
			b = be.AppendUint32(b, v)
		}
	}

	return b, nil
}

func parseGroupFeatures(c *wire.Cursor) MultipartReplyBody {
	r := GroupFeatures{Types: c.Uint32("type"), Capabilities: c.Uint32("capabilities")}
	for _, list := range [...]*[4]uint32{&r.MaxGroups, &r.Actions} {
		for i := range list {
			list[i] = c.Uint32("group_features")
		}
	}

	return r
}
