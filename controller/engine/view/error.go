package view

import (
	"fmt"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

// ErrorKind says what a caller may do about an [Error].
type ErrorKind int

// The kinds of errors, with the HTTP status that fits each.
const (
	Invalid  ErrorKind = iota + 1 // 400: a value is wrong
	NotFound                      // 404: there is no such resource
	Conflict                      // 409: it clashes with what exists
	Stale                         // 412: the resource is no longer at the given revision
	// 503: the plugin or the store cannot answer now; nothing was changed
	Unavailable
)

// Error is a request that was refused; nothing was changed.
type Error struct {
	Kind    ErrorKind
	Field   string   // JSON name of the field at fault, or ""
	Message string   // what is wrong, and what would be right
	Code    tap.Code // stable name of the reason; "" where Kind says all
	Err     error    // cause, or nil
}

// Error implements error.
func (e *Error) Error() string {
	if e.Field == "" {
		return e.Message
	}
	return e.Field + ": " + e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

func Errorf(kind ErrorKind, field, format string, args ...any) *Error {
	return &Error{Kind: kind, Field: field, Message: fmt.Sprintf(format, args...)}
}
