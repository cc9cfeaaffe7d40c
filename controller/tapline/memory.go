package main

import (
	"context"
	"runtime/debug"
	heap "runtime/metrics"
	"time"
)

// gcPercent is how much garbage there may be beside what lives, in percent of that. Collecting it takes an eighth of the processor time of
// one change at 50 percent, and by that less than a fifth at 30, however much lives: both what lives and the time between collections grow with it.
const gcPercent = 30

// gcPercentAtStart is the same while all hosts come up at once, and much becomes garbage: with 30 percent a start of 1,000 hosts took a
// second more of processor time. More would cost memory for good, since what comes to live stands scattered among the garbage, and Go moves
// nothing: at 300 hosts, beside 30 MB that live, the holes took 20 MB with 200 percent and 12 MB with 50.
const gcPercentAtStart = 50

// leastGarbage is how much there may be however little lives, in bytes: collecting after each request would make it slow, and of a process
// that holds little nobody asks that it hold less.
const leastGarbage = 16 << 20

// leastLive is what counts as living at least, in bytes: Go does the same, so that it first collects after 4 MB at 100 percent.
const leastLive = 4 << 20

// garbagePercent is how much garbage there may be beside so many bytes that live: at least so many percent.
func garbagePercent(least int, live uint64) int {
	return max(least, int(100*leastGarbage/max(live, leastLive)))
}

const (
	lookEvery = time.Second // how often it is looked what lives
	startTime = 15          // looks after which a start counts as over
	looseTime = 10          // looks after which it is asked whether the heap holds much that nothing lives in
)

// boundMemory holds garbage to what lives, and gives back to the system what the start, or long lists, have left behind: the Go runtime
// keeps what it once had for as long as it may need as much again. It runs until ctx ends.
func boundMemory(ctx context.Context) {
	least := gcPercentAtStart
	percent := garbagePercent(least, 0)
	before := debug.SetGCPercent(percent)
	defer debug.SetGCPercent(before)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	sizes := []heap.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/free:bytes"}}
	for look := 1; ; look++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if look == startTime {
			least = gcPercent
		}
		heap.Read(sizes)
		live, loose := sizes[0].Value.Uint64(), sizes[1].Value.Uint64()
		if now := garbagePercent(least, live); now != percent {
			percent = now
			debug.SetGCPercent(percent)
		}
		if look == startTime || look%looseTime == 0 && loose > max(live/4, leastGarbage) {
			debug.FreeOSMemory()
		}
	}
}
