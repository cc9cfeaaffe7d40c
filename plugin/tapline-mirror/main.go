// Command tapline-mirror is the mirror logic as a plugin for SDN controllers. A controller starts it; started by hand it
// says so and exits.
package main

import (
	"os"
	"runtime/debug"

	"github.com/tapline-sdn/tapline/plugin"
	"github.com/tapline-sdn/tapline/plugin/mirror"
)

// gcPercent is how much garbage there may be beside what lives, in percent of that. A change makes little of it.
const gcPercent = 25

func main() {
	if _, chosen := os.LookupEnv("GOGC"); !chosen {
		debug.SetGCPercent(gcPercent)
	}
	plugin.Serve(mirror.New())
}
