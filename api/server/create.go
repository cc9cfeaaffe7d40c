package server

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/server/contract"
	"github.com/tapline-sdn/tapline/api/server/idempotency"
	"github.com/tapline-sdn/tapline/api/server/problem"
	"github.com/tapline-sdn/tapline/controller/store"
)

// maxKept is the size of the largest answer that is kept to be repeated, in bytes.
const maxKept = 16 << 10

// serveCreate creates a resource. If a creation with the same Idempotency-Key has succeeded before,
// it repeats the answer instead.
func (r *resource[V, T, C, P]) serveCreate(s *server, c echo.Context, req request) error {
	body, err := contract.Decode[C](req.Body)
	if err != nil {
		return err
	}

	by := creationOf(c, req)
	if by.Key == "" {
		v, err := r.create(c.Request().Context(), body, by)
		if err != nil {
			return err
		}
		return r.answerCreated(c, req, v, func(*recorded) {})
	}

	before, err := s.creations.Begin(by)
	if err != nil {
		return refuseRepetition(req.IdempotencyKey, err)
	}
	if before != nil {
		return r.repeat(c, req, before)
	}

	var kept *recorded
	defer func() { s.creations.End(by, kept) }()

	v, err := r.create(c.Request().Context(), body, by)
	if err != nil {
		return err
	}
	s.creations.Created(by, r.id(v))

	return r.answerCreated(c, req, v, func(a *recorded) {
		if len(a.body) <= maxKept {
			kept = a
		}
	})
}

// creationOf identifies a creation by its key and what it asks for.
func creationOf(c echo.Context, req request) store.Request {
	if req.IdempotencyKey == "" {
		return store.Request{}
	}

	// Marshalling what was parsed sorts names and drops blanks. It was JSON before, so it cannot
	// fail.
	canonical, _ := json.Marshal(req.Value)
	operation := c.Request().Method + " " + c.Request().URL.Path + "\n"
	sum := sha256.Sum256(append([]byte(operation), canonical...))

	return store.Request{Key: keyOf(c, req), Digest: hex.EncodeToString(sum[:16])}
}

// keyOf returns the key of a creation. Each identity has keys of its own: nobody can learn or block
// what another one creates by guessing its keys.
func keyOf(c echo.Context, req request) string {
	id := identity(c)

	return id.Kind + ":" + id.ID + ":" + req.IdempotencyKey
}

// refuseRepetition turns an error of idempotency.Memory into a refusal.
func refuseRepetition(key string, err error) error {
	if errors.Is(err, idempotency.ErrBusy) {
		const detail = "the request with this key is still being answered: try again in a moment"
		return &problem.Refusal{
			Status: http.StatusConflict, Type: api.InProgress,
			Fields: []api.FieldProblem{{Field: "Idempotency-Key", Detail: detail}},
		}
	}

	return problem.Refuse(http.StatusUnprocessableEntity, "Idempotency-Key", "%q was used for "+
		"another request: want a new key for each creation, and the same only to repeat it", key)
}

// answerCreated answers a creation. It calls keep with the answer before it is sent.
func (r *resource[V, T, C, P]) answerCreated(
	c echo.Context, req request, v V, keep func(*recorded),
) error {
	a, err := r.settled(c, req, v)
	if err != nil {
		return err
	}

	a.location = r.path() + "/" + url.PathEscape(r.id(v))
	keep(a)
	return a.send(c, http.StatusCreated)
}

// repeat answers a creation that was made before. If its answer was not kept, the resource is
// answered as it is now.
func (r *resource[V, T, C, P]) repeat(
	c echo.Context, req request, before *idempotency.Earlier[recorded],
) error {
	c.Response().Header().Set("Idempotency-Replayed", "true")
	if before.Answer != nil {
		return before.Answer.send(c, http.StatusCreated)
	}

	v, err := r.get(before.ID)
	if err != nil {
		return problem.Refuse(http.StatusGone, "Idempotency-Key",
			"what the request with this key has created (%s) is deleted since", before.ID)
	}
	return r.answerCreated(c, req, v, func(*recorded) {})
}
