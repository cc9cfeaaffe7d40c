// Package advice has errors that say what to do next. It knows nothing of what went wrong.
package advice

import (
	"errors"
	"fmt"
	"strings"
)

// Error is an error with advice.
type Error struct {
	Err  error
	Next string // what to do; "" if there is nothing to advise
}

// New returns an error with advice.
func New(next, message string, args ...any) *Error {
	return &Error{Err: fmt.Errorf(message, args...), Next: next}
}

// Error implements error.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the error itself.
func (e *Error) Unwrap() error { return e.Err }

// Errors are several errors with one piece of advice for all; never empty.
type Errors struct {
	Errs []error
	Next string
}

// Error implements error: a line for each error.
func (e *Errors) Error() string {
	var lines []string
	for _, err := range e.Errs {
		lines = append(lines, err.Error())
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the errors.
func (e *Errors) Unwrap() []error { return e.Errs }

// Of returns the lines that describe an error and the advice that it carries. It is not ok if the
// error carries none.
func Of(err error) (lines []string, next string, ok bool) {
	var many *Errors
	if errors.As(err, &many) {
		for _, e := range many.Errs {
			lines = append(lines, e.Error())
		}
		return lines, many.Next, true
	}

	var one *Error
	if errors.As(err, &one) {
		return []string{err.Error()}, one.Next, true
	}

	return nil, "", false
}
