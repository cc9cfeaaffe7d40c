package openflow

import (
	"fmt"

	"github.com/tapline-sdn/tapline/openflow/wire"
)

// MeterModCommand says what a MeterMod does (7.3.4.4).
type MeterModCommand uint16

// Commands.
const (
	MeterAdd    MeterModCommand = 0
	MeterModify MeterModCommand = 1
	MeterDelete MeterModCommand = 2
)

// MeterFlags are the units and options of a meter.
type MeterFlags uint16

// Flags.
const (
	MeterKbps  MeterFlags = 1 << 0 // Rates are in kbit/s.
	MeterPktps MeterFlags = 1 << 1 // Rates are in packets per second.
	MeterBurst MeterFlags = 1 << 2 // Bands have a burst size.
	MeterCount MeterFlags = 1 << 3 // Keep counters (OFPMF_STATS).
)

// Special meters (7.3.4.4).
const (
	MeterMax        uint32 = 0xffff0000 // The highest number of a meter.
	MeterSlowPath   uint32 = 0xfffffffd
	MeterController uint32 = 0xfffffffe
	MeterAll        uint32 = 0xffffffff
)

// BandType says what happens to packets above the rate of a band.
type BandType uint16

// Types of bands.
const (
	BandDrop         BandType = 1
	BandDSCPRemark   BandType = 2
	BandExperimenter BandType = 0xffff
)

// Band is a rate of a meter.
type Band struct {
	Kind      BandType
	Rate      uint32 // kbit/s or packets per second.
	BurstSize uint32 // kbit or packets.
	// Param is prec_level in the first byte for DSCPRemark, the experimenter
	// for Experimenter, and 0 for Drop.
	Param uint32
}

const bandLen = 16

func appendBands(b []byte, bands []Band) []byte {
	for _, band := range bands {
		b = be.AppendUint16(be.AppendUint16(b, uint16(band.Kind)), bandLen)
		b = be.AppendUint32(b, band.Rate)
		b = be.AppendUint32(b, band.BurstSize)
		b = be.AppendUint32(b, band.Param)
	}

	return b
}

func parseBands(c *wire.Cursor) []Band {
	var bands []Band
	for c.Len() > 0 {
		b := c.TLV(2, bandLen, 8, "band")
		kind := BandType(b.Uint16("band.type"))
		b.Skip(2)
		bands = append(bands,
			Band{kind, b.Uint32("rate"), b.Uint32("burst_size"), b.Uint32("band.param")})
		b.Done("band")
	}

	return bands
}

// MeterMod adds, changes or deletes a meter (7.3.4.4).
type MeterMod struct {
	Command MeterModCommand
	Flags   MeterFlags
	ID      uint32
	Bands   []Band
}

// Type implements [Message].
func (*MeterMod) Type() Type { return TypeMeterMod }

func (m *MeterMod) appendBody(b []byte, _ uint32) ([]byte, error) {
	b = be.AppendUint16(b, uint16(m.Command))
	b = be.AppendUint16(b, uint16(m.Flags))
	return appendBands(be.AppendUint32(b, m.ID), m.Bands), nil
}

func parseMeterMod(c *wire.Cursor) Message {
	m := &MeterMod{
		Command: MeterModCommand(c.Uint16("command")),
		Flags:   MeterFlags(c.Uint16("flags")),
		ID:      c.Uint32("meter_id"),
	}
	if m.Command > MeterDelete {
		c.Fail(c.Pos()-8, "command",
			fmt.Errorf("%w: %d, want 0 to %d", wire.ErrValue, m.Command, MeterDelete))
	}

	m.Bands = parseBands(c)
	return m
}
