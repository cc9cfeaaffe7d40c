package server

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/server/problem"
)

// mountSystem serves what is about the controller itself.
func (s *server) mountSystem() {
	s.route(http.MethodGet, "/healthz", func(c echo.Context, _ request) error {
		return answer(c, http.StatusOK, api.Health{Status: "ok", Version: s.version})
	})
	s.route(http.MethodGet, "/readyz", s.ready)

	s.route(http.MethodGet, "/metrics", func(c echo.Context, _ request) error {
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
func (s *server) ready(c echo.Context, _ request) error {
	parts := []api.Part{part("plugin", s.engine.Ready()), part("audit", s.audit.Err())}
	if s.parts != nil {
		parts = append(parts, s.parts()...)
	}

	var failed []string
	for _, p := range parts {
		if p.Status == api.PartFailed {
			failed = append(failed, p.Name+": "+p.Detail)
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

// part describes a part of the controller; err is why it does not work.
func part(name string, err error) api.Part {
	if err != nil {
		return api.Part{Name: name, Status: api.PartFailed, Detail: err.Error()}
	}

	return api.Part{Name: name, Status: api.PartOK}
}
