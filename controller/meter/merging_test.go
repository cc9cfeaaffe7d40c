package meter

import (
	"math/rand/v2"
	"testing"
)

// segments is TCP traffic of one connection: a source counts it in large packets where it leaves
// dividing to devices, a destination as its devices have merged it.
type segments struct {
	sent, received, lost Count
}

const testLargest = 1518

func (s *segments) run(rng *rand.Rand, header, segment, dividesBy, mergesBy int, loss float64) {
	merged := 0 // segments in the packet that is being merged
	for range 20 + rng.IntN(200) {
		size := header
		for range 1 + rng.IntN(dividesBy) {
			size += segment
			frame := Count{1, uint64(header + segment)}
			if rng.Float64() < loss {
				s.lost = s.lost.plus(frame)
				continue
			}

			if merged > 0 && merged < mergesBy {
				merged++
				s.received.Bytes += uint64(segment)
			} else {
				merged = 1
				s.received = s.received.plus(frame)
			}
		}
		s.sent = s.sent.plus(Count{1, uint64(size)})
	}
}

// Whatever is merged and divided, no more is called lost than was.
func TestBeyondMergingIsNeverTooMuch(t *testing.T) {
	noticed := 0
	for seed := range uint64(3000) {
		rng := rand.New(rand.NewPCG(seed, 7))
		loss := []float64{0, 0, 0.02, 0.3, 1}[rng.IntN(5)]
		divides, merges := 1+rng.IntN(40)*rng.IntN(2), 1+rng.IntN(40)*rng.IntN(2)
		var s segments
		for range 1 + rng.IntN(4) {
			header := leastHeader + rng.IntN(mostHeader-leastHeader+1)
			segment := 1 + rng.IntN(testLargest-header)
			if divides > 1 { // Only full segments are divided.
				segment = 536 + rng.IntN(testLargest-header-536+1)
			}
			s.run(rng, header, segment, divides, merges, loss)
		}

		missing := s.sent.less(s.received)
		got := beyondMerging(s.sent, missing, 0, testLargest)
		if got.Packets > s.lost.Packets || got.Bytes > s.lost.Bytes {
			t.Fatalf("seed %d: said %+v, lost %+v of %+v sent, %+v received (loss %v, divided by "+
				"%d, merged by %d)", seed, got, s.lost, s.sent, s.received, loss, divides, merges)
		}
		if got.Packets > 0 {
			noticed++
		}
	}

	if noticed < 500 {
		t.Errorf("loss was noticed %d times", noticed)
	}
}

func TestBeyondMerging(t *testing.T) {
	for _, test := range []struct {
		name           string
		sent, received Count
		late           uint64
		want           Count
	}{
		{name: "nothing is missing", sent: Count{10, 5000}, received: Count{10, 5000}},
		// seen in a virtual machine: 1,751 segments arrive as 515 packets
		{name: "merged", sent: Count{1751, 1751 * 1514},
			received: Count{515, 1751*1514 - 1236*66}},
		{name: "divided", sent: Count{10, 10 * 60066}, received: Count{400, 10*60066 + 390*66}},
		{name: "full frames are lost", sent: Count{5, 5 * 1514}, received: Count{2, 2 * 1514},
			want: Count{3, 3 * 1514}},
		{name: "small frames may be merged", sent: Count{5, 500}, received: Count{2, 200}},
		{name: "merged and lost", sent: Count{1000, 1514000},
			received: Count{400, 1514000 - 500*66 - 100*1514}, want: Count{82, 123276}},
		{name: "what is on its way", sent: Count{100, 6000}, received: Count{110, 6600}, late: 10},
		{name: "what is on its way hides loss", sent: Count{100, 151400},
			received: Count{100, 151400 - 20*1514 + 20*60}, late: 20, want: Count{20, 29360}},
	} {
		got := beyondMerging(test.sent, test.sent.less(test.received), test.late, testLargest)
		if got != test.want {
			t.Errorf("%s: %+v, want %+v", test.name, got, test.want)
		}
	}
}
