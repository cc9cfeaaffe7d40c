// Package pcapng writes the stream of a live capture: pcapng (draft-ietf-opsawg-pcapng) with one
// section and one Ethernet interface, which ends with the interface's statistics.
package pcapng

import (
	"encoding/binary"
	"io"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

// MediaType is that of the stream.
const MediaType = "application/x-pcapng"

// Interface is what packets are captured of.
type Interface struct {
	Name        string // such as the guest's
	Description string
	Filter      string // "" for none
	Snaplen     uint32 // 0 for none
}

// Statistics are what became of the packets of an interface.
type Statistics struct {
	Start, End time.Time
	Received   uint64
	Dropped    uint64 // by the rate limit, and on the way (isb_ifdrop)
	Overflowed uint64 // since the reader was too slow (isb_osdrop)
	Comment    string // how the capture ended
}

// Writer writes one stream. What it has written reaches the reader with [Writer.Flush].
type Writer struct {
	out io.Writer
	ng  *pcapgo.NgWriter
}

// NewWriter writes the beginning of a stream.
func NewWriter(out io.Writer, of Interface, application string) (*Writer, error) {
	ng, err := pcapgo.NewNgWriterInterface(out, pcapgo.NgInterface{
		Name: of.Name, Description: of.Description, Filter: of.Filter, SnapLength: of.Snaplen,
		LinkType: layers.LinkTypeEthernet,
	}, pcapgo.NgWriterOptions{SectionInfo: pcapgo.NgSectionInfo{Application: application}})
	if err != nil {
		return nil, err
	}
	return &Writer{out, ng}, nil
}

// Frame writes the beginning of a packet of some length.
func (w *Writer) Frame(at time.Time, data []byte, length int) error {
	return w.ng.WritePacket(gopacket.CaptureInfo{Timestamp: at, CaptureLength: len(data),
		Length: max(length, len(data))}, data)
}

// Flush passes on what was written.
func (w *Writer) Flush() error { return w.ng.Flush() }

// Types of the block of statistics and of its options (section 4.6 of the draft). The library
// writes neither comments nor isb_osdrop.
const (
	statisticsBlock = 5

	optionEnd       = 0
	optionComment   = 1
	optionStartTime = 2
	optionEndTime   = 3
	optionReceived  = 4
	optionDropped   = 5
	optionOSDropped = 7
)

// Statistics writes the statistics, and passes everything on.
func (w *Writer) Statistics(s Statistics) error {
	if err := w.ng.Flush(); err != nil {
		return err
	}

	var options []byte
	if s.Comment != "" {
		options = appendOption(options, optionComment, []byte(s.Comment))
	}
	options = appendOption(options, optionStartTime, timestamp(s.Start))
	options = appendOption(options, optionEndTime, timestamp(s.End))
	for _, count := range []struct {
		code  uint16
		value uint64
	}{
		{optionReceived, s.Received}, {optionDropped, s.Dropped}, {optionOSDropped, s.Overflowed},
	} {
		options = appendOption(options, count.code,
			binary.LittleEndian.AppendUint64(nil, count.value))
	}
	options = appendOption(options, optionEnd, nil)

	const fixed = 24 // type, two lengths, interface, timestamp
	length := uint32(fixed + len(options))
	block := binary.LittleEndian.AppendUint32(nil, statisticsBlock)
	block = binary.LittleEndian.AppendUint32(block, length)
	block = binary.LittleEndian.AppendUint32(block, 0)
	block = append(append(block, timestamp(s.End)...), options...)
	_, err := w.out.Write(binary.LittleEndian.AppendUint32(block, length))
	return err
}

// timestamp is a time in nanoseconds, its high half first.
func timestamp(t time.Time) []byte {
	ns := uint64(t.UnixNano())
	high := binary.LittleEndian.AppendUint32(nil, uint32(ns>>32))
	return binary.LittleEndian.AppendUint32(high, uint32(ns))
}

func appendOption(b []byte, code uint16, value []byte) []byte {
	b = binary.LittleEndian.AppendUint16(b, code)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(value)))
	b = append(b, value...)
	return append(b, make([]byte, (4-len(value)%4)%4)...)
}
