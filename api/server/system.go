package server

import (
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/server/problem"
)

// metricsPath is where Prometheus reads metrics.
const metricsPath = "/metrics"

// mountSystem serves what is about the controller itself.
func (s *server) mountSystem() {
	s.route(http.MethodGet, "/healthz", func(c echo.Context, _ request) error {
		return answer(c, http.StatusOK, api.Health{Status: "ok", Version: s.version})
	})

	s.route(http.MethodGet, "/readyz", s.ready)

	s.route(http.MethodGet, metricsPath, func(c echo.Context, _ request) error {
		if s.metrics == nil {
			return problem.Refuse(http.StatusNotFound, "", "this controller collects no metrics")
		}
		s.metrics.ServeHTTP(c.Response(), c.Request())
		return nil
	})

	s.route(http.MethodGet, api.Prefix+"/config", func(c echo.Context, _ request) error {
		if s.settings == nil {
			return problem.Refuse(http.StatusNotFound, "", "this controller has no configuration")
		}
		settings, err := s.settings()
		if err != nil {
			return err
		}
		return answer(c, http.StatusOK, settings)
	})

	s.route(http.MethodGet, "/openapi.json", func(c echo.Context, _ request) error {
		return c.JSONBlob(http.StatusOK, s.contract.JSON())
	})
}

// ready answers 200 if all parts of the controller work, and else 503 with those that do not.
// Details are for those who may read them: they name files, addresses and hosts.
func (s *server) ready(c echo.Context, _ request) error {
	parts := []api.Part{part("audit", s.audit.Err())}
	if s.engine != nil {
		parts = slices.Insert(parts, 0, part("plugin", s.engine.Ready()))
	}
	if s.parts != nil {
		parts = append(parts, s.parts()...)
	}

	known := s.knows(c.Request())
	var failed []string
	for i, p := range parts {
		if !known {
			parts[i].Detail = ""
		}

		switch {
		case p.Status != api.PartFailed:
		case known:
			failed = append(failed, p.Name+": "+p.Detail)
		default:
			failed = append(failed, p.Name)
		}
	}

	if len(failed) > 0 {
		return &problem.Refusal{
			Status: http.StatusServiceUnavailable,
			Detail: "not ready: " + strings.Join(failed, "; "),
			Parts:  parts,
		}
	}

	return answer(c, http.StatusOK, api.Health{Status: "ok", Version: s.version, Parts: parts})
}

// knows reports whether the sender of a request that needs no credentials has some.
func (s *server) knows(r *http.Request) bool {
	id, err := s.keys.Authenticate(r.Header.Get(echo.HeaderAuthorization), certificate(r))
	if err != nil {
		return false
	}

	id.Release()
	return true
}

// part describes a part of the controller; err is why it does not work.
func part(name string, err error) api.Part {
	if err != nil {
		return api.Part{Name: name, Status: api.PartFailed, Detail: err.Error()}
	}

	return api.Part{Name: name, Status: api.PartOK}
}
