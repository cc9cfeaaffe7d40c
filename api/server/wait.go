package server

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

// waiting returns the context of a request that waits: for d at most, and until the server stops.
func waiting(c echo.Context, d time.Duration) (context.Context, func()) {
	allow(c, d+writeTimeout)

	ctx, cancel := context.WithTimeout(c.Request().Context(), d)
	undo := context.AfterFunc(Stopping(ctx), cancel)
	return ctx, func() { undo(); cancel() }
}

// overdue reports whether waiting has ended before what it waited for.
func overdue(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// allow gives a request that takes long on purpose its own deadlines in place of the server's.
func allow(c echo.Context, d time.Duration) {
	// The errors are those of writers without deadlines, which tests use.
	rc := http.NewResponseController(c.Response())
	_ = rc.SetReadDeadline(time.Time{})
	_ = rc.SetWriteDeadline(time.Now().Add(d))
}
