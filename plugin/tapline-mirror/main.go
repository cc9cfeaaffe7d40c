// Command tapline-mirror is the mirror logic as a plugin for SDN controllers. A controller starts it; started by hand it
// says so and exits.
package main

import (
	"github.com/tapline-sdn/tapline/plugin"
	"github.com/tapline-sdn/tapline/plugin/mirror"
)

func main() { plugin.Serve(mirror.New()) }
