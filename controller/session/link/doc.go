// Package link keeps the two connections of one host: OVSDB, and OpenFlow of its tap bridge.
//
// It dials and takes connections that the host makes, bounds what a peer may cost, and uses an
// OpenFlow connection only once it is known to be that of the switch whose database is open. It
// knows nothing of programs; package session compares and writes.
//
// The protocols are RFC 7047 and OpenFlow 1.3. An OpenFlow connection is served in the goroutine
// that accepted it, until it ends. The OVSDB connection belongs to the caller of [Link.Connect].
package link
