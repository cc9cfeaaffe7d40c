package client

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/tapline-sdn/tapline/api"
)

// ErrPending means that a deletion is done, and that the switches had not dropped what was there when the time of [Wait] was over.
var ErrPending = errors.New("deleted, and the switches do not show yet that they have dropped it")

// ErrNotModified means that a read would be answered as before; see [IfNoneMatch].
var ErrNotModified = errors.New("not modified")

var errNotOurs = errors.New("the answer is not what a tapline controller says")

// Error is a request that the server refused; nothing was changed.
type Error struct {
	Method  string
	URL     string
	Problem api.Problem
}

// Error implements error.
func (e *Error) Error() string {
	return fmt.Sprintf("%s (%s %s: %d %s)", e.Problem.Detail, e.Method, e.URL, e.Problem.Status, http.StatusText(e.Problem.Status))
}

// IsStatus reports whether err is an [*Error] of an HTTP status.
func IsStatus(err error, status int) bool {
	var e *Error
	return errors.As(err, &e) && e.Problem.Status == status
}
