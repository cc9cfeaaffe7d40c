package client

import (
	"errors"
	"fmt"
)

// Errors that end a connection. Conn.Err and the calls that were under way
// return them, wrapped.
var (
	// ErrClosed: Conn.Close was called.
	ErrClosed = errors.New("connection was closed on this side")
	// ErrDatabaseGone: the server took the database away, lost the storage
	// behind it, or changed its schema.
	ErrDatabaseGone = errors.New("the server no longer serves the database")
	// ErrSlowConsumer: the updates of a monitor were not received in time.
	ErrSlowConsumer = errors.New("updates of a monitor were not consumed in time")
	// ErrProbe: the peer was silent and did not answer an echo request.
	ErrProbe = errors.New("the peer does not answer an echo request")
)

// ErrOutcomeUnknown says that a transaction may or may not have taken effect:
// it was handed to the connection, and then the connection or the caller's
// context ended before the reply came. Read the state again.
var ErrOutcomeUnknown = errors.New("outcome of the transaction unknown")

// ProtocolError says that the peer broke the protocol. It ends the connection.
type ProtocolError struct {
	Doing string // what was being read
	Err   error
}

// Error tells what was read and what was wrong with it.
func (e *ProtocolError) Error() string {
	return "peer breaks the protocol: " + e.Doing + ": " + e.Err.Error()
}

// Unwrap returns what was wrong.
func (e *ProtocolError) Unwrap() error { return e.Err }

// RPCError is the server's refusal of a request. It ends the request, not the
// connection. Operations of a transaction that fail are *ovsdb.OperationError.
type RPCError struct {
	Method  string
	Err     string // such as "unknown method" or "unknown database"
	Details string
}

// Error tells the method and the server's words.
func (e *RPCError) Error() string {
	if e.Details == "" {
		return fmt.Sprintf("%s: %s", e.Method, e.Err)
	}
	return fmt.Sprintf("%s: %s: %s", e.Method, e.Err, e.Details)
}
