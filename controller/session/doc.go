// Package session keeps one host as its program says: an OVSDB connection, the OpenFlow connection of its tap bridge, and the
// loop that brings the two to what is desired and reads back what stands.
//
// A [Session] has one goroutine, [Session.Run], that owns the OVSDB connection and writes to the switch. An OpenFlow
// connection is served in the goroutine that accepted it. Sessions are independent of each other. The loop is
// level-triggered: whatever wakes it, it compares everything and changes what differs.
package session
