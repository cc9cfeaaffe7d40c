// Package mirror is the mirror logic: it checks what users ask for, resolves where both ends of a flow are, and plans
// what must stand on each switch.
//
// A plan is a pure function of one host and the world around it ([Full]). [Planner] keeps the world, recomputes only the
// hosts that a change touches, and tells what differs; a property test holds it equal to [Full]. The package knows no
// OVSDB rows, does no I/O, and uses no clock.
package mirror
