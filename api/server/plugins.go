package server

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/controller/engine"
)

// reloadTime is how long a plugin may take to start, be tried and take over.
const reloadTime = 2 * time.Minute

// mountPlugins serves plugins, which are the configuration's and cannot be written but reloaded.
func (s *server) mountPlugins() {
	const all = api.Prefix + "/plugins"
	s.route(http.MethodGet, all, func(c echo.Context, _ request) error {
		list := api.PluginList{Plugins: []api.Plugin{}}
		for _, v := range s.engine.Plugins() {
			list.Plugins = append(list.Plugins, pluginJSON(v))
		}
		list.Total = len(list.Plugins)
		return answer(c, http.StatusOK, list)
	})
	s.route(http.MethodGet, all+"/{ref}", func(c echo.Context, req request) error {
		v, err := s.engine.Plugin(req.ref)
		if err != nil {
			return err
		}
		return answer(c, http.StatusOK, pluginJSON(v))
	})
	s.route(http.MethodPost, all+"/{ref}/reload", func(c echo.Context, req request) error {
		allow(c, reloadTime)
		v, err := s.engine.ReloadPlugin(c.Request().Context(), req.ref)
		if err != nil {
			return err
		}
		return answer(c, http.StatusOK, pluginJSON(v))
	})
}

func pluginJSON(v engine.PluginView) api.Plugin {
	return api.Plugin{
		Name: v.Name, Version: v.Version, Path: v.Path, Status: api.Status(v.State), Reason: v.Reason,
		Since: v.Since.UTC().Format(time.RFC3339Nano), Restarts: int(v.Restarts),
	}
}
