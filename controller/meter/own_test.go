package meter_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/meter"
	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/openflow/flowtable"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// counting is the statistics of a capture's flow that only counts: the n-th of its kind.
func counting(
	counts tap.FlowCount, n int, now time.Time, packetCount int, tapFlows ...string,
) meter.FlowCount {
	return meter.FlowCount{
		Meter: reconcile.Meter{Owner: "cap", Counts: counts, TapFlows: tapFlows},
		Key: flowtable.KeyOf(16, 1, oxm.Match{oxm.Metadata(uint64(n)),
			oxm.Reg(len(counts)%8, 1)}),
		Age: now.Sub(at(0)), Count: packets(packetCount),
	}
}

// ownSteps feeds a book with readings, 10 seconds apart.
type ownSteps struct {
	*testing.T
	book *meter.Book
	now  float64
}

func (s *ownSteps) read(flows []string, entered int, counted ...meter.FlowCount) {
	s.now += 10
	now := at(s.now)
	for i := range counted {
		counted[i].Age = now.Sub(at(0))
	}
	s.book.Take("h1", meter.Reading{At: now,
		Flows: append(captured("cap", now, 0, entered, entered), counted...)},
		map[string]meter.Route{"cap": {Service: "svc", Flows: flows}})
}

// own checks what is a tap flow's own, in packets; -1 says that it is not known.
func (s *ownSteps) own(flow string, want int) {
	s.Helper()
	got := s.book.Flow(flow, at(s.now)).ByMAC
	if want < 0 {
		assert.Nil(s, got, flow)
		return
	}
	require.NotNil(s, got, flow)
	assert.Equal(s, packets(want), got.Captured.Count, flow)
	assert.Nil(s, got.Selected, "without a filter")
}

// TestOwnOfSharedCapture follows a tap flow that is joined by another one, and left alone again.
func TestOwnOfSharedCapture(t *testing.T) {
	sent := func(all, f, g, unexplained int) []meter.FlowCount {
		return []meter.FlowCount{
			counting(tap.CountsSent, 1, start, f, "f"), counting(tap.CountsSent, 2, start, g, "g"),
			counting(tap.CountsSent, 3, start, all-f-g),
			counting(tap.CountsUnexplained, 4, start, unexplained),
		}
	}

	s := ownSteps{T: t, book: meter.NewBook()}
	s.read([]string{"f"}, 100)
	s.own("f", -1)
	assert.False(t, s.book.Flow("f", at(s.now)).Shared)

	// 20 more before the other joined, 50 since then, of which 30 and 15 are told by address.
	s.read([]string{"f", "g"}, 170, sent(50, 30, 15, 5)...)
	s.own("f", 150)
	s.own("g", 15)
	c := s.book.Flow("g", at(s.now))
	assert.True(t, c.Shared)
	assert.Equal(t, packets(5), c.ByMAC.Unexplained)
	assert.Equal(t, packets(70), c.Captured.Count, "of all that share the capture")

	s.read([]string{"f", "g"}, 270, sent(150, 90, 55, 5)...)
	s.own("f", 210)
	s.own("g", 55)
	assert.InDelta(t, 6, s.book.Flow("f", at(s.now)).ByMAC.Captured.PacketsPerSecond, 0.01)

	// The last counts of what was removed are not known, and so neither is whose the rest is.
	s.read([]string{"f"}, 300)
	s.own("f", 210)
	s.read([]string{"f"}, 340)
	s.own("f", 250)
}

// TestOwnBeforeFlowsCount: a switch may be read when a tap flow is known and its flows that count
// are not there yet.
func TestOwnBeforeFlowsCount(t *testing.T) {
	s := ownSteps{T: t, book: meter.NewBook()}
	s.read([]string{"f"}, 100)
	s.read([]string{"f", "g"}, 110)
	s.own("f", -1)
	s.read([]string{"f", "g"}, 150, counting(tap.CountsSent, 1, start, 20, "f"),
		counting(tap.CountsReceived, 2, start, 25, "g"), counting(tap.CountsSent, 3, start, 10))
	s.own("f", 100+10+10+20)
	s.own("g", 25)

	s.read([]string{"f", "g", "h"}, 160, counting(tap.CountsSent, 1, start, 30, "f"),
		counting(tap.CountsReceived, 2, start, 25, "g"), counting(tap.CountsSent, 3, start, 10))
	s.own("f", 150)
	s.own("h", -1)
	s.read([]string{"f", "g", "h"}, 170, counting(tap.CountsSent, 1, start, 30, "f"),
		counting(tap.CountsReceived, 2, start, 25, "g"), counting(tap.CountsSent, 3, start, 20),
		counting(tap.CountsReceived, 5, start, 4, "h"))
	s.own("h", 4)
}

// TestOwnIsNotKnown: a tap flow of a whole switch has no address, and of a capture that was found
// shared nobody knows whose the packets before were.
func TestOwnIsNotKnown(t *testing.T) {
	s := ownSteps{T: t, book: meter.NewBook()}
	count := func(f int) []meter.FlowCount {
		return []meter.FlowCount{
			counting(tap.CountsSent, 1, start, f, "f"), counting(tap.CountsSent, 3, start, 10),
		}
	}
	for i := range 3 {
		s.read([]string{"f", "vswitch"}, 100+10*i, count(10*i)...)
		s.own("f", 10*i)
		s.own("vswitch", -1)
	}

	// Without flows that count for a while, it is not known for good.
	for range maxMissed {
		s.read([]string{"f", "vswitch"}, 200)
		s.own("f", -1)
	}
	s.read([]string{"f", "vswitch"}, 210, count(100)...)
	s.own("f", -1)
}

const maxMissed = 2

// TestOwnSelected: with a filter, what it accepts is counted by address too.
func TestOwnSelected(t *testing.T) {
	b := meter.NewBook()
	routes := map[string]meter.Route{"cap": {Service: "svc", Flows: []string{"f", "g"},
		Filtered: true}}
	for i := range 3 {
		now := at(10 * float64(i+1))
		b.Take("h1", meter.Reading{At: now, Flows: append(captured("cap", now, 0, 100*i, 30*i),
			counting(tap.CountsSent, 1, now, 60*i, "f"),
			counting(tap.CountsReceived, 2, now, 40*i, "g"),
			counting(tap.CountsSent, 3, now, 40*i),
			counting(tap.CountsSelected, 4, now, 20*i, "f"),
			counting(tap.CountsSelected, 5, now, 5*i, "g"),
			counting(tap.CountsSelected, 6, now, 1*i, "g"))}, routes)
	}

	for flow, want := range map[string][2]int{"f": {120, 40}, "g": {80, 12}} {
		got := b.Flow(flow, at(30)).ByMAC
		require.NotNil(t, got, flow)
		assert.Equal(t, fmt.Sprint(packets(want[0]), packets(want[1])),
			fmt.Sprint(got.Captured.Count, *got.Selected), flow)
	}
}

// TestFlowIsReplaced: a flow that gets other instructions, such as a meter, keeps what it has
// counted, and has the age of a new one.
func TestFlowIsReplaced(t *testing.T) {
	b := meter.NewBook()
	routes := map[string]meter.Route{"cap": {Service: "svc", Flows: []string{"f"}}}
	b.Take("h1", meter.Reading{At: at(10), Flows: captured("cap", at(10), 0, 100, 100)}, routes)
	flows := captured("cap", at(20), 0, 130, 130)
	flows[0].Age = 5 * time.Second
	b.Take("h1", meter.Reading{At: at(20), Flows: flows}, routes)

	got := b.Flow("f", at(20))
	assert.Equal(t, packets(130), got.Captured.Count)
	assert.Equal(t, packets(130), got.Delivered.Count)
	assert.Zero(t, got.Guarded)
}

// TestDuplicatesAreFiltered: what dedup drops has passed the guard, and was left out.
func TestDuplicatesAreFiltered(t *testing.T) {
	b := meter.NewBook()
	routes := map[string]meter.Route{"cap": {Service: "svc", Flows: []string{"f"}}}
	now := at(10)
	flows := append(captured("cap", now, 0, 100, 70), flow(reconcile.Meter{
		Owner: "cap", Selects: true}, 2, now, 0, 70))
	flows = append(flows, meter.FlowCount{Count: packets(30), Age: 10 * time.Second,
		Meter: reconcile.Meter{Owner: "cap", Rejects: true, Counts: tap.CountsDuplicates},
		Key:   flowtable.KeyOf(2, 2000, nil)})
	b.Take("h1", meter.Reading{At: now, Flows: flows}, routes)

	got := b.Flow("f", now)
	assert.Equal(t, packets(30), got.Filtered)
	assert.Zero(t, got.Guarded)
	assert.Equal(t, packets(70), got.Delivered.Count)
	assert.Nil(t, got.ByMAC)
}
