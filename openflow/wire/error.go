package wire

import (
	"errors"
	"fmt"
)

// Errors that a [*ParseError] wraps.
var (
	// ErrTruncated means that a structure ends before its last field.
	ErrTruncated = errors.New("truncated")
	// ErrLength means that a length field contradicts the bytes around it.
	ErrLength = errors.New("bad length")
	// ErrValue means that a field holds a value that the protocol forbids.
	ErrValue = errors.New("bad value")
	// ErrVersion means that the message is not of OpenFlow 1.3.
	ErrVersion = errors.New("unsupported version")
)

// A ParseError says why and where a message is malformed. It concerns one message; framing is
// intact, so the connection need not end.
type ParseError struct {
	Message string // Name of the message, such as "FLOW_MOD".
	Offset  int    // Bytes from the start of the message.
	Field   string // Field of the specification, such as "match.length".
	Err     error  // One of the Err variables, wrapped with details.
}

// Error implements error.
func (e *ParseError) Error() string {
	return fmt.Sprintf("openflow: %s: offset %d: %s: %v", e.Message, e.Offset, e.Field, e.Err)
}

// Unwrap returns the cause.
func (e *ParseError) Unwrap() error { return e.Err }
