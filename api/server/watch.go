package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/controller/engine"
)

// watchPath is that of the stream.
const watchPath = api.Prefix + "/watch"

const (
	// heartbeat is how often a silent stream says that it is alive.
	heartbeat = 15 * time.Second
	// chunk is how many bytes of events are written at once.
	chunk = 64 << 10
)

// watch streams events (HTML Standard, 9.2, server-sent events) until the reader leaves, the server stops, or the reader is
// too slow: it has no queue, but a place in the engine's bounded history.
func (s *server) watch(c echo.Context, req request) error {
	ctx, cancel := context.WithCancel(c.Request().Context())
	defer cancel()
	defer context.AfterFunc(stopping(ctx), cancel)()
	s.observer.Streaming(1)
	defer s.observer.Streaming(-1)

	after := c.Request().Header.Get("Last-Event-ID")
	walk, known := s.engine.Watch(after)
	header := c.Response().Header()
	header.Set(echo.HeaderContentType, "text/event-stream")
	header.Set(echo.HeaderCacheControl, "no-store")
	header.Set("X-Accel-Buffering", "no") // or nginx keeps events back
	c.Response().WriteHeader(http.StatusOK)

	out := &eventStream{c: c, wants: wanted(req.query)}
	// The first comment tells the reader that no event from here on is missed.
	out.buffer.WriteString(": watching\n\n")
	if err := s.begin(out, walk.ID(), after, known, req.query["snapshot"] == "true"); err != nil {
		return err
	}
	for {
		beat, stop := context.WithDeadline(ctx, out.written.Add(heartbeat))
		events, err := walk.Next(beat)
		stop()
		switch {
		case ctx.Err() != nil, errors.Is(err, engine.ErrStopped):
			return nil
		case errors.Is(err, engine.ErrLost):
			s.log.Info("a reader of events was too slow and is cut off", "remote", c.Request().RemoteAddr)
			return nil
		case err != nil && !errors.Is(err, context.DeadlineExceeded):
			return err
		}
		for _, e := range events {
			if err := out.change(e); err != nil {
				return err
			}
		}
		if err := out.flush(); err != nil {
			return err
		}
		if time.Since(out.written) >= heartbeat {
			// An id without data moves the place to resume from and is no event.
			fmt.Fprintf(&out.buffer, ": alive\nid: %s\n\n", walk.ID())
			if err := out.flush(); err != nil {
				return err
			}
		}
	}
}

// begin writes what comes before the first change. The place was taken before anything is listed, so that nothing is missed.
func (s *server) begin(out *eventStream, place, after string, known, snapshot bool) error {
	if !known {
		reason := fmt.Sprintf("what followed event %s is not known any more", quote(after))
		if err := out.write(api.Event{Type: api.Reset, Reason: reason}); err != nil {
			return err
		}
	}
	if !known || after == "" && snapshot {
		if err := s.writeCurrent(out); err != nil {
			return err
		}
	}
	if !known || after == "" {
		if err := out.write(api.Event{ID: place, Type: api.Synced}); err != nil {
			return err
		}
	}
	return out.flush()
}

// writeCurrent writes everything that exists: first what others refer to.
func (s *server) writeCurrent(out *eventStream) error {
	for _, write := range []func() error{
		func() error { return current(out, s.engine.Hosts, hostJSON) },
		func() error { return current(out, s.engine.Guests, guestJSON) },
		func() error { return current(out, s.engine.Services, serviceJSON) },
		func() error {
			return current(out, func() []engine.FlowView { return s.engine.FlowViews(s.engine.FlowRows()) }, flowJSON)
		},
	} {
		if err := write(); err != nil {
			return err
		}
	}
	return nil
}

func current[V any, T api.Object](out *eventStream, list func() []V, convert func(V) T) error {
	if kind := (api.Event{Object: *new(T)}).Kind(); !out.wants.kind(kind) {
		return nil
	}
	for _, v := range list() {
		if e := (api.Event{Type: api.Current, Object: convert(v)}); out.wants.object(e.Object) {
			if err := out.write(e); err != nil {
				return err
			}
		}
	}
	return nil
}

// eventStream is the answer that carries events.
type eventStream struct {
	c       echo.Context
	wants   filter
	buffer  bytes.Buffer
	written time.Time
}

// change writes an event of the engine, if the reader wants it.
func (o *eventStream) change(e engine.Event) error {
	out, err := eventJSON(e)
	if err != nil || !o.wants.kind(out.Kind()) || !o.wants.object(out.Object) {
		return err
	}
	return o.write(out)
}

func (o *eventStream) write(e api.Event) error {
	data, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if e.ID != "" {
		fmt.Fprintf(&o.buffer, "id: %s\n", e.ID)
	}
	fmt.Fprintf(&o.buffer, "event: %s\ndata: %s\n\n", e.Type, data)
	if o.buffer.Len() < chunk {
		return nil
	}
	return o.flush()
}

// flush sends what was written, and ends the stream if the reader does not take it in time.
func (o *eventStream) flush() error {
	if o.buffer.Len() == 0 {
		return nil
	}
	allow(o.c, writeTimeout)
	if _, err := o.buffer.WriteTo(o.c.Response()); err != nil {
		return err
	}
	o.written = time.Now()
	return http.NewResponseController(o.c.Response()).Flush()
}

// filter is which objects a reader wants.
type filter struct {
	kinds []string // empty: all
	ref   string   // id or name; "" all
}

func wanted(query map[string]string) filter {
	f := filter{ref: query["id"]}
	if kinds := query["kind"]; kinds != "" {
		f.kinds = strings.Split(kinds, ",")
	}
	return f
}

func (f filter) kind(kind string) bool { return len(f.kinds) == 0 || slices.Contains(f.kinds, kind) }

func (f filter) object(o api.Object) bool {
	if f.ref == "" {
		return true
	}
	id, name := o.Ident()
	return f.ref == id || f.ref == name
}
