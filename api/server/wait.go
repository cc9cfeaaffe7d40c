package server

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/tapline-sdn/tapline/api"
)

// answerWhenGone answers a deletion once the switches have removed what the resource had there. At
// the request's deadline it answers 202, since the deletion itself is done.
func (s *server) answerWhenGone(c echo.Context, req request, id string) error {
	if req.Wait == 0 {
		return c.NoContent(http.StatusNoContent)
	}

	ctx, stop := waiting(c, req.Wait)
	defer stop()

	err := s.engine.WaitGone(ctx, id)
	switch {
	case err == nil:
		return c.NoContent(http.StatusNoContent)
	case !overdue(err) || c.Request().Context().Err() != nil:
		return err
	default:
		const reason = "it is deleted, and the switches do not show yet that they have dropped it"
		return answer(c, http.StatusAccepted, api.Deletion{Status: api.Pending, Reason: reason})
	}
}

// waiting returns the context of a request that waits: for d at most, and until the server stops.
func waiting(c echo.Context, d time.Duration) (context.Context, func()) {
	allow(c, d+writeTimeout)

	ctx, cancel := context.WithTimeout(c.Request().Context(), d)
	undo := context.AfterFunc(stopping(ctx), cancel)
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
