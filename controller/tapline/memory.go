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

// While all hosts come up at once much becomes garbage, and collecting it would take a quarter of the processor time: so long there may be
// more.
const (
	gcPercentAtStart = 200
	startTime        = 15 * time.Second
)

// boundGarbage is to be called at the start. The function that it returns is to be called at the end.
func boundGarbage() (end func() bool) {
	debug.SetGCPercent(gcPercentAtStart)
	return time.AfterFunc(startTime, func() { debug.SetGCPercent(gcPercent) }).Stop
}

// looseEvery is how often it is looked whether the heap holds much that nothing lives in.
const looseEvery = 10 * time.Second

// returnMemory gives back to the system what a start, or long lists, have left behind: the Go runtime keeps what it once had for as long as
// it may need as much again. It runs until ctx ends.
func returnMemory(ctx context.Context) {
	tick := time.NewTicker(looseEvery)
	defer tick.Stop()
	sizes := []heap.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/free:bytes"}}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		heap.Read(sizes)
		// A collection leaves less than this.
		if lives, loose := sizes[0].Value.Uint64(), sizes[1].Value.Uint64(); loose > lives/4 {
			debug.FreeOSMemory()
		}
	}
}
