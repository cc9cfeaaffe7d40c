// Package contract holds a mirror plugin to what it must do: say who it is in time, answer what it
// was told, and program nothing but what follows from that: NICs of tap services alone, mirrors of
// what enabled tap flows ask for, and delivery to the tap service of these flows.
//
// It judges and acts on nothing: the engine ends a silent plugin, and keeps a host at its last good
// program. Everything but [Liveness], which any goroutine may ask, is used under the engine's
// mutex.
package contract
