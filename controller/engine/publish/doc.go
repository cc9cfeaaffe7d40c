// Package publish tells watchers, those who wait, and the log what has changed.
//
// While nobody has ever watched, no views are made: callers that wait for an object are woken, and
// that is all. A [Publisher] has no lock: it is used under the engine's mutex.
package publish
