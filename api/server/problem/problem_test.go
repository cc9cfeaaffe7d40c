package problem_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/server/problem"
	"github.com/tapline-sdn/tapline/controller/engine/view"
)

// TestCodes: each problem has a code, that of the error where it has one.
func TestCodes(t *testing.T) {
	refuse := func(status int) error { return problem.Refuse(status, "", "no") }
	for code, err := range map[string]error{
		"host_unreachable": fmt.Errorf("delete: %w",
			&view.Error{Kind: view.Conflict, Code: view.CodeHostUnreachable}),
		"conflict":    view.Errorf(view.Conflict, "name", "taken"),
		"invalid":     problem.Invalid("mac", errors.New("bad")),
		"not_found":   view.Errorf(view.NotFound, "", "nothing"),
		"stale":       view.Errorf(view.Stale, "", "changed"),
		"unavailable": view.Errorf(view.Unavailable, "", "later"),
		"internal":    errors.New("a fault"),

		"in_progress":        &problem.Refusal{Status: http.StatusConflict, Type: api.InProgress},
		"unauthenticated":    refuse(http.StatusUnauthorized),
		"forbidden":          refuse(http.StatusForbidden),
		"too_large":          refuse(http.StatusRequestEntityTooLarge),
		"media_type":         refuse(http.StatusUnsupportedMediaType),
		"key_reused":         refuse(http.StatusUnprocessableEntity),
		"too_many":           refuse(http.StatusTooManyRequests),
		"method_not_allowed": echo.ErrMethodNotAllowed,
		"other":              refuse(http.StatusTeapot),
	} {
		p, _ := problem.Of(err)
		require.Equal(t, code, p.Code, "%v", err)
		require.Equal(t, http.StatusText(p.Status), p.Title)
	}

	for _, err := range []error{context.Canceled, context.DeadlineExceeded} {
		p, internal := problem.Of(err)
		require.Equal(t, "unavailable", p.Code)
		require.False(t, internal)
		require.Contains(t, p.Detail, "whether it took effect is unknown")
	}
}

// TestPointers: the field of an error of the engine also has a pointer into the body.
func TestPointers(t *testing.T) {
	p, _ := problem.Of(view.Errorf(view.Invalid, "nics[1].mac", "bad"))
	require.Equal(t, []api.FieldProblem{
		{Field: "nics[1].mac", Pointer: "#/nics/1/mac", Detail: "bad"}}, p.Errors)
	require.Equal(t, "nics[1].mac", p.Field)
	require.Equal(t, "#/a~1b~0c%20d", problem.Pointer([]string{"a/b~c d"}))
}
