package openflow

import (
	"time"

	"github.com/tapline-sdn/tapline/openflow/wire"
)

// DescRequest asks for the description of the switch (7.3.5.1).
type DescRequest struct{}

func (DescRequest) multipartType() MultipartType { return MultipartDesc }

func (DescRequest) appendRequest(b []byte) ([]byte, error) { return b, nil }

// Desc describes the switch (7.3.5.1).
type Desc struct {
	Manufacturer, Hardware, Software string // Up to 256 bytes.
	SerialNum                        string // Up to 32 bytes.
	Datapath                         string // Up to 256 bytes.
}

func (Desc) multipartType() MultipartType { return MultipartDesc }

const (
	descStrLen   = 256
	serialNumLen = 32
)

func (r Desc) appendReply(b []byte) ([]byte, error) {
	var err error
	for _, f := range [...]struct {
		s    string
		n    int
		name string
	}{
		{r.Manufacturer, descStrLen, "mfr_desc"},
		{r.Hardware, descStrLen, "hw_desc"},
		{r.Software, descStrLen, "sw_desc"},
		{r.SerialNum, serialNumLen, "serial_num"},
		{r.Datapath, descStrLen, "dp_desc"},
	} {
		if b, err = wire.AppendText(b, f.s, f.n, f.name); err != nil {
			return b, err
		}
	}

	return b, nil
}

func parseDesc(c *wire.Cursor) MultipartReplyBody {
	return Desc{
		Manufacturer: c.Text(descStrLen, "mfr_desc"),
		Hardware:     c.Text(descStrLen, "hw_desc"),
		Software:     c.Text(descStrLen, "sw_desc"),
		SerialNum:    c.Text(serialNumLen, "serial_num"),
		Datapath:     c.Text(descStrLen, "dp_desc"),
	}
}

// TableStatsRequest asks for the counters of all tables (7.3.5.4).
type TableStatsRequest struct{}

func (TableStatsRequest) multipartType() MultipartType { return MultipartTable }

func (TableStatsRequest) appendRequest(b []byte) ([]byte, error) { return b, nil }

// TableStats is the counters of one table.
type TableStats struct {
	Table        TableID
	ActiveCount  uint32 // Flows.
	LookupCount  uint64
	MatchedCount uint64
}

// TableStatsReply is one part of the counters of tables.
type TableStatsReply []TableStats

func (TableStatsReply) multipartType() MultipartType { return MultipartTable }

func (r TableStatsReply) appendReply(b []byte) ([]byte, error) {
	for _, t := range r {
		b = be.AppendUint32(append(b, byte(t.Table), 0, 0, 0), t.ActiveCount)
		b = be.AppendUint64(be.AppendUint64(b, t.LookupCount), t.MatchedCount)
	}
	return b, nil
}

func parseTableStats(c *wire.Cursor) TableStats {
	t := TableStats{Table: TableID(c.Uint8("table_id"))}
	c.Skip(3)
	t.ActiveCount = c.Uint32("active_count")
	t.LookupCount, t.MatchedCount = c.Uint64("lookup_count"), c.Uint64("matched_count")
	return t
}

// PortDescRequest asks for all ports (7.3.5.7).
type PortDescRequest struct{}

func (PortDescRequest) multipartType() MultipartType { return MultipartPortDesc }

func (PortDescRequest) appendRequest(b []byte) ([]byte, error) { return b, nil }

// PortDescReply is one part of the ports.
type PortDescReply []Port

func (PortDescReply) multipartType() MultipartType { return MultipartPortDesc }

func (r PortDescReply) appendReply(b []byte) ([]byte, error) { return appendList(b, r, appendPort) }

// PortStatsRequest asks for the counters of one port, or of all if Port is
// zero (7.3.5.6).
type PortStatsRequest struct{ Port PortNo }

func (PortStatsRequest) multipartType() MultipartType { return MultipartPortStats }

func (r PortStatsRequest) appendRequest(b []byte) ([]byte, error) {
	return appendAligned(b, outPort(r.Port)), nil
}

func parsePortStatsRequest(c *wire.Cursor) MultipartRequestBody {
	r := PortStatsRequest{parseOutPort(c)}
	c.Skip(4)
	return r
}

// PortStats is the counters of one port. A counter of all ones is not
// supported.
type PortStats struct {
	Port                 PortNo
	RxPackets, TxPackets uint64
	RxBytes, TxBytes     uint64
	RxDropped, TxDropped uint64
	RxErrors, TxErrors   uint64
	RxFrameErr           uint64
	RxOverErr            uint64
	RxCRCErr             uint64
	Collisions           uint64
	Duration             time.Duration // How long the port has existed.
}

// counters lists the counters in the order of the wire.
func (s *PortStats) counters() [12]*uint64 {
	return [12]*uint64{
		&s.RxPackets, &s.TxPackets, &s.RxBytes, &s.TxBytes, &s.RxDropped, &s.TxDropped,
		&s.RxErrors, &s.TxErrors, &s.RxFrameErr, &s.RxOverErr, &s.RxCRCErr, &s.Collisions,
	}
}

// PortStatsReply is one part of the counters of ports.
type PortStatsReply []PortStats

func (PortStatsReply) multipartType() MultipartType { return MultipartPortStats }

func (r PortStatsReply) appendReply(b []byte) ([]byte, error) {
	return appendList(b, r, func(b []byte, s *PortStats) ([]byte, error) {
		b = appendAligned(b, uint32(s.Port))
		for _, v := range s.counters() {
			b = be.AppendUint64(b, *v)
		}
		return appendDuration(b, s.Duration)
	})
}

func parsePortStats(c *wire.Cursor) PortStats {
	s := PortStats{Port: PortNo(parseAligned(c, "port_no"))}
	for _, v := range s.counters() {
		*v = c.Uint64("counter")
	}

	s.Duration = parseDuration(c)
	return s
}

// QueueFilter restricts a request to one queue. Its zero value is all queues
// (OFPQ_ALL).
type QueueFilter uint32 // Wire value plus one, so that OFPQ_ALL is zero.

// OnlyQueue is the restriction to queue id.
func OnlyQueue(id uint32) QueueFilter { return QueueFilter(id + 1) }

// QueueStatsRequest asks for the counters of queues (7.3.5.8).
type QueueStatsRequest struct {
	Port  PortNo // Zero is all ports.
	Queue QueueFilter
}

func (QueueStatsRequest) multipartType() MultipartType { return MultipartQueue }

func (r QueueStatsRequest) appendRequest(b []byte) ([]byte, error) {
	return be.AppendUint32(be.AppendUint32(b, outPort(r.Port)), uint32(r.Queue)-1), nil
}

// QueueStats is the counters of one queue.
type QueueStats struct {
	Port                         PortNo
	Queue                        uint32
	TxBytes, TxPackets, TxErrors uint64
	Duration                     time.Duration // How long the queue has existed.
}

// QueueStatsReply is one part of the counters of queues.
type QueueStatsReply []QueueStats

func (QueueStatsReply) multipartType() MultipartType { return MultipartQueue }

func (r QueueStatsReply) appendReply(b []byte) ([]byte, error) {
	return appendList(b, r, func(b []byte, s *QueueStats) ([]byte, error) {
		b = be.AppendUint32(be.AppendUint32(b, uint32(s.Port)), s.Queue)
		b = be.AppendUint64(be.AppendUint64(be.AppendUint64(b, s.TxBytes), s.TxPackets), s.TxErrors)
		return appendDuration(b, s.Duration)
	})
}

func parseQueueStats(c *wire.Cursor) QueueStats {
	return QueueStats{
		Port:      PortNo(c.Uint32("port_no")),
		Queue:     c.Uint32("queue_id"),
		TxBytes:   c.Uint64("tx_bytes"),
		TxPackets: c.Uint64("tx_packets"),
		TxErrors:  c.Uint64("tx_errors"),
		Duration:  parseDuration(c),
	}
}
