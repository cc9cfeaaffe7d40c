// Package problem turns errors into the problem details of RFC 9457.
//
// A [Refusal] is a request that the server itself does not accept. Errors of the engine carry their
// kind, from which the HTTP status follows. Every other error is internal: clients learn no more
// than that there was one. The package writes no answers and has no state.
package problem

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Refusal is the error of a request that did not reach the engine.
type Refusal struct {
	Status int    // of HTTP
	Type   string // URI of the problem's type; "" for about:blank
	Detail string // "" if Fields say all
	Fields []api.FieldProblem
	Parts  []api.Part // of a controller that is not ready
}

// Error implements error.
func (r *Refusal) Error() string {
	if r.Detail != "" {
		return r.Detail
	}

	texts := make([]string, len(r.Fields))
	for i, f := range r.Fields {
		texts[i] = f.Field + ": " + f.Detail
	}
	return strings.Join(texts, "; ")
}

// Refuse returns a refusal about one field, or about the whole request if field is "".
func Refuse(status int, field, format string, args ...any) error {
	detail := fmt.Sprintf(format, args...)
	if field == "" {
		return &Refusal{Status: status, Detail: detail}
	}

	return &Refusal{Status: status, Fields: []api.FieldProblem{{Field: field, Detail: detail}}}
}

// RefuseAll returns a 400 about several fields and parameters. It sorts fields.
func RefuseAll(fields []api.FieldProblem) error {
	slices.SortFunc(fields, func(a, b api.FieldProblem) int {
		return cmp.Or(strings.Compare(a.Field, b.Field), strings.Compare(a.Detail, b.Detail))
	})

	return &Refusal{Status: http.StatusBadRequest, Fields: slices.Compact(fields)}
}

// Invalid returns a 400 about a field whose value cannot be converted.
func Invalid(field string, err error) error {
	return &view.Error{Kind: view.Invalid, Field: field, Message: err.Error(), Err: err}
}

// statuses are the HTTP statuses of the engine's errors. Other kinds are internal.
var statuses = map[view.ErrorKind]int{
	view.Invalid:     http.StatusBadRequest,
	view.NotFound:    http.StatusNotFound,
	view.Conflict:    http.StatusConflict,
	view.Stale:       http.StatusPreconditionFailed,
	view.Unavailable: http.StatusServiceUnavailable,
}

// codes are the codes of problems whose error has none of its own, by HTTP status.
var codes = map[int]string{
	http.StatusBadRequest:            "invalid",
	http.StatusUnauthorized:          "unauthenticated",
	http.StatusForbidden:             "forbidden",
	http.StatusNotFound:              "not_found",
	http.StatusMethodNotAllowed:      "method_not_allowed",
	http.StatusConflict:              "conflict",
	http.StatusPreconditionFailed:    "stale",
	http.StatusRequestEntityTooLarge: "too_large",
	http.StatusUnsupportedMediaType:  "media_type",
	http.StatusUnprocessableEntity:   "key_reused",
	http.StatusTooManyRequests:       "too_many",
	http.StatusInternalServerError:   "internal",
	http.StatusServiceUnavailable:    "unavailable",
}

// Of returns the problem that clients see for an error. An internal error belongs in the log, since
// the problem does not describe it.
func Of(err error) (p api.Problem, internal bool) {
	var (
		refusal *Refusal
		failure *view.Error
		routing *echo.HTTPError
	)

	switch {
	case errors.Is(err, store.ErrNotLeader), errors.Is(err, store.ErrClosed):
		p.Status, p.Code = http.StatusServiceUnavailable, api.NoLeader
		p.Detail = "another replica leads by now, and nothing was done: send the request again"

	case errors.As(err, &refusal):
		p = api.Problem{
			Type: refusal.Type, Status: refusal.Status, Detail: refusal.Error(),
			Errors: refusal.Fields, Parts: refusal.Parts,
		}
		if refusal.Type == api.InProgress {
			p.Code = "in_progress"
		}

	case errors.As(err, &failure):
		p, internal = ofEngine(failure)

	case errors.As(err, &routing):
		p = ofRouting(routing)

	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		p.Status = http.StatusServiceUnavailable
		p.Detail = "the request was given up before it was done; " +
			"whether it took effect is unknown: read the resource again"

	default:
		p.Status, internal = http.StatusInternalServerError, true
		p.Detail = "an internal fault; the controller's log says more"
	}

	p.Type, p.Title = cmp.Or(p.Type, "about:blank"), http.StatusText(p.Status)
	p.Code = cmp.Or(p.Code, codes[p.Status], "other")
	if len(p.Errors) > 0 {
		p.Field = p.Errors[0].Field
	}
	return p, internal
}

func ofEngine(failure *view.Error) (p api.Problem, internal bool) {
	p.Status, p.Detail = statuses[failure.Kind], failure.Error()
	p.Code = string(failure.Code)
	if failure.Field != "" {
		p.Errors = []api.FieldProblem{{
			Field: failure.Field, Pointer: fieldPointer(failure.Field), Detail: failure.Message,
		}}
	}

	var rejected *tap.Rejection
	if errors.As(failure, &rejected) && rejected.Field == "filter" {
		p.FilterError = &api.FilterError{
			Offset: rejected.Offset, Length: rejected.Length,
			Problem: rejected.Message, Hint: rejected.Hint,
		}
	}

	if p.Status == 0 {
		p.Status, internal = http.StatusInternalServerError, true
	}
	return p, internal
}

func ofRouting(routing *echo.HTTPError) api.Problem {
	p := api.Problem{Status: routing.Code}

	switch routing.Code {
	case http.StatusNotFound:
		p.Detail = "there is nothing at this path; /openapi.json lists what there is"
	case http.StatusMethodNotAllowed:
		p.Detail = "this path does not accept this method; " +
			"the header Allow lists those that it accepts"
	default:
		p.Detail = fmt.Sprint(routing.Message)
	}
	return p
}

// Pointer returns a path as a JSON pointer in a URI fragment (RFC 6901, section 6). The whole body
// is "#".
func Pointer(path []string) string {
	out := "#"
	for _, part := range path {
		out += "/" + url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(part))
	}

	return out
}

// fieldPointer returns the pointer of a field that is written like nics[0].mac.
func fieldPointer(field string) string {
	separator := func(r rune) bool { return strings.ContainsRune(".[]", r) }

	return Pointer(strings.FieldsFunc(field, separator))
}
