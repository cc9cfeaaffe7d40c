// Package fault breaks connections and plays peers that misbehave.
//
// A [Proxy] stands between two peers that behave, and delays, cuts, silences, slows or refuses
// their connections. [Listen] serves a peer at an address and [Connect] connects it to one, again
// and again. [Switch] and [Database] are such peers. They speak OpenFlow and OVSDB well enough for
// a controller, and anything else where a test asks for it.
//
// Whatever is started here ends with its Close, which waits for its goroutines.
package fault
