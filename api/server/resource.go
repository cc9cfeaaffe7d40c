package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/server/contract"
	"github.com/tapline-sdn/tapline/api/server/convert"
	"github.com/tapline-sdn/tapline/api/server/listing"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/store"
)

// resource is one kind of resources. The table in kinds.go has one for each.
//
// V is the engine's view, T its JSON form; C and P are the bodies that create and change it.
type resource[V, T, C, P any] struct {
	kind string // as in a plan, such as tap_flow; its paths and lists are named kind + "s"

	list   listing.List[V]
	get    func(ref string) (V, error)
	create func(ctx context.Context, body C, by store.Request) (V, error)
	update func(ctx context.Context, ref string, ifRevision uint64, body P) (V, error)
	remove func(ctx context.Context, ref string, ifRevision uint64, force bool) error
	json   func(V) T
	id     func(V) string

	// The rest is nil where a kind does not have it.
	enable   func(ctx context.Context, ref string, ifRevision uint64, on bool) (V, error)
	wait     func(ctx context.Context, id string) (V, error) // until the status is not pending
	sample   func(ctx context.Context, refs ...string)       // reads counters
	append   func([]byte, T) ([]byte, error)                 // appends JSON, as encoding/json does
	revision func(V) uint64
}

const (
	// deletionWait is how long a deletion waits for the switches if the request does not say.
	deletionWait = 2 * time.Second
	// sampleTime is the longest that a reader waits for fresh counters. Then it gets the last ones.
	sampleTime = 500 * time.Millisecond
	// maxSampled is the length of the longest list whose counters are read for its reader. Counters
	// of a longer list are up to 10 s old.
	maxSampled = 100
)

func (r *resource[V, T, C, P]) name() string    { return r.kind }
func (r *resource[V, T, C, P]) path() string    { return api.Prefix + "/" + r.kind + "s" }
func (r *resource[V, T, C, P]) canEnable() bool { return r.enable != nil }

// mount serves the operations of the resource.
func (r *resource[V, T, C, P]) mount(s *server) {
	all, one := r.path(), r.path()+"/{ref}"
	checkColumns(s, all, r.list)
	if r.append == nil {
		r.append = convert.AppendJSON[T]
	}

	s.route(http.MethodGet, all, func(c echo.Context, req request) error {
		return r.serveList(s, c, req)
	})

	s.route(http.MethodGet, one, r.serveGet)
	s.route(http.MethodPost, all, func(c echo.Context, req request) error {
		return r.serveCreate(s, c, req)
	})

	s.routePatch(http.MethodPatch, one, r.fields, r.serveUpdate)
	s.route(http.MethodDelete, one, func(c echo.Context, req request) error {
		return r.serveDelete(s, c, req)
	})

	if r.enable == nil {
		return
	}

	for verb, on := range map[string]bool{"enable": true, "disable": false} {
		s.route(http.MethodPost, one+"/"+verb, func(c echo.Context, req request) error {
			v, err := r.enable(c.Request().Context(), req.ref, req.IfRevision, on)
			if err != nil {
				return err
			}
			return r.answerWhenSettled(c, req, http.StatusOK, v)
		})
	}
}

// apply makes a change of a plan. The change satisfies the document.
func (r *resource[V, T, C, P]) apply(ctx context.Context, change api.PlannedChange) error {
	switch change.Action {
	case "create":
		body, err := contract.Decode[C](change.Body)
		if err != nil {
			return err
		}
		_, err = r.create(ctx, body, store.Request{})
		return err

	case "update":
		body, err := contract.Decode[P](change.Body)
		if err != nil {
			return err
		}
		_, err = r.update(ctx, change.Ref, 0, body)
		return err

	case "delete":
		return r.remove(ctx, change.Ref, 0, false)

	case "enable", "disable":
		_, err := r.enable(ctx, change.Ref, 0, change.Action == "enable")
		return err

	default:
		return fmt.Errorf("unknown action %q", change.Action) // The document rules it out.
	}
}

func (r *resource[V, T, C, P]) serveGet(c echo.Context, req request) error {
	if r.sample != nil {
		r.sampleNow(c, req.ref)
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
}

// sampleNow has the counters of some resources read, before they are answered.
func (r *resource[V, T, C, P]) sampleNow(c echo.Context, refs ...string) {
	ctx, cancel := context.WithTimeout(c.Request().Context(), sampleTime)
	defer cancel()

	r.sample(ctx, refs...)
}

// fields returns the fields of a resource as GET answers them, nil if there is no such resource.
func (r *resource[V, T, C, P]) fields(ref string) map[string]any {
	v, err := r.get(ref)
	if err != nil {
		return nil
	}

	text, err := json.Marshal(r.json(v))
	if err != nil {
		return nil
	}

	var out map[string]any
	if err := json.Unmarshal(text, &out); err != nil {
		return nil
	}

	return out
}

func (r *resource[V, T, C, P]) serveUpdate(c echo.Context, req request) error {
	if req.Unchanged {
		return r.serveGet(c, req)
	}

	body, err := contract.Decode[P](req.Body)
	if err != nil {
		return err
	}

	v, err := r.update(c.Request().Context(), req.ref, req.IfRevision, body)
	if err != nil {
		return err
	}

	return r.answerWhenSettled(c, req, http.StatusOK, v)
}

func (r *resource[V, T, C, P]) serveDelete(s *server, c echo.Context, req request) error {
	// The name may belong to another resource by the time of the deletion; the id cannot.
	v, err := r.get(req.ref)
	if err != nil {
		return err
	}

	force := req.Query["force"] == "true"
	if err := r.remove(c.Request().Context(), r.id(v), req.IfRevision, force); err != nil {
		return err
	}

	if r.wait == nil { // It has nothing on switches.
		return c.NoContent(http.StatusNoContent)
	}

	return r.answerWhenGone(s, c, req, v)
}

// answerWhenGone answers a deletion with 204 once all that belonged to the resource was read back
// as gone. At the request's deadline it answers 202 with the resource, which is still listed.
func (r *resource[V, T, C, P]) answerWhenGone(s *server, c echo.Context, req request, v V) error {
	limit := deletionWait
	if _, given := req.Query["wait"]; given {
		limit = req.Wait
	}

	ctx, stop := waiting(c, limit)
	defer stop()

	err := s.engine.WaitGone(ctx, r.id(v))
	if err == nil {
		return c.NoContent(http.StatusNoContent)
	}

	if !overdue(err) || c.Request().Context().Err() != nil {
		return err
	}

	latest, err := r.get(r.id(v))
	var failure *view.Error
	switch {
	case errors.As(err, &failure) && failure.Kind == view.NotFound:
		return c.NoContent(http.StatusNoContent) // It went in this moment.
	case err != nil:
		return err
	}

	a, err := r.encode(latest)
	if err != nil {
		return err
	}

	return a.send(c, http.StatusAccepted)
}

// answerWhenSettled answers a write once the resource is no longer pending, or at the request's
// deadline, or when the server stops. The write itself is done in each case.
func (r *resource[V, T, C, P]) answerWhenSettled(
	c echo.Context, req request, status int, v V,
) error {
	a, err := r.settled(c, req, v)
	if err != nil {
		return err
	}

	return a.send(c, status)
}

// settled returns the answer of answerWhenSettled.
func (r *resource[V, T, C, P]) settled(c echo.Context, req request, v V) (*recorded, error) {
	if r.wait == nil || req.Wait == 0 {
		return r.encode(v)
	}

	ctx, stop := waiting(c, req.Wait)
	defer stop()

	latest, err := r.wait(ctx, r.id(v))
	if err != nil && (!overdue(err) || c.Request().Context().Err() != nil) {
		return nil, err
	}

	return r.encode(latest)
}

func (r *resource[V, T, C, P]) encode(v V) (*recorded, error) {
	var revision uint64
	if r.revision != nil {
		revision = r.revision(v)
	}

	return record(r.json(v), revision)
}
