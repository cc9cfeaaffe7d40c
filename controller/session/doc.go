// Package session keeps one host as its program says, and reads back what stands.
//
// A [Session] has one goroutine, [Session.Run], that owns the OVSDB connection and writes to the
// switch. An OpenFlow connection is served in the goroutine that accepted it. Sessions are
// independent of each other. The loop is level-triggered: whatever wakes it, it compares everything
// and changes what differs.
//
// Package link has the connections and who may use them, repair when what others change is
// repaired, and ledger what was changed and has settled. What to change is worked out by package
// reconcile. A session knows programs and no intent.
package session
