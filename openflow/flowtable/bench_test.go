package flowtable_test

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/flowtable"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/testenv/ovs"
)

const benchFlows = 10_000

// delivery makes n flows as a tap bridge has them.
func delivery(n int) []flowtable.Flow {
	list := make([]flowtable.Flow, n)
	for i := range list {
		list[i] = flowtable.Flow{
			Table: 3, Priority: 100, Cookie: openflow.Cookie(i),
			Match: oxm.Match{oxm.Metadata(uint64(i))},
			Instructions: []action.Instruction{action.ApplyActions{
				action.SetField{Field: oxm.TunnelID(uint64(i))},
				action.SetField{Field: oxm.TunDst(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8),
					byte(i)}))},
				action.Output{Port: 1},
			}},
		}
	}

	return list
}

// BenchmarkBundle installs flows in one bundle in a real switch, by Apply and by ovs-ofctl in turn,
// and tells the rates of both and their ratio: above 1, Apply is the faster.
func BenchmarkBundle(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := ovs.StartBridge(b)
			conn := dial(b, s)
			flows := delivery(n)
			adds := flowtable.Diff(flows, nil, flowtable.Options{})
			path := flowFile(b, flows)
			var ours, peers []time.Duration
			for b.Loop() {
				start := time.Now()

				if err := flowtable.Apply(b.Context(), conn, adds); err != nil {
					b.Fatal(err)
				}

				ours = append(ours, time.Since(start))
				clearFlows(b, s)
				start = time.Now()
				s.Ofctl("--bundle", "add-flows", "br0", path)
				peers = append(peers, time.Since(start))
				clearFlows(b, s)
			}

			mine, peer := median(ours), median(peers)
			b.ReportMetric(float64(n)/mine.Seconds(), "ours-flow-mods/s")
			b.ReportMetric(float64(n)/peer.Seconds(), "ovs-ofctl-flow-mods/s")
			b.ReportMetric(peer.Seconds()/mine.Seconds(), "ratio")
		})
	}
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

// flowFile writes flows as ovs-ofctl reads them.
func flowFile(b *testing.B, flows []flowtable.Flow) string {
	b.Helper()
	var text strings.Builder
	for _, f := range flows {
		m := f.Add()
		fmt.Fprintln(&text, &m)
	}

	path := filepath.Join(b.TempDir(), "flows")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		b.Fatal(err)
	}

	return path
}

func clearFlows(b *testing.B, s ovs.Bridge) {
	b.Helper()
	s.Ofctl("del-flows", "br0")
}

// BenchmarkApplyOne is the time of one flow-mod from call to commit.
func BenchmarkApplyOne(b *testing.B) {
	s := ovs.StartBridge(b)
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
	s := ovs.StartBridge(b)
	conn := dial(b, s)
	if err := flowtable.Apply(b.Context(), conn,
		flowtable.Diff(delivery(benchFlows), nil, flowtable.Options{})); err != nil {
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
