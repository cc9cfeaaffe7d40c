package openflow

import (
	"time"

	"github.com/tapline-sdn/tapline/openflow/wire"
)

// MeterStatsRequest asks for the counters of a meter, or of all with MeterAll
// (7.3.5.12).
type MeterStatsRequest struct{ ID uint32 }

func (MeterStatsRequest) multipartType() MultipartType { return MultipartMeter }

func (r MeterStatsRequest) appendRequest(b []byte) ([]byte, error) {
	return appendAligned(b, r.ID), nil
}

// BandCounter is what one band has acted on.
type BandCounter struct{ PacketCount, ByteCount uint64 }

// MeterStats is the counters of one meter.
type MeterStats struct {
	ID          uint32
	FlowCount   uint32
	PacketCount uint64        // Packets that came in.
	ByteCount   uint64        // Bytes that came in.
	Duration    time.Duration // How long the meter has existed.
	Bands       []BandCounter
}

// MeterStatsReply is one part of the counters of meters.
type MeterStatsReply []MeterStats

func (MeterStatsReply) multipartType() MultipartType { return MultipartMeter }

func (r MeterStatsReply) appendReply(b []byte) ([]byte, error) {
	return appendList(b, r, appendMeterStats)
}

const meterStatsMinLen = 40

func appendMeterStats(b []byte, s *MeterStats) ([]byte, error) {
	start := len(b)
	b = wire.AppendZeros(be.AppendUint32(b, s.ID), 8) // The length is the first 2 of the 8.
	b = be.AppendUint32(b, s.FlowCount)
	b = be.AppendUint64(be.AppendUint64(b, s.PacketCount), s.ByteCount)
	b, err := appendDuration(b, s.Duration)
	if err != nil {
		return b, err
	}

	for _, c := range s.Bands {
		b = be.AppendUint64(be.AppendUint64(b, c.PacketCount), c.ByteCount)
	}

	return b, wire.PutLength(b, start, start+4, "meter_stats")
}

func parseMeterStats(c *wire.Cursor) MeterStats {
	e := c.TLV(4, meterStatsMinLen, 8, "meter_stats")
	s := MeterStats{ID: e.Uint32("meter_id")}
	e.Skip(8)
	s.FlowCount = e.Uint32("flow_count")
	s.PacketCount, s.ByteCount = e.Uint64("packet_in_count"), e.Uint64("byte_in_count")
	s.Duration = parseDuration(&e)
	s.Bands = parseList(&e, func(c *wire.Cursor) BandCounter {
		return BandCounter{c.Uint64("packet_band_count"), c.Uint64("byte_band_count")}
	})
	return s
}

// MeterConfigRequest asks for the configuration of a meter, or of all with
// MeterAll (7.3.5.13).
type MeterConfigRequest struct{ ID uint32 }

func (MeterConfigRequest) multipartType() MultipartType { return MultipartMeterConfig }

func (r MeterConfigRequest) appendRequest(b []byte) ([]byte, error) {
	return appendAligned(b, r.ID), nil
}

// MeterConfig is the configuration of one meter.
type MeterConfig struct {
	Flags MeterFlags
	ID    uint32
	Bands []Band
}

// MeterConfigReply is one part of the configurations of meters.
type MeterConfigReply []MeterConfig

func (MeterConfigReply) multipartType() MultipartType { return MultipartMeterConfig }

func (r MeterConfigReply) appendReply(b []byte) ([]byte, error) {
	return appendList(b, r, func(b []byte, m *MeterConfig) ([]byte, error) {
		start := len(b)
		b = be.AppendUint16(append(b, 0, 0), uint16(m.Flags))
		b = appendBands(be.AppendUint32(b, m.ID), m.Bands)
		return b, wire.PutLength(b, start, start, "meter_config")
	})
}

func parseMeterConfig(c *wire.Cursor) MeterConfig {
	e := c.TLV(0, 8, 8, "meter_config")
	e.Skip(2)
	return MeterConfig{MeterFlags(e.Uint16("flags")), e.Uint32("meter_id"), parseBands(&e)}
}

// MeterFeaturesRequest asks what meters the switch can do (7.3.5.14).
type MeterFeaturesRequest struct{}

func (MeterFeaturesRequest) multipartType() MultipartType { return MultipartMeterFeatures }

func (MeterFeaturesRequest) appendRequest(b []byte) ([]byte, error) { return b, nil }

// MeterFeatures is what meters the switch can do.
type MeterFeatures struct {
	MaxMeter     uint32
	BandTypes    uint32 // Bit n: BandType n is supported.
	Capabilities uint32 // Bits of MeterFlags.
	MaxBands     uint8
	MaxColor     uint8
}

func (MeterFeatures) multipartType() MultipartType { return MultipartMeterFeatures }

func (r MeterFeatures) appendReply(b []byte) ([]byte, error) {
	b = be.AppendUint32(be.AppendUint32(b, r.MaxMeter), r.BandTypes)
	b = be.AppendUint32(b, r.Capabilities)
	return append(b, r.MaxBands, r.MaxColor, 0, 0), nil
}

func parseMeterFeatures(c *wire.Cursor) MultipartReplyBody {
	r := MeterFeatures{
		MaxMeter:     c.Uint32("max_meter"),
		BandTypes:    c.Uint32("band_types"),
		Capabilities: c.Uint32("capabilities"),
		MaxBands:     c.Uint8("max_bands"),
		MaxColor:     c.Uint8("max_color"),
	}

	c.Skip(2)
	return r
}
