package ofconn

import (
	"errors"
	"fmt"

	"github.com/tapline-sdn/tapline/openflow"
)

// Causes that a [*ConnError] wraps, beside those of package net, io and
// [*wire.ParseError].
var (
	// ErrClosed says that Close was called on this side.
	ErrClosed = errors.New("connection closed")
	// ErrSilent says that the peer sent no message for two echo intervals.
	ErrSilent = errors.New("peer is silent")
	// ErrOverrun says that a queue was full: events that the owner did not read, or answers that
	// the peer did not read. Read the switch's state again on a new connection.
	ErrOverrun = errors.New("queue overrun")
	// ErrProtocol says that the peer broke the protocol.
	ErrProtocol = errors.New("protocol violation")
	// ErrVersion says that the peer does not speak OpenFlow 1.3.
	ErrVersion = errors.New("peer does not speak OpenFlow 1.3")
)

// ErrReplyTooLong says that the parts of one multipart reply exceed
// Options.MaxReply. It ends the request, not the connection.
var ErrReplyTooLong = errors.New("multipart reply too long")

// A ConnError says why the connection ended. Every pending and later call
// returns it. Whether requests that were pending took effect is unknown.
type ConnError struct {
	Remote string // Address of the peer.
	Err    error
}

// Error implements error.
func (e *ConnError) Error() string {
	return fmt.Sprintf("openflow connection to %s: %v", e.Remote, e.Err)
}

// Unwrap returns the cause.
func (e *ConnError) Unwrap() error { return e.Err }

// A RequestError says that the switch answered a message with an error
// (OFPT_ERROR). It ends that request only.
type RequestError struct {
	XID     uint32
	Index   int              // Of the message within its batch.
	Message openflow.Message // The refused message.
	Reply   *openflow.Error
}

// Error implements error.
func (e *RequestError) Error() string {
	return fmt.Sprintf("openflow: %v (xid %#x) refused: %v", e.Message.Type(), e.XID, e.Reply)
}
