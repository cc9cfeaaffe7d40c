package client

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/tapline-sdn/tapline/api"
)

// ErrPending means that a resource was deleted, but the switches had not removed what belonged to
// it when the time of [Wait] was over.
var ErrPending = errors.New(
	"deleted, and the switches do not show yet that they have dropped it")

// ErrNotModified means that the answer to a read has not changed; see [IfNoneMatch].
var ErrNotModified = errors.New("not modified")

// errForeign is the error of an answer that cannot come from a controller.
var errForeign = errors.New("the answer is not what a tapline controller says")

// Error is the error of a request that the server refused. Nothing was changed.
type Error struct {
	Method  string
	URL     string
	Problem api.Problem
	Filter  string // that Problem.FilterError is about; "" if it is about none
}

// Error implements error.
func (e *Error) Error() string {
	return fmt.Sprintf("%s (%s %s: %d %s)", e.Problem.Detail,
		e.Method, e.URL, e.Problem.Status, http.StatusText(e.Problem.Status))
}

// IsStatus reports whether err is an [*Error] with an HTTP status.
func IsStatus(err error, status int) bool {
	var e *Error

	return errors.As(err, &e) && e.Problem.Status == status
}
