package flowtable_test

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/flowtable"
	"github.com/tapline-sdn/tapline/openflow/internal/vswitchd"
)

const benchFlows = 10_000

// delivery makes n flows as a tap bridge has them.
func delivery(n int) []flowtable.Flow {
	list := make([]flowtable.Flow, n)
	for i := range list {
		list[i] = flowtable.Flow{
			Table: 3, Priority: 100, Cookie: openflow.Cookie(i),
			Match: openflow.Match{openflow.Metadata(uint64(i))},
			Instructions: []openflow.Instruction{openflow.ApplyActions{
				openflow.SetField{Field: openflow.TunnelID(uint64(i))},
				openflow.SetField{Field: openflow.TunDst(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}))},
				openflow.Output{Port: 1},
			}},
		}
	}
	return list
}

// BenchmarkApply installs 10,000 flows in one bundle in a real switch.
func BenchmarkApply(b *testing.B) {
	s := vswitchd.Start(b)
	conn := dial(b, s)
	adds := flowtable.Diff(delivery(benchFlows), nil, flowtable.Options{})
	for b.Loop() {
		if err := flowtable.Apply(b.Context(), conn, adds); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		clearFlows(b, s)
		b.StartTimer()
	}
	b.ReportMetric(float64(benchFlows*b.N)/b.Elapsed().Seconds(), "flow-mods/s")
}

// BenchmarkOfctlBundle is what BenchmarkApply is compared with.
func BenchmarkOfctlBundle(b *testing.B) {
	s := vswitchd.Start(b)
	var text strings.Builder
	for _, f := range delivery(benchFlows) {
		m := f.Add()
		fmt.Fprintln(&text, &m)
	}
	path := filepath.Join(b.TempDir(), "flows")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		s.Ofctl(b, "--bundle", "add-flows", "br0", path)
		b.StopTimer()
		clearFlows(b, s)
		b.StartTimer()
	}
	b.ReportMetric(float64(benchFlows*b.N)/b.Elapsed().Seconds(), "flow-mods/s")
}

func clearFlows(b *testing.B, s *vswitchd.Switch) {
	b.Helper()
	s.Ofctl(b, "del-flows", "br0")
}

// BenchmarkApplyOne is the time of one flow-mod from call to commit.
func BenchmarkApplyOne(b *testing.B) {
	s := vswitchd.Start(b)
	conn := dial(b, s)
	mods := flowtable.Diff(delivery(1), nil, flowtable.Options{})
	for b.Loop() {
		mods[0].Cookie++
		if err := flowtable.Apply(b.Context(), conn, mods); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDump reads 10,000 flows.
func BenchmarkDump(b *testing.B) {
	s := vswitchd.Start(b)
	conn := dial(b, s)
	if err := flowtable.Apply(b.Context(), conn, flowtable.Diff(delivery(benchFlows), nil, flowtable.Options{})); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if have, err := flowtable.Dump(b.Context(), conn); err != nil || len(have) != benchFlows {
			b.Fatalf("%d flows, %v", len(have), err)
		}
	}
}

// BenchmarkDiff compares 10,000 flows, of which 10 differ.
func BenchmarkDiff(b *testing.B) {
	want := delivery(benchFlows)
	have := installed(want)
	for i := range 10 {
		have[i*100].Cookie++
	}
	b.ReportAllocs()
	for b.Loop() {
		if mods := flowtable.Diff(want, have, flowtable.Options{}); len(mods) != 10 {
			b.Fatalf("%d mods, want 10", len(mods))
		}
	}
}
