// Package repair decides when what somebody else changes on a switch is repaired, and what is not
// delivered meanwhile.
//
// It is pure: it is told the time and what was found, and does no I/O. What is found is the
// business of package reconcile; package session writes.
package repair
