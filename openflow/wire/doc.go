// Package wire reads and writes the primitives of which OpenFlow messages are made: big-endian
// integers, padded strings, and structures that begin with their own length (OpenFlow 1.3.5, 7.1).
//
// It is not a codec of any message: packages openflow and oxm are. It keeps no state, does no I/O
// and starts no goroutine.
//
// A [Cursor] aliases the message that it reads and must not outlive it; what [Cursor.Rest] and
// [Cursor.Text] return is a copy. The Append functions write behind the bytes that they are given,
// as append does, and keep none of them.
package wire
