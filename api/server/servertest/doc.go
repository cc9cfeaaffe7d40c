// Package servertest holds an engine in memory, for tests of the server and of what speaks to it.
//
// [Engine] keeps records and revisions and resolves names as the real one does, but has no switches: tests say how things
// stand with [Engine.SetHealth]. It starts no goroutine.
package servertest
