package server

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/web"
)

// mountPage serves the page to everybody. It is a client of the API, which asks for a token.
func (s *server) mountPage() {
	s.echo.GET(strings.TrimSuffix(web.Prefix, "/"), func(c echo.Context) error {
		// The target is relative, since a proxy may offer the page under another path.
		c.Response().Header().Set(echo.HeaderLocation, "ui/")
		return c.NoContent(http.StatusFound)
	})
	s.echo.GET(web.Prefix+"*", echo.WrapHandler(web.Handler()))
}

// isPage reports whether a route is one of the page, which needs no credentials.
func isPage(route string) bool { return strings.HasPrefix(route+"/", web.Prefix) }

// mountIdentity tells the sender of a request who he is, so that a client can leave out what he may
// not do.
func (s *server) mountIdentity() {
	s.route(http.MethodGet, api.Prefix+"/whoami", func(c echo.Context, _ request) error {
		id := identity(c)
		return answer(c, http.StatusOK, api.Identity{
			Type: id.Kind, ID: id.ID, Name: id.Name, Role: string(id.Role),
		})
	})
}
