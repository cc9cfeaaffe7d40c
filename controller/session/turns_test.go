package session

import (
	"testing"

	"github.com/tapline-sdn/tapline/controller/session/link"
)

// TestHostsTakeTurns: a host that waits for something keeps no other out, and two hosts come up one
// after the other.
func TestHostsTakeTurns(t *testing.T) {
	turns := link.NewTurns(1)
	taking := func(c *Config) { c.Turns = turns }
	idle := keep(t, startHost(t).OVSDB, taking) // It gets no program.
	idle.await("a report", func() bool { return idle.last().Connected })
	for range 2 {
		k := keep(t, startHost(t).OVSDB, taking)
		k.ready(k.use(program()))
	}
	idle.await("all turns are over", func() bool { return turns.Free() == 1 })
}
