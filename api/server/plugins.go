package server

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/server/convert"
)

// reloadTime is the longest that a plugin may take to start, to be tried and to take over.
const reloadTime = 2 * time.Minute

// mountPlugins serves the plugins. The configuration lists them; the API can only reload one.
func (s *server) mountPlugins(plugins Plugins) {
	const all = api.Prefix + "/plugins"

	s.route(http.MethodGet, all, func(c echo.Context, _ request) error {
		list := api.PluginList{Plugins: []api.Plugin{}}
		for _, v := range plugins.Plugins() {
			list.Plugins = append(list.Plugins, convert.Plugin(v))
		}
		list.Total = len(list.Plugins)
		return answer(c, http.StatusOK, list)
	})

	s.route(http.MethodGet, all+"/{ref}", func(c echo.Context, req request) error {
		v, err := plugins.Plugin(req.ref)
		if err != nil {
			return err
		}
		return answer(c, http.StatusOK, convert.Plugin(v))
	})

	s.route(http.MethodPost, all+"/{ref}/reload", func(c echo.Context, req request) error {
		allow(c, reloadTime)
		v, err := plugins.ReloadPlugin(c.Request().Context(), req.ref)
		if err != nil {
			return err
		}
		return answer(c, http.StatusOK, convert.Plugin(v))
	})
}
