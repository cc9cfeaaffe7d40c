package server

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/server/convert"
	"github.com/tapline-sdn/tapline/controller/engine/explain"
)

// explainTime is the longest that an explanation waits for switches.
const explainTime = 5 * time.Second

// mountExplanations serves what stands behind the status of services and flows.
func (s *server) mountExplanations(services Services, flows Flows) {
	explainers := map[string]func(context.Context, string) (explain.Explanation, error){
		"/tap_services/{ref}/explain": services.ExplainService,
		"/tap_flows/{ref}/explain":    flows.ExplainFlow,
	}

	for path, explained := range explainers {
		s.route(http.MethodGet, api.Prefix+path, func(c echo.Context, req request) error {
			ctx, cancel := context.WithTimeout(c.Request().Context(), explainTime)
			defer cancel()

			x, err := explained(ctx, req.ref)
			if err != nil {
				return err
			}
			return answer(c, http.StatusOK, convert.Explanation(x))
		})
	}
}
