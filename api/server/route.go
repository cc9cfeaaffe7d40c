package server

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/tapline-sdn/tapline/api/redact"
	"github.com/tapline-sdn/tapline/api/server/contract"
	"github.com/tapline-sdn/tapline/api/server/problem"
)

// request is a request that satisfies the document.
type request struct {
	contract.Request
	ref string // the id or name in the path
}

// handler answers a request that satisfies the document.
type handler func(echo.Context, request) error

// route serves an operation of the document.
func (s *server) route(method, path string, handle handler) {
	s.routePatch(method, path, nil, handle)
}

// routePatch serves an operation of the document. Its body may be a whole resource, as current
// returns it by its id or name; a nil current rules that out.
func (s *server) routePatch(
	method, path string, current func(ref string) map[string]any, handle handler,
) {
	op := s.contract.Operation(method, path)
	if op == nil {
		panic(fmt.Sprintf("api/server: %s %s is not in the OpenAPI document", method, path))
	}

	pattern := strings.ReplaceAll(path, "{ref}", ":ref")
	s.operations[method+" "+pattern] = op
	s.echo.Add(method, pattern, func(c echo.Context) error {
		ref, err := refOf(c)
		if err != nil {
			return err
		}

		var before contract.Current
		if current != nil {
			before = func() map[string]any { return current(ref) }
		}

		read, err := op.Read(c.Response(), c.Request(), before)
		noteName(c, read.Value)
		if err != nil {
			return err
		}

		return handle(c, request{read, ref})
	})
}

// refOf returns the id or name in a request's path, "" if the path has none.
func refOf(c echo.Context) (string, error) {
	ref := c.Param("ref")

	// Where the escaped path says more than the decoded one, as with %2F, echo routes by the former
	// and leaves its parts escaped.
	if c.Request().URL.RawPath != "" {
		var err error
		if ref, err = url.PathUnescape(ref); err != nil { // net/http refuses such paths before.
			return "", problem.Refuse(http.StatusBadRequest, "", "the path is malformed: %v", err)
		}
	}

	if ref == "" && len(c.ParamNames()) > 0 {
		return "", echo.ErrNotFound
	}

	return ref, nil
}

// ServeHTTP implements http.Handler. It answers HEAD wherever GET is answered (RFC 9110, section
// 9.3.2), except for streams, which have no end. The http.Server leaves out the body.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodHead && !IsStream(r.URL.Path) {
		r = r.WithContext(r.Context())
		r.Method = http.MethodGet
	}
	if s.stopping != nil {
		r = r.WithContext(context.WithValue(r.Context(), stoppingKey{}, s.stopping))
	}

	s.echo.ServeHTTP(w, r)
}

// observe is the middleware that counts and logs each request. It turns a panic of a handler into a
// 500.
func (s *server) observe(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		begin := time.Now()
		allowHead(c)

		defer func() {
			fault := recover()
			switch {
			case fault == http.ErrAbortHandler:
				panic(fault)
			case fault != nil:
				s.log.Error("a handler panicked", "path", path(c), "panic", fault,
					"stack", string(debug.Stack()))
				c.Error(fmt.Errorf("panic: %v", fault))
			case err != nil:
				c.Error(err)
			}

			s.logRequest(c, time.Since(begin))
			err = nil
		}()

		return next(c)
	}
}

// allowHead adds HEAD to the header Allow wherever it has GET; see ServeHTTP.
func allowHead(c echo.Context) {
	header := c.Response().Header()

	c.Response().Before(func() {
		allow := header.Get(echo.HeaderAllow)
		if strings.Contains(allow, http.MethodGet) && !IsStream(c.Path()) {
			header.Set(echo.HeaderAllow, allow+", "+http.MethodHead)
		}
	})
}

func (s *server) logRequest(c echo.Context, took time.Duration) {
	method, status := c.Request().Method, c.Response().Status
	s.observer.Requested(method, strings.ReplaceAll(c.Path(), ":ref", "{ref}"), status, took)

	level := slog.LevelInfo
	if method == http.MethodGet {
		level = slog.LevelDebug
	}

	s.log.Log(context.WithoutCancel(c.Request().Context()), level, "request",
		"id", c.Response().Header().Get(echo.HeaderXRequestID), "method", method, "path", path(c),
		"status", status, "duration", took, "remote", c.Request().RemoteAddr,
		"actor", actorOf(c))
}

// actorOf returns the name of who sent a request, "" if that is not known.
func actorOf(c echo.Context) string {
	if about := requestOf(c); about != nil {
		return about.Actor.Name
	}

	return ""
}

// path returns the request's path. It hides the secret of a token that was sent in place of its
// name.
func path(c echo.Context) string { return redact.Tokens(c.Request().URL.Path) }
