package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/tapline-sdn/tapline/controller/engine"
)

// heartbeat is how often a silent stream says that it is alive.
const heartbeat = 15 * time.Second

// watch streams events (HTML Standard, 9.2, server-sent events) until the reader leaves, the server stops, or the engine
// finds the reader too slow.
func (s *server) watch(c echo.Context, _ request) error {
	ctx, cancel := context.WithCancel(c.Request().Context())
	defer cancel()
	defer context.AfterFunc(stopping(ctx), cancel)()

	events := s.engine.Subscribe(ctx)
	header := c.Response().Header()
	header.Set(echo.HeaderContentType, "text/event-stream")
	header.Set(echo.HeaderCacheControl, "no-store")
	header.Set("X-Accel-Buffering", "no") // or nginx keeps events back
	c.Response().WriteHeader(http.StatusOK)

	send := func(format string, args ...any) error {
		allow(c, writeTimeout)
		if _, err := fmt.Fprintf(c.Response(), format, args...); err != nil {
			return err
		}
		return http.NewResponseController(c.Response()).Flush()
	}
	// The first comment tells the reader that no event from here on is missed.
	if err := send(": watching\n\n"); err != nil {
		return err
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-beat.C:
			if err := send(": alive\n\n"); err != nil {
				return err
			}
		case e, open := <-events:
			if !open {
				return nil
			}
			data, err := eventData(e)
			if err != nil {
				return err
			}
			if err := send("id: %d\nevent: %s\ndata: %s\n\n", e.Seq, e.Type, data); err != nil {
				return err
			}
		}
	}
}

func eventData(e engine.Event) ([]byte, error) {
	out, err := eventJSON(e)
	if err != nil {
		return nil, err
	}
	return json.Marshal(out)
}
