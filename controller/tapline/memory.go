package main

import (
	"context"
	"runtime/debug"
	heap "runtime/metrics"
	"time"
)

const (
	// gcPercent is GOGC once the start is over. Collecting takes an eighth of the processor time of
	// one change at 50 percent, and less than a fifth at 30. The share does not grow with the heap,
	// since the time between two collections grows with it.
	gcPercent = 30

	// gcPercentAtStart is GOGC while all hosts connect at once and much becomes garbage. With 30
	// percent, a start of 1,000 hosts took a second more of processor time. More than 50 percent
	// would cost memory for good: live objects end up scattered among garbage, and Go does not move
	// objects. At 300 hosts, beside 30 MB of live objects, the gaps took 20 MB with 200 percent and
	// 12 MB with 50.
	gcPercentAtStart = 50

	// minGarbage is how much garbage is always allowed, in bytes. A small process would otherwise
	// collect after each request.
	minGarbage = 16 << 20

	// minLive is the least that counts as live, in bytes. Go does the same: with GOGC=100 it first
	// collects at 4 MB.
	minLive = 4 << 20
)

// garbagePercent returns GOGC for so many live bytes: enough for minGarbage, and at least atLeast.
func garbagePercent(atLeast int, live uint64) int {
	return max(atLeast, int(100*minGarbage/max(live, minLive)))
}

const (
	heapCheckInterval = time.Second
	startChecks       = 15 // checks after which the start is over
	releaseChecks     = 10 // checks between two decisions about releasing memory
)

// boundMemory adapts GOGC to the live heap, until ctx ends. It also returns memory to the system
// that the start or long lists have used, which the Go runtime would keep for later.
func boundMemory(ctx context.Context) {
	atLeast := gcPercentAtStart
	percent := garbagePercent(atLeast, 0)
	before := debug.SetGCPercent(percent)
	defer debug.SetGCPercent(before)

	tick := time.NewTicker(heapCheckInterval)
	defer tick.Stop()
	sizes := []heap.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/free:bytes"}}
	for check := 1; ; check++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}

		if check == startChecks {
			atLeast = gcPercent
		}

		heap.Read(sizes)
		live, free := sizes[0].Value.Uint64(), sizes[1].Value.Uint64()
		if now := garbagePercent(atLeast, live); now != percent {
			percent = now
			debug.SetGCPercent(percent)
		}

		tooMuchFree := check%releaseChecks == 0 && free > max(live/4, minGarbage)
		if check == startChecks || tooMuchFree {
			debug.FreeOSMemory()
		}
	}
}
