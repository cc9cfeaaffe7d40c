// Package servertest has an engine in memory, for tests of the server and of its clients.
//
// [Engine] keeps records and revisions and resolves names as the real engine does, but has no
// switches: tests set the state of resources with [Engine.SetHealth]. It starts no goroutine.
package servertest
