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

// leastGarbage is how much there may be however little lives, in bytes: collecting after each request would make it slow, and of a process
// that holds little nobody asks that it hold less.
const leastGarbage = 16 << 20

// While all hosts come up at once much becomes garbage, so there may be more of it so long; but what lives then stands scattered among it for
// good, since Go moves nothing: with 200 percent the holes took half as much again as with 50, which took no more processor time.
const (
	gcPercentAtStart = 50
	startTime        = 15 * time.Second
)

// garbagePercent is how much garbage there may be beside so many bytes that live.
func garbagePercent(live uint64) int {
	return max(gcPercent, int(100*leastGarbage/max(live, 1<<20)))
}

// looseEvery is how often it is looked what lives, and whether the heap holds much that nothing lives in.
const looseEvery = 10 * time.Second

// boundMemory holds garbage to what lives, and gives back to the system what the start, or long lists, have left behind: the Go runtime
// keeps what it once had for as long as it may need as much again. It runs until ctx ends.
func boundMemory(ctx context.Context) {
	before := debug.SetGCPercent(gcPercentAtStart)
	defer debug.SetGCPercent(before)
	select {
	case <-ctx.Done():
		return
	case <-time.After(startTime):
	}
	debug.SetGCPercent(gcPercent)
	debug.FreeOSMemory()
	tick := time.NewTicker(looseEvery)
	defer tick.Stop()
	sizes := []heap.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/free:bytes"}}
	for {
		heap.Read(sizes)
		live, loose := sizes[0].Value.Uint64(), sizes[1].Value.Uint64()
		debug.SetGCPercent(garbagePercent(live))
		if loose > max(live/4, leastGarbage) {
			debug.FreeOSMemory()
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
