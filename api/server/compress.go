package server

import (
	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
)

// minCompressed is the size of the smallest answer that is compressed, in bytes.
const minCompressed = 4 << 10

// compress returns the middleware that compresses answers to clients that ask for gzip. Event
// streams are not compressed: each event is small and should arrive at once. The metrics compress
// themselves.
func compress() echo.MiddlewareFunc {
	return middleware.GzipWithConfig(middleware.GzipConfig{
		MinLength: minCompressed,
		Skipper: func(c echo.Context) bool {
			return IsStream(c.Path()) || c.Path() == metricsPath
		},
	})
}
