// Command tapline-mirror is the mirror logic as a plugin for SDN controllers. A controller starts
// it. Started by hand it says so and exits.
package main

import (
	"os"
	"runtime/debug"

	"github.com/tapline-sdn/tapline/plugin"
	"github.com/tapline-sdn/tapline/plugin/mirror"
)

// gcPercent is GOGC: garbage may take this percentage of the live heap. Most of the heap lives as
// long as the process, and a change makes little garbage.
const gcPercent = 25

func main() {
	if _, chosen := os.LookupEnv("GOGC"); !chosen {
		debug.SetGCPercent(gcPercent)
	}

	plugin.Serve(mirror.New())
}
