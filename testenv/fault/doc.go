// Package fault breaks connections and plays peers that misbehave.
//
// A [Proxy] stands on a connection between two that behave, and delays, cuts, silences, slows or refuses it while it runs.
// [Listen] and [Connect] put a peer at an address or bring it to one, again and again; [Switch] and [Database] are such peers, which
// speak OpenFlow and OVSDB as well as a controller needs, and where they are told to, anything else.
//
// Whatever is started here ends with its Close, which waits for its goroutines.
package fault
