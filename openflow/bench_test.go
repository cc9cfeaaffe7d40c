package openflow_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/oxm"
)

// deliver is a flow of the size that is usual in practice.
func deliver() *openflow.FlowMod {
	return &openflow.FlowMod{
		Cookie: 0x1234, Table: 3, Priority: 100,
		Match: oxm.Match{oxm.InPort(5), oxm.MetadataMasked(7, 0xffff)},
		Instructions: []action.Instruction{action.ApplyActions{
			action.SetField{Field: oxm.TunnelID(42)},
			action.SetField{Field: oxm.TunDst(netip.MustParseAddr("192.0.2.1"))},
			action.Output{Port: 1},
		}},
	}
}

func TestAppendFlowModDoesNotAllocate(t *testing.T) {
	m := deliver()
	add := &openflow.BundleAdd{BundleID: 1, Message: m}
	buf := make([]byte, 0, 1024)
	for _, m := range []openflow.Message{m, add} {
		if n := testing.AllocsPerRun(100,
			func() { _, _ = openflow.AppendMessage(buf, 1, m) }); n != 0 {
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

func BenchmarkParseFlowMod(b *testing.B) {
	msg := encode(b, 1, deliver())
	b.SetBytes(int64(len(msg)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := openflow.Parse(msg); err != nil {
			b.Fatal(err)
		}
	}
}

// statsReply is a reply with the statistics of 1,000 flows, in as many messages as it takes.
func statsReply(b *testing.B) (parts []*openflow.MultipartReply) {
	b.Helper()

	for len(parts) < 3 {
		flows := make(openflow.FlowStatsReply, 0, 400)
		for i := range min(400, 1000-400*len(parts)) {
			m := deliver()
			m.Match[0] = oxm.InPort(openflow.PortNo(i + 1))
			flows = append(flows,
				openflow.FlowStats{Table: m.Table, Duration: time.Second, Priority: m.Priority,
					Match:        m.Match,
					Instructions: m.Instructions})
		}

		parts = append(parts, &openflow.MultipartReply{Body: flows})
	}

	return parts
}

func BenchmarkParseFlowStats1000(b *testing.B) {
	var messages [][]byte
	size := 0
	for _, part := range statsReply(b) {
		messages = append(messages, encode(b, 1, part))
		size += len(messages[len(messages)-1])
	}

	b.SetBytes(int64(size))
	b.ReportAllocs()

	for b.Loop() {
		for _, msg := range messages {
			if _, _, err := openflow.Parse(msg); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkAppendFlowStats1000(b *testing.B) {
	parts := statsReply(b)
	buf := make([]byte, 0, 1<<16)
	b.ReportAllocs()

	for b.Loop() {
		for _, part := range parts {
			if _, err := openflow.AppendMessage(buf, 1, part); err != nil {
				b.Fatal(err)
			}
		}
	}
}
