package server

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/tapline-sdn/tapline/api"
)

func (s *server) mountSystem() {
	health := api.Health{Status: "ok", Version: s.version}
	s.route(http.MethodGet, "/healthz", func(c echo.Context, _ request) error {
		return answer(c, http.StatusOK, health)
	})
	s.route(http.MethodGet, "/readyz", func(c echo.Context, _ request) error {
		if err := s.engine.Ready(); err != nil {
			return refuse(http.StatusServiceUnavailable, "", "not ready: %v", err)
		}
		if err := s.audit.Err(); err != nil {
			return refuse(http.StatusServiceUnavailable, "", "not ready, nothing can be changed: %v", err)
		}
		return answer(c, http.StatusOK, health)
	})
	s.route(http.MethodGet, "/metrics", func(c echo.Context, _ request) error {
		if s.metrics == nil {
			return refuse(http.StatusNotFound, "", "this controller collects no metrics")
		}
		s.metrics.ServeHTTP(c.Response(), c.Request())
		return nil
	})
	s.route(http.MethodGet, "/openapi.json", func(c echo.Context, _ request) error {
		return c.JSONBlob(http.StatusOK, s.contract.json)
	})
}
