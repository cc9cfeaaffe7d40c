package openflow_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/tapline-sdn/tapline/openflow"
)

// deliver is a flow of the size that is usual in practice.
func deliver() *openflow.FlowMod {
	return &openflow.FlowMod{
		Cookie: 0x1234, Table: 3, Priority: 100,
		Match: openflow.Match{openflow.InPort(5), openflow.MetadataMasked(7, 0xffff)},
		Instructions: []openflow.Instruction{openflow.ApplyActions{
			openflow.SetField{Field: openflow.TunnelID(42)},
			openflow.SetField{Field: openflow.TunDst(netip.MustParseAddr("192.0.2.1"))},
			openflow.Output{Port: 1},
		}},
	}
}

func TestAppendFlowModDoesNotAllocate(t *testing.T) {
	m := deliver()
	add := &openflow.BundleAdd{BundleID: 1, Message: m}
	buf := make([]byte, 0, 1024)
	for _, m := range []openflow.Message{m, add} {
		if n := testing.AllocsPerRun(100, func() { _, _ = openflow.AppendMessage(buf, 1, m) }); n != 0 {
			t.Errorf("AppendMessage(%T) allocates %v times", m, n)
		}
	}
}

func BenchmarkAppendFlowMod(b *testing.B) {
	m := deliver()
	buf, err := openflow.AppendMessage(nil, 1, m)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		if buf, err = openflow.AppendMessage(buf[:0], 1, m); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkParse reads the statistics of 450 flows, about as many as fit in one
// message.
func BenchmarkParse(b *testing.B) {
	flows := make(openflow.FlowStatsReply, 450)
	for i := range flows {
		m := deliver()
		m.Match[0] = openflow.InPort(openflow.PortNo(i + 1))
		flows[i] = openflow.FlowStats{Table: m.Table, Duration: time.Second, Priority: m.Priority, Match: m.Match,
			Instructions: m.Instructions}
	}
	msg := encode(b, 1, &openflow.MultipartReply{Body: flows})
	b.SetBytes(int64(len(msg)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := openflow.Parse(msg); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(flows)*b.N)/b.Elapsed().Seconds(), "flows/s")
}
