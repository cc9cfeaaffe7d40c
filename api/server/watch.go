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
	"github.com/tapline-sdn/tapline/api/server/contract"
	"github.com/tapline-sdn/tapline/api/server/convert"
	"github.com/tapline-sdn/tapline/controller/engine/events"
	"github.com/tapline-sdn/tapline/controller/engine/view"
)

// watchPath is the path of the event stream.
const watchPath = api.Prefix + "/watch"

const (
	heartbeat = 15 * time.Second // between signs of life of a silent stream
	chunkSize = 64 << 10         // bytes of events that are written at once
)

// watch streams events (HTML Standard, section 9.2, server-sent events) until the reader leaves,
// the server stops, or the reader is too slow. A reader has no queue of its own, but a place in the
// engine's bounded history.
func (s *server) watch(c echo.Context, req request) error {
	end, err := s.streams.begin(c, identity(c))
	if err != nil {
		return err
	}
	defer end()

	ctx, cancel := context.WithCancel(c.Request().Context())
	defer cancel()
	defer context.AfterFunc(Stopping(ctx), cancel)()
	s.observer.Streaming(1)
	defer s.observer.Streaming(-1)

	header := c.Response().Header()
	header.Set(echo.HeaderContentType, "text/event-stream")
	header.Set(echo.HeaderCacheControl, "no-store")
	header.Set("X-Accel-Buffering", "no") // nginx would hold events back.

	// The walk begins before anything is listed, so that no change falls between the two.
	after := c.Request().Header.Get("Last-Event-ID")
	walk, known := s.engine.Watch(after)
	c.Response().WriteHeader(http.StatusOK)

	out := &eventStream{c: c, filter: newEventFilter(req.Query)}
	// The first comment tells the reader that it misses no event from here on.
	out.buffer.WriteString(": watching\n\n")
	snapshot := req.Query["snapshot"] == "true"
	if err := s.beginStream(out, walk.ID(), after, known, snapshot); err != nil {
		return err
	}

	for ctx.Err() == nil {
		err := out.relay(ctx, walk)
		switch {
		case ctx.Err() != nil, errors.Is(err, events.ErrStopped):
			return nil
		case errors.Is(err, events.ErrLost):
			s.log.Info("a reader of events was too slow and is cut off",
				"remote", c.Request().RemoteAddr)
			return nil
		case err != nil:
			return err
		}
	}
	return nil
}

// beginStream writes what comes before the first change: why the stream cannot resume, what exists,
// and the place from which a reader can resume.
func (s *server) beginStream(out *eventStream, place, after string, known, snapshot bool) error {
	if !known {
		reason := fmt.Sprintf("what followed event %s is not known any more", contract.Quote(after))
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

// writeCurrent writes all resources that exist, those that others refer to first.
func (s *server) writeCurrent(out *eventStream) error {
	flowViews := func() []view.Flow { return s.engine.FlowViews(s.engine.FlowRows()) }

	if err := writeEach(out, s.engine.Hosts, convert.Host); err != nil {
		return err
	}
	if err := writeEach(out, s.engine.Guests, convert.Guest); err != nil {
		return err
	}
	if err := writeEach(out, s.engine.Services, convert.Service); err != nil {
		return err
	}
	return writeEach(out, flowViews, convert.Flow)
}

func writeEach[V any, T api.Object](out *eventStream, list func() []V, toJSON func(V) T) error {
	if kind := (api.Event{Object: *new(T)}).Kind(); !out.filter.wantsKind(kind) {
		return nil
	}

	for _, v := range list() {
		e := api.Event{Type: api.Current, Object: toJSON(v)}
		if !out.filter.wantsObject(e.Object) {
			continue
		}
		if err := out.write(e); err != nil {
			return err
		}
	}
	return nil
}

// eventStream is the answer that carries events.
type eventStream struct {
	c       echo.Context
	filter  eventFilter
	buffer  bytes.Buffer // not sent yet
	written time.Time    // when something was sent last
}

// relay waits for the next events of a walk, and sends those that the reader wants. If there are
// none, it sends a heartbeat in time.
func (o *eventStream) relay(ctx context.Context, walk *events.Watch) error {
	beat, stop := context.WithDeadline(ctx, o.written.Add(heartbeat))
	changes, err := walk.Next(beat)
	stop()
	if err != nil && (ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded)) {
		return err
	}

	for _, e := range changes {
		if err := o.writeChange(e); err != nil {
			return err
		}
	}
	if err := o.flush(); err != nil {
		return err
	}

	if time.Since(o.written) < heartbeat {
		return nil
	}
	// An id without data is no event. It moves the place from which the reader resumes.
	fmt.Fprintf(&o.buffer, ": alive\nid: %s\n\n", walk.ID())
	return o.flush()
}

// writeChange writes an event of the engine if the reader wants it.
func (o *eventStream) writeChange(e events.Event) error {
	out, err := convert.Event(e)
	if err != nil || !o.filter.wantsKind(out.Kind()) || !o.filter.wantsObject(out.Object) {
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

	if o.buffer.Len() < chunkSize {
		return nil
	}
	return o.flush()
}

// flush sends what was written. The stream ends if the reader does not accept it in time.
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

// eventFilter says which objects a reader wants.
type eventFilter struct {
	kinds []string // empty: all
	ref   string   // id or name; "": all
}

func newEventFilter(query map[string]string) eventFilter {
	f := eventFilter{ref: query["id"]}
	if kinds := query["kind"]; kinds != "" {
		f.kinds = strings.Split(kinds, ",")
	}

	return f
}

func (f eventFilter) wantsKind(kind string) bool {
	return len(f.kinds) == 0 || slices.Contains(f.kinds, kind)
}

func (f eventFilter) wantsObject(o api.Object) bool {
	if f.ref == "" {
		return true
	}

	id, name := o.Ident()
	return f.ref == id || f.ref == name
}
