// Package ofconn carries OpenFlow 1.3 messages over one connection: framing,
// handshake, matching of replies to requests by transaction id, keepalive, and
// bounded queues.
//
// [Handshake] turns a net.Conn (TCP, TLS or Unix) into a [*Conn]; [Dial] and
// [Serve] also make the net.Conn. A Conn lives once: when it ends it stays
// ended, and whoever owns it decides whether to connect again.
//
// One goroutine reads, and one writes while something is to be written;
// [Conn.Close] waits for both. All methods may be called concurrently. A
// connection that idles holds no buffer of its own.
//
// Two kinds of errors are kept apart. A [*ConnError] says that the connection
// has ended, and why. A [*RequestError] says that the switch refused one
// request; the connection goes on.
//
// What a peer can do wrong costs its own connection and nothing else: every
// queue is bounded, every write has a deadline, silence ends the connection,
// and a message is at most 65535 bytes long.
package ofconn
