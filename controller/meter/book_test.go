package meter_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/meter"
	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/flowtable"
	"github.com/tapline-sdn/tapline/openflow/oxm"
)

var (
	start  = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	source = netip.MustParseAddr("10.0.0.1")
)

func at(seconds float64) time.Time {
	return start.Add(time.Duration(seconds * float64(time.Second)))
}

const size = 100 // bytes of a packet

func packets(n int) meter.Count { return meter.Count{Packets: uint64(n), Bytes: uint64(size * n)} }

// flow is the statistics of a flow that was written at some second and has counted so many packets.
func flow(m reconcile.Meter, table openflow.TableID, now time.Time, written float64,
	n int) meter.FlowCount {
	match := oxm.Match{oxm.Metadata(uint64(len(m.Owner)))}
	if m.From.IsValid() {
		match = append(match, oxm.TunSrc(m.From))
	}
	for _, c := range m.Owner {
		match = append(match, oxm.Reg(int(c)%8, uint32(c)))
	}
	return meter.FlowCount{Meter: m, Key: flowtable.KeyOf(table, 1, match),
		Age: now.Sub(at(written)), Count: packets(n)}
}

// captured is a capture's flows: what entered, and what left.
func captured(owner string, now time.Time, written float64, entered, left int) []meter.FlowCount {
	return []meter.FlowCount{
		flow(reconcile.Meter{Owner: owner, Enters: true}, 0, now, written, entered),
		flow(reconcile.Meter{Owner: owner, Leaves: true}, 3, now, written, left),
	}
}

// received is a service's flows: what came from the source.
func received(now time.Time, written float64, n int) []meter.FlowCount {
	return []meter.FlowCount{
		flow(reconcile.Meter{Owner: "svc", Enters: true, From: source}, 0, now, written, n),
		flow(reconcile.Meter{Owner: "svc", Leaves: true}, 3, now, written, n),
	}
}

func remote(flows ...string) meter.Route {
	return meter.Route{Service: "svc", Flows: flows, Tunnel: source}
}

func sink() map[string]meter.Route {
	return map[string]meter.Route{"svc": {Service: "svc", Receives: true}}
}

func TestLocal(t *testing.T) {
	b := meter.NewBook()
	routes := map[string]meter.Route{"cap": {Service: "svc", Flows: []string{"f"}}}
	b.Take("h1", meter.Reading{At: at(10), Flows: captured("cap", at(10), 5, 100, 90)}, routes)
	b.Take("h1", meter.Reading{At: at(20), Flows: captured("cap", at(20), 5, 300, 280)}, routes)
	for name, c := range map[string]meter.Counters{"service": b.Service("svc", at(21)),
		"flow": b.Flow("f", at(21))} {
		assert.Equal(t, meter.Flowing{Count: packets(300), PacketsPerSecond: 20,
			BitsPerSecond: 16000}, c.Captured, name)
		assert.Equal(t, packets(20), c.Guarded, name)
		assert.Equal(t, packets(280), c.Delivered.Count, name)
		assert.Zero(t, c.Lost, name)
		assert.Equal(t, at(20), c.SampledAt, name)
		assert.False(t, c.Shared || c.Undivided, name)
	}

	assert.Zero(t, b.Flow("f", at(60)).Captured.PacketsPerSecond, "a rate without readings")
	assert.Zero(t, b.Flow("other", at(21)))

	b.ForgetFlow("f")
	b.ForgetService("svc")
	b.ForgetHost("h1")
	assert.Zero(t, b.Flow("f", at(21)))
	assert.Zero(t, b.Service("svc", at(21)))
}

func TestCountersOnlyGrow(t *testing.T) {
	b := meter.NewBook()
	routes := map[string]meter.Route{"cap": {Service: "svc", Flows: []string{"f"}}}
	for i, step := range []struct {
		written float64
		counted int
		want    int
	}{
		{written: 0, counted: 1000, want: 1000}, // as it was found
		{written: 0, counted: 1500, want: 1500},
		{written: 15, counted: 20, want: 1520}, // written anew: the switch restarted
		{written: 15, counted: 20, want: 1520},
		{written: 40, counted: 50, want: 1570}, // written anew, and counted more than before
	} {
		now := at(10 * float64(i+1))
		b.Take("h1", meter.Reading{At: now, Flows: captured("cap", now, step.written, step.counted,
			step.counted)}, routes)
		assert.Equal(t, packets(step.want), b.Service("svc", now).Captured.Count, "step %d", i)
	}

	b.Take("h1", meter.Reading{At: at(60)}, routes) // disabled
	b.Take("h1", meter.Reading{At: at(70), Flows: captured("cap", at(70), 65, 7, 7)}, routes)
	assert.Equal(t, packets(1577), b.Service("svc", at(70)).Captured.Count, "disabled and enabled")
	b.Take("h2", meter.Reading{At: at(71), Flows: captured("cap", at(71), 65, 3, 3)}, routes)
	assert.Equal(t, packets(1580), b.Flow("f", at(71)).Captured.Count, "migrated")
}

func TestUnroutedOwnersCountLater(t *testing.T) {
	b := meter.NewBook()
	b.Take("h1", meter.Reading{At: at(10), Flows: captured("cap", at(10), 5, 100, 100)}, nil)
	assert.Zero(t, b.Service("svc", at(10)))
	routes := map[string]meter.Route{"cap": {Service: "svc", Flows: []string{"f"}}}
	b.Take("h1", meter.Reading{At: at(20), Flows: captured("cap", at(20), 5, 150, 150)}, routes)
	assert.Equal(t, packets(150), b.Service("svc", at(20)).Captured.Count)
}

func TestSharedAndUndivided(t *testing.T) {
	b := meter.NewBook()
	routes := map[string]meter.Route{"cap": remote("f", "g"), "caption": remote("h")}
	now := at(10)
	b.Take("h1", meter.Reading{At: now, Flows: append(captured("cap", now, 5, 10, 10),
		captured("caption", now, 5, 5, 5)...)}, routes)

	b.Take("h2", meter.Reading{At: now, Flows: received(now, 5, 15)}, sink())
	assert.True(t, b.Flow("f", now).Shared)
	assert.True(t, b.Flow("f", now).Undivided)
	assert.False(t, b.Flow("h", now).Shared)
	assert.True(t, b.Flow("h", now).Undivided)
	assert.Equal(t, packets(5), b.Flow("h", now).Captured.Count)
	assert.Zero(t, b.Flow("h", now).Delivered)
	assert.Equal(t, packets(15), b.Service("svc", now).Captured.Count)
	assert.Equal(t, packets(15), b.Service("svc", now).Delivered.Count)
	assert.False(t, b.Service("svc", now).Undivided)
}

// TestCutCopiesAreNotLost: copies that were cut to fit arrive with fewer bytes, of which none are
// lost while no packet is missing.
func TestCutCopiesAreNotLost(t *testing.T) {
	b := meter.NewBook()
	for i := range 8 {
		now, n := at(10*float64(i)), 100*i
		whole, cut := captured("cap", now, -1, n, n), received(now, -1, n)
		for i := range cut {
			cut[i].Bytes /= 2
		}
		b.Take("h1", meter.Reading{At: now, Flows: whole},
			map[string]meter.Route{"cap": remote("f")})
		b.Take("h2", meter.Reading{At: now, Flows: cut}, sink())
	}

	got := b.Flow("f", at(70))
	assert.Equal(t, packets(700), got.Captured.Count)
	assert.Equal(t, meter.Count{Packets: 700, Bytes: 700 * size / 2}, got.Delivered.Count)
	assert.Zero(t, got.Lost)
}

// TestDestinationReadFirst: when a controller starts the two ends are read in any order, and what
// was delivered is told at once.
func TestDestinationReadFirst(t *testing.T) {
	b := meter.NewBook()
	b.Take("h2", meter.Reading{At: at(10), Flows: received(at(10), -100, 90)}, sink())
	assert.Equal(t, packets(90), b.Service("svc", at(10)).Delivered.Count)
	b.Take("h1", meter.Reading{At: at(10.1), Flows: captured("cap", at(10.1), -100, 100, 100)},
		map[string]meter.Route{"cap": remote("f")})
	assert.Equal(t, packets(90), b.Flow("f", at(10.1)).Delivered.Count)
	b.Take("h2", meter.Reading{At: at(11), Flows: received(at(11), -100, 100)}, sink())
	assert.Equal(t, packets(100), b.Flow("f", at(11)).Delivered.Count, "nothing twice")
}

func TestControllerStarts(t *testing.T) {
	for name, test := range map[string]struct {
		written, writtenThere float64 // before the controller started
		sent, arrived         int
		want                  int
	}{
		"both since long ago": {written: -1000, writtenThere: -1001, sent: 5000,
			arrived: 4900, want: 100 + 5},
		"the destination was restarted": {written: -1000, writtenThere: -50, sent: 5000,
			arrived: 100, want: 5},
		"the source was restarted": {written: -50, writtenThere: -1000, sent: 100, arrived: 5000,
			want: 5},
	} {
		t.Run(name, func(t *testing.T) {
			b := meter.NewBook()
			for i := range 8 {
				now, lost := at(10*float64(i)), 0
				if i > 4 {
					lost = 5
				}
				b.Take("h1", meter.Reading{At: now, Flows: captured("cap", now, test.written,
					test.sent+10*i, test.sent+10*i)},
					map[string]meter.Route{"cap": remote("f")})
				b.Take("h2", meter.Reading{At: now, Flows: received(now, test.writtenThere,
					test.arrived+10*i-lost)}, sink())
			}

			b.Take("h2", meter.Reading{At: at(80), Flows: received(at(80), test.writtenThere,
				test.arrived+70-5)}, sink())

			got := int(b.Service("svc", at(80)).Lost.Packets)
			assert.LessOrEqual(t, got, test.want)
			assert.GreaterOrEqual(t, got, test.want-10, "what hides in one interval")
		})
	}
}

// world is two switches and a steady stream between them; each counts with a delay that varies.
type world struct {
	rng  *rand.Rand
	sent []packet
	born [2]float64 // when each end's flows were written
}

type packet struct {
	at   float64
	lost bool
}

// counted is what an end has counted at a moment, since its flows were written.
func (w *world) counted(end int, now float64) (n int) {
	seen := now - 0.6*w.rng.Float64()
	for _, p := range w.sent {
		arrives := p.at
		if end == 1 {
			if p.lost {
				continue
			}
			arrives += 0.01
		}

		if arrives <= seen && arrives > w.born[end] {
			n++
		}
	}

	return n
}

// The switches are read at moments that have nothing to do with each other, count late, lose
// packets and restart: no loss is ever told that did not happen, nothing shrinks, and what was lost
// is told exactly where no switch restarted.
func TestLossIsHonest(t *testing.T) {
	for seed := range uint64(60) {
		restarts := seed%2 == 1
		t.Run(fmt.Sprintf("seed %d restarts %v", seed, restarts), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 1))
			w := &world{rng: rng}
			lossy := rng.Float64() < 0.7
			lost := 0
			for i := range 2000 { // 50 a second, for 40 seconds
				p := packet{at: 0.5 + float64(i)/50, lost: lossy && i > 200 && rng.Float64() < 0.1}
				if p.lost {
					lost++
				}
				w.sent = append(w.sent, p)
			}

			b := meter.NewBook()
			var before meter.Counters
			last := [2]int{}
			for now := 1.0; now < 60; now += 0.5 + 4*rng.Float64() {
				if end := rng.IntN(2); restarts && rng.Float64() < 0.1 && now < 40 {
					w.born[end], last[end] = now, 0
				}

				for _, end := range rng.Perm(2)[:1+rng.IntN(2)] {
					last[end] = max(last[end], w.counted(end, now))
					if end == 0 {
						b.Take("h1", meter.Reading{At: at(now), Flows: captured("cap", at(now),
							w.born[0], last[0], last[0])},
							map[string]meter.Route{"cap": remote("f")})
					} else {
						b.Take("h2", meter.Reading{At: at(now), Flows: received(at(now), w.born[1],
							last[1])}, sink())
					}
				}

				got := b.Flow("f", at(now))
				require.LessOrEqual(t, int(got.Lost.Packets), lost, "lost at %v", now)
				require.GreaterOrEqual(t, got.Lost.Packets, before.Lost.Packets)
				require.GreaterOrEqual(t, got.Captured.Packets, before.Captured.Packets)
				require.GreaterOrEqual(t, got.Delivered.Packets, before.Delivered.Packets)
				require.Equal(t, got.Lost.Packets*size, got.Lost.Bytes)
				before = got
			}

			if !restarts {
				b.Take("h1", meter.Reading{At: at(65), Flows: captured("cap", at(65), 0, 2000,
					2000)}, map[string]meter.Route{"cap": remote("f")})
				b.Take("h2", meter.Reading{At: at(68), Flows: received(at(68), 0, 2000-lost)},
					sink())
				before = b.Flow("f", at(68))
				assert.Equal(t, lost, int(before.Lost.Packets), "lost after the traffic has ended")
				assert.Equal(t, 2000, int(before.Captured.Packets))
				assert.Equal(t, 2000-lost, int(before.Delivered.Packets))
			}
		})
	}
}

// TestMergingAtTheDestination: the kernel's datapath counts merged TCP segments, which are not
// lost; whether others are is not known. What merging cannot explain is.
func TestMergingAtTheDestination(t *testing.T) {
	const frame, header = 1514, 66
	route := remote("f")
	route.Kernel, route.Largest = true, 1518
	there := map[string]meter.Route{"svc": {Service: "svc", Receives: true, Kernel: true}}

	for _, test := range []struct {
		name          string
		merged, lost  int
		merging, some bool
	}{
		{name: "as sent"},
		{name: "merged", merged: 500, merging: true},
		{name: "lost", lost: 300, some: true},
		{name: "merged and lost", merged: 500, lost: 300, merging: true, some: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := meter.NewBook()
			for i := range 4 {
				now, n := at(10*float64(i)), 1000*min(i, 1)
				sent := captured("cap", now, -1, n, n)
				got := received(now, -1, n)
				for j := range sent {
					sent[j].Bytes = uint64(n * frame)
					got[j].Bytes = uint64(n * frame)
					if n > 0 {
						got[j].Packets -= uint64(test.merged + test.lost)
						got[j].Bytes -= uint64(test.merged*header + test.lost*frame)
					}
				}
				b.Take("h1", meter.Reading{At: now, Flows: sent},
					map[string]meter.Route{"cap": route})
				b.Take("h2", meter.Reading{At: now, Flows: got}, there)
			}

			for _, c := range []meter.Counters{b.Flow("f", at(30)), b.Service("svc", at(30))} {
				assert.Equal(t, test.merging, c.Merging)
				assert.Equal(t, test.some, c.Lost.Packets > 0)
				assert.LessOrEqual(t, c.Lost.Packets, uint64(test.lost))
				assert.LessOrEqual(t, c.Lost.Bytes, uint64(test.lost*frame))
			}
		})
	}
}

// TestLossOfFullFramesIsExact: on the kernel's datapath, too, as many full frames as are missing
// are lost, whichever end was read first.
func TestLossOfFullFramesIsExact(t *testing.T) {
	const frame, lost = 1514, 3
	route := remote("f")
	route.Kernel, route.Largest = true, 1518
	here := map[string]meter.Route{"cap": route}
	there := map[string]meter.Route{"svc": {Service: "svc", Receives: true, Kernel: true}}

	b := meter.NewBook()
	for i := range 4 {
		now, n := at(10*float64(i)), 5*min(i, 1)
		sent, got := captured("cap", now, -1, n, n), received(now, -1, max(0, n-lost))
		for j := range sent {
			sent[j].Bytes, got[j].Bytes = sent[j].Packets*frame, got[j].Packets*frame
		}
		b.Take("h2", meter.Reading{At: now, Flows: got}, there)
		b.Take("h1", meter.Reading{At: now, Flows: sent}, here)
	}

	for _, c := range []meter.Counters{b.Flow("f", at(30)), b.Service("svc", at(30))} {
		assert.Equal(t, meter.Count{Packets: lost, Bytes: lost * frame}, c.Lost)
		assert.False(t, c.Merging)
	}
}

// TestMergingIsOver: where one end was read before it had counted everything, it looked as if the
// other divided segments. Once both count the same, nothing is in doubt.
func TestMergingIsOver(t *testing.T) {
	route := remote("f")
	route.Kernel, route.Largest = true, 1518
	here := map[string]meter.Route{"cap": route}
	there := map[string]meter.Route{"svc": {Service: "svc", Receives: true, Kernel: true}}

	b := meter.NewBook()
	for i, n := range []int{0, 4, 4, 4, 5, 5} {
		now := at(10 * float64(i))
		got := 5 * min(i, 1)
		b.Take("h1", meter.Reading{At: now, Flows: captured("cap", now, -1, n, n)}, here)
		b.Take("h2", meter.Reading{At: now, Flows: received(now, -1, got)}, there)
		if i == 3 {
			assert.True(t, b.Flow("f", now).Merging)
		}
	}

	c := b.Flow("f", at(50))
	assert.False(t, c.Merging)
	assert.Zero(t, c.Lost)
}
