package server

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/controller/access"
	"github.com/tapline-sdn/tapline/controller/engine"
)

func (s *server) tokens() (items []api.Token) {
	for _, t := range s.keys.List() {
		items = append(items, tokenJSON(t))
	}
	return items
}

// mountTokens serves tokens. They are not a resource like the others: nothing of them changes, and their creation tells a secret.
func (s *server) mountTokens() {
	const all = api.Prefix + "/tokens"
	list := listed(s.tokens, map[string]column[api.Token]{
		"name":         text(func(t api.Token) string { return t.Name }),
		"role":         text(func(t api.Token) string { return t.Role }),
		"expired":      flag(func(t api.Token) bool { return t.Expired }),
		"created_at":   text(func(t api.Token) string { return sortedMoment(t.CreatedAt) }),
		"expires_at":   text(func(t api.Token) string { return sortedMoment(t.ExpiresAt) }),
		"last_used_at": text(func(t api.Token) string { return sortedMoment(t.LastUsedAt) }),
	})
	checkColumns(s, all, list)

	s.route(http.MethodGet, all, func(c echo.Context, req request) error {
		page := list.choose(req.query)
		return answer(c, http.StatusOK, api.TokenList{Tokens: slices.Concat([]api.Token{}, page.views(0, page.n)), Total: page.total})
	})
	s.route(http.MethodGet, all+"/{ref}", func(c echo.Context, req request) error {
		t, err := s.keys.Get(req.ref)
		if err != nil {
			return tokenFault(c, err)
		}
		return answer(c, http.StatusOK, tokenJSON(t))
	})
	s.route(http.MethodPost, all, func(c echo.Context, req request) error {
		body, err := decode[api.TokenCreate](req.body)
		if err != nil {
			return err
		}
		want := access.Token{Name: body.Name, Role: access.Role(body.Role), CreatedBy: identity(c).Name}
		if body.ExpiresAt != nil {
			want.ExpiresAt = *body.ExpiresAt
		}
		t, secret, err := s.keys.Create(c.Request().Context(), want)
		if err != nil {
			return tokenFault(c, err)
		}
		c.Response().Header().Set(echo.HeaderLocation, all+"/"+url.PathEscape(t.ID))
		return answer(c, http.StatusCreated, api.TokenCreated{Token: tokenJSON(t), Secret: secret})
	})
	s.route(http.MethodDelete, all+"/{ref}", func(c echo.Context, req request) error {
		if err := s.keys.Revoke(c.Request().Context(), req.ref); err != nil {
			return tokenFault(c, err)
		}
		return c.NoContent(http.StatusNoContent)
	})
}

// tokenFault tells an error of the keyring as one of the engine is told.
func tokenFault(c echo.Context, err error) error {
	if ctx := c.Request().Context(); ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
		return err
	}
	for _, known := range []struct {
		err   error
		kind  engine.ErrorKind
		field string
	}{
		{access.ErrNotFound, engine.NotFound, ""},
		{access.ErrTaken, engine.Conflict, "name"},
		{access.ErrBuiltIn, engine.Conflict, ""},
		{access.ErrExpired, engine.Invalid, "expires_at"},
	} {
		if errors.Is(err, known.err) {
			return &engine.Error{Kind: known.kind, Field: known.field, Message: err.Error(), Err: err}
		}
	}
	return &engine.Error{Kind: engine.Unavailable, Message: err.Error(), Err: err}
}

func tokenJSON(t access.Token) api.Token {
	return api.Token{
		ID: t.ID, Name: t.Name, Role: string(t.Role), CreatedBy: t.CreatedBy, Expired: t.Expired(time.Now()), BuiltIn: t.BuiltIn,
		CreatedAt: moment(t.CreatedAt), ExpiresAt: moment(t.ExpiresAt), LastUsedAt: moment(t.LastUsedAt),
	}
}

// moment is a time, or "" for none.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func sortedMoment(s string) string {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return ""
	}
	return sortable(t)
}
