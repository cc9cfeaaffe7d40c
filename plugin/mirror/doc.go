// Package mirror is the mirror logic. It checks what users ask for, resolves where both ends of a
// tap flow are, and plans what must stand on each switch.
//
// A plan is a pure function of one host and the world around it ([Full]). [Planner] keeps the
// world, recomputes only the hosts that a change touches, and reports what differs; a property test
// holds it equal to [Full]. From a change to a program:
//
//	world.go        what is known, and which flows and services a change touches
//	source.go       where a tap flow's source is
//	destination.go  where a service's tap NIC is
//	tally.go        counts for each capture, kept up to date flow by flow
//	capture.go      the captures of a host that can run
//	plan.go         the program of a host
//	status.go       what users are told
//
// The package knows no OVSDB rows, does no I/O, and uses no clock. A Planner starts no goroutines.
package mirror
