// Package client is one connection to an OVSDB server (RFC 7047, section 4,
// and ovsdb-server(7)): JSON-RPC, schemas, transactions, monitors, locks.
//
// It does not reconnect. A [Conn] lives once; when [Conn.Done] is closed,
// [Conn.Err] says why, and whoever wants another connection dials again.
//
// # Order
//
// A server sends the update of a transaction before the reply to it (ovsdb-server(7), 4.1.5), and a
// Conn keeps the order: when [Conn.Transact] returns, [Monitor.Next] has every update that the
// server sent before that reply. So a caller that takes all of them after its transaction has seen
// the transaction's effects. [Update.Seq] and the number that [Conn.TransactSeq] returns count the
// messages of the connection and say the same where updates are consumed somewhere else.
//
// # Bounds
//
// A peer can cost no more than its own connection and the memory that [Options] grants it: a
// message is refused before it is buffered beyond MaxMessage; at most MaxInFlight requests wait for
// replies; a monitor whose consumer falls behind by QueueUpdates updates or QueueBytes of text ends
// the connection with [ErrSlowConsumer], because an update must not be dropped and the reader must
// not wait. A peer that does not read runs into WriteTimeout, one that does not write into
// ProbeInterval.
//
// # Goroutines
//
// A Conn runs a reader, and a writer while something is to be written. They end
// with the connection, and [Conn.Close] waits for them.
package client
