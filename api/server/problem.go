package server

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/controller/engine"
)

// refusal is a request that was not let through to the engine.
type refusal struct {
	status int
	kind   string // URI of its type; "" for about:blank
	detail string
	faults []api.FieldProblem
	parts  []api.Part // of a controller that is not ready
}

func (r *refusal) Error() string {
	if r.detail != "" {
		return r.detail
	}
	var parts []string
	for _, f := range r.faults {
		parts = append(parts, f.Field+": "+f.Detail)
	}
	return strings.Join(parts, "; ")
}

// refuse is a refusal for one reason; field is "" if none is at fault.
func refuse(status int, field, format string, args ...any) error {
	detail := fmt.Sprintf(format, args...)
	if field == "" {
		return &refusal{status: status, detail: detail}
	}
	return &refusal{status: status, faults: []api.FieldProblem{{Field: field, Detail: detail}}}
}

// refuseAll is a 400 for everything that is wrong with the fields and parameters of a request.
func refuseAll(faults []api.FieldProblem) error {
	slices.SortFunc(faults, func(a, b api.FieldProblem) int {
		return strings.Compare(a.Field+"\x00"+a.Detail, b.Field+"\x00"+b.Detail)
	})
	return &refusal{status: http.StatusBadRequest, faults: slices.Compact(faults)}
}

// invalid is a 400 about a value that cannot be converted.
func invalid(field string, err error) error {
	return &engine.Error{Kind: engine.Invalid, Field: field, Message: err.Error(), Err: err}
}

// problemOf says how an error is told, and whether it is a fault of ours, to be logged.
func problemOf(err error) (p api.Problem, ours bool) {
	var (
		refused *refusal
		failed  *engine.Error
		routing *echo.HTTPError
	)
	switch {
	case errors.As(err, &refused):
		p = api.Problem{Type: refused.kind, Status: refused.status, Detail: refused.Error(), Errors: refused.faults, Parts: refused.parts}
	case errors.As(err, &failed):
		statuses := map[engine.ErrorKind]int{
			engine.Invalid:     http.StatusBadRequest,
			engine.NotFound:    http.StatusNotFound,
			engine.Conflict:    http.StatusConflict,
			engine.Stale:       http.StatusPreconditionFailed,
			engine.Unavailable: http.StatusServiceUnavailable,
		}
		p.Status = statuses[failed.Kind]
		p.Detail = failed.Error()
		if failed.Field != "" {
			p.Errors = []api.FieldProblem{{Field: failed.Field, Pointer: pointerOf(failed.Field), Detail: failed.Message}}
		}
		if p.Status == 0 {
			p.Status, ours = http.StatusInternalServerError, true
		}
	case errors.As(err, &routing):
		p.Status = routing.Code
		p.Detail = map[int]string{
			http.StatusNotFound:         "there is nothing at this path; /openapi.json lists what there is",
			http.StatusMethodNotAllowed: "this path does not take this method; the header Allow names those that it takes",
		}[routing.Code]
		if p.Detail == "" {
			p.Detail = fmt.Sprint(routing.Message)
		}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		p.Status, p.Detail = http.StatusServiceUnavailable, "the request was given up before it was done; whether it took effect is unknown: read the resource again"
	default:
		p.Status, p.Detail, ours = http.StatusInternalServerError, "an internal fault; the controller's log says more", true
	}
	p.Type, p.Title = cmp.Or(p.Type, "about:blank"), http.StatusText(p.Status)
	if len(p.Errors) > 0 {
		p.Field = p.Errors[0].Field
	}
	return p, ours
}

// answerError is echo's handler of errors.
func (s *server) answerError(err error, c echo.Context) {
	p, ours := problemOf(err)
	if ours {
		s.log.Error("request failed", "method", c.Request().Method, "path", path(c), "error", err)
	}
	if c.Response().Committed {
		return
	}
	p.Instance = path(c)
	if p.Status == http.StatusServiceUnavailable || p.Type == api.InProgress {
		c.Response().Header().Set(echo.HeaderRetryAfter, "1")
	}
	body, err := json.Marshal(p)
	if err != nil {
		s.log.Error("a problem cannot be encoded", "error", err)
		return
	}
	if err := c.Blob(p.Status, api.ProblemType, body); err != nil {
		s.log.Debug("the answer could not be written", "error", err)
	}
}
