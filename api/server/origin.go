package server

import (
	"fmt"
	"log/slog"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/tapline-sdn/tapline/api/server/problem"
)

// newOriginCheck returns the check against cross-site request forgery. A browser adds the
// certificate of its user to requests that other sites make it send. Origins are those of pages
// that may send such requests; an invalid one is logged and not trusted.
func newOriginCheck(origins []string, log *slog.Logger) *http.CrossOriginProtection {
	check := http.NewCrossOriginProtection()
	for _, origin := range origins {
		if err := check.AddTrustedOrigin(origin); err != nil {
			log.Error("an allowed origin is not valid", "origin", origin, "error", err)
		}
	}

	return check
}

// CheckOrigin returns what is wrong with an origin, which must be like https://host or
// https://host:port.
func CheckOrigin(origin string) error {
	if err := http.NewCrossOriginProtection().AddTrustedOrigin(origin); err != nil {
		return fmt.Errorf("%q is not an origin: want one such as https://tapline.example:8640",
			origin)
	}

	return nil
}

// sameOrigin is the middleware that refuses requests of a browser on behalf of another site, if
// they may change something.
func (s *server) sameOrigin(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if err := s.origins.Check(c.Request()); err != nil {
			return problem.Refuse(http.StatusForbidden, "",
				"a browser sent this for a page of another site, which api.origins does not list")
		}

		return next(c)
	}
}
