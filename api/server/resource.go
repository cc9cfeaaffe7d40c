package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/controller/store"
)

// resource is what differs between the kinds of resources: V is the engine's view, T its JSON form, C and P are the
// bodies that create and change it.
type resource[V, T, C, P any] struct {
	path     string // under api.Prefix; also the key of the items in the answer to a list
	list     listing[V]
	get      func(ref string) (V, error)
	create   func(ctx context.Context, body C, by store.Request) (V, error)
	update   func(ctx context.Context, ref string, ifRevision uint64, body P) (V, error)
	remove   func(ctx context.Context, ref string, ifRevision uint64) error
	enable   func(ctx context.Context, ref string, ifRevision uint64, on bool) (V, error) // nil: cannot be enabled
	wait     func(ctx context.Context, id string) (V, error)                              // nil: has no status
	sample   func(ctx context.Context, refs ...string)                                    // has counters read anew; nil: has none
	json     func(V) T
	append   func([]byte, T) ([]byte, error) // JSON; nil: encoding/json does it
	id       func(V) string
	revision func(V) uint64 // nil: has none
}

// sampleTime is how long one who looks at a resource waits for its counters; then they are as they were read last.
const sampleTime = 500 * time.Millisecond

// maxSampled is up to how many items a list has their counters read anew; those of longer lists are up to 10 s old.
const maxSampled = 100

// look has the counters read of what a request is about to be told.
func (r resource[V, T, C, P]) look(c echo.Context, refs ...string) {
	ctx, cancel := context.WithTimeout(c.Request().Context(), sampleTime)
	defer cancel()
	r.sample(ctx, refs...)
}

// mount serves the operations of a resource.
func mount[V, T, C, P any](s *server, r resource[V, T, C, P]) {
	all, one := api.Prefix+"/"+r.path, api.Prefix+"/"+r.path+"/{ref}"
	checkColumns(s, all, r.list)
	if r.append == nil {
		r.append = appendJSON[T]
	}

	s.route(http.MethodGet, all, func(c echo.Context, req request) error {
		page := r.list.choose(req.query)
		if r.sample != nil && page.n <= maxSampled {
			views := page.views(0, page.n)
			refs := make([]string, len(views))
			for i, v := range views {
				refs[i] = r.id(v)
			}
			r.look(c, refs...)
			for i := range views {
				if v, err := r.get(refs[i]); err == nil { // It may be gone by now.
					views[i] = v
				}
			}
			page.n, page.views = len(views), func(from, to int) []V { return views[from:to] }
		}
		return r.answerList(c, page)
	})
	s.route(http.MethodGet, one, func(c echo.Context, req request) error {
		if r.sample != nil {
			r.look(c, req.ref)
		}
		v, err := r.get(req.ref)
		if err != nil {
			return err
		}
		a, err := r.encode(v)
		if err != nil {
			return err
		}
		return a.sendIfChanged(c)
	})
	s.route(http.MethodPost, all, func(c echo.Context, req request) error {
		body, err := decode[C](req.body)
		if err != nil {
			return err
		}
		return r.createOnce(s, c, req, func(by store.Request) (V, error) { return r.create(c.Request().Context(), body, by) })
	})
	s.route(http.MethodPatch, one, func(c echo.Context, req request) error {
		body, err := decode[P](req.body)
		if err != nil {
			return err
		}
		v, err := r.update(c.Request().Context(), req.ref, req.ifRevision, body)
		if err != nil {
			return err
		}
		return r.answerWhenSettled(c, req, http.StatusOK, v)
	})
	s.route(http.MethodDelete, one, func(c echo.Context, req request) error {
		v, err := r.get(req.ref)
		if err != nil {
			return err
		}
		if err := r.remove(c.Request().Context(), r.id(v), req.ifRevision); err != nil {
			return err
		}
		return s.answerWhenGone(c, req, r.id(v))
	})
	if r.enable == nil {
		return
	}
	for verb, on := range map[string]bool{"enable": true, "disable": false} {
		s.route(http.MethodPost, one+"/"+verb, func(c echo.Context, req request) error {
			v, err := r.enable(c.Request().Context(), req.ref, req.ifRevision, on)
			if err != nil {
				return err
			}
			return r.answerWhenSettled(c, req, http.StatusOK, v)
		})
	}
}

// answerWhenGone answers a deletion once the switches have dropped what the resource had there, or at the request's deadline:
// then with 202, for the deletion itself is done.
func (s *server) answerWhenGone(c echo.Context, req request, id string) error {
	if req.wait == 0 {
		return c.NoContent(http.StatusNoContent)
	}
	ctx, stop := waiting(c, req.wait)
	defer stop()
	err := s.engine.WaitGone(ctx, id)
	switch {
	case err == nil:
		return c.NoContent(http.StatusNoContent)
	case !overdue(err) || c.Request().Context().Err() != nil:
		return err
	}
	return answer(c, http.StatusAccepted, api.Deletion{Status: api.Pending, Reason: "it is deleted, and the switches do not show yet that they have dropped it"})
}

// waiting is the context of a request that waits, at most for d and until the server stops.
func waiting(c echo.Context, d time.Duration) (context.Context, func()) {
	allow(c, d+writeTimeout)
	ctx, cancel := context.WithTimeout(c.Request().Context(), d)
	undo := context.AfterFunc(stopping(ctx), cancel)
	return ctx, func() { undo(); cancel() }
}

// overdue reports whether waiting has ended before what was waited for.
func overdue(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// checkColumns panics if the document promises a filter or an order that the list at a path does not know.
func checkColumns[V any](s *server, path string, list listing[V]) {
	query := s.contract.operation(http.MethodGet, path).query
	others := map[string]string{"order_by": "", "order": "", "limit": "", "offset": ""}
	for _, o := range orders() {
		others[o[0]] = o[1]
	}
	for name := range query {
		by, other := others[name]
		if !other && !list.filters(name) {
			panic(fmt.Sprintf("api/server: GET %s cannot be filtered by %s", path, name))
		}
		if by != "" && !list.orders(by) {
			panic(fmt.Sprintf("api/server: GET %s has no %s to order by", path, by))
		}
	}
	for _, name := range query["order_by"].Enum {
		if !list.orders(fmt.Sprint(name)) {
			panic(fmt.Sprintf("api/server: GET %s cannot be ordered by %s", path, name))
		}
	}
}

// atOnce is how many items of a list are read together. Who changes something meanwhile waits for no more.
const atOnce = 256

// answerList writes a list. It is made in pieces, of which none but its JSON is kept.
func (r resource[V, T, C, P]) answerList(c echo.Context, page chosen[V]) error {
	body := lists.Get().(*[]byte)
	defer lists.Put(body)
	b := append((*body)[:0], `{"`+r.path+`":[`...)
	empty := len(b)
	for from := 0; from < page.n; from += atOnce {
		if from > 0 { // The rest is as large as what is there: a buffer that grows by and by is copied many times.
			b = slices.Grow(b, (len(b)/from+16)*(page.n-from))
		}
		for _, v := range page.views(from, min(from+atOnce, page.n)) {
			if len(b) > empty {
				b = append(b, ',')
			}
			var err error
			if b, err = r.append(b, r.json(v)); err != nil {
				return err
			}
		}
	}
	b = append(strconv.AppendInt(append(b, `],"total":`...), int64(page.total), 10), '}')
	a := recorded{etag: tagOf(b, 0), body: append(b, '\n')}
	*body = a.body
	return a.sendIfChanged(c)
}

// lists are buffers of answers.
var lists = sync.Pool{New: func() any { return new([]byte) }}

// answerWhenSettled answers a write once the resource is no longer pending, or at the request's deadline, or when the
// server stops, with whatever it is then: the write itself is done.
func (r resource[V, T, C, P]) answerWhenSettled(c echo.Context, req request, status int, v V) error {
	a, err := r.settled(c, req, v)
	if err != nil {
		return err
	}
	return a.send(c, status)
}

// settled is the answer of answerWhenSettled.
func (r resource[V, T, C, P]) settled(c echo.Context, req request, v V) (*recorded, error) {
	if r.wait == nil || req.wait == 0 {
		return r.encode(v)
	}
	ctx, stop := waiting(c, req.wait)
	defer stop()
	latest, err := r.wait(ctx, r.id(v))
	if err != nil && (!overdue(err) || c.Request().Context().Err() != nil) {
		return nil, err
	}
	return r.encode(latest)
}

func (r resource[V, T, C, P]) encode(v V) (*recorded, error) {
	var revision uint64
	if r.revision != nil {
		revision = r.revision(v)
	}
	return record(r.json(v), revision)
}

// allow gives a request that takes long on purpose its own deadlines instead of the server's. A writer that knows none,
// as in tests, needs none.
func allow(c echo.Context, d time.Duration) {
	rc := http.NewResponseController(c.Response())
	_ = rc.SetReadDeadline(time.Time{})
	_ = rc.SetWriteDeadline(time.Now().Add(d))
}
