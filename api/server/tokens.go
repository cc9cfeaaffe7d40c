package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/server/contract"
	"github.com/tapline-sdn/tapline/api/server/convert"
	"github.com/tapline-sdn/tapline/api/server/listing"
	"github.com/tapline-sdn/tapline/controller/access"
	"github.com/tapline-sdn/tapline/controller/engine/view"
)

const tokensPath = api.Prefix + "/tokens"

// mountTokens serves access tokens. They are no resource like the others: they cannot be changed,
// and only the answer to their creation has the secret.
func (s *server) mountTokens() {
	list := listing.Of(s.keys.List, map[string]listing.Column[access.Token]{
		"name":         listing.Text(func(t access.Token) string { return t.Name }),
		"role":         listing.Text(func(t access.Token) access.Role { return t.Role }),
		"expired":      listing.Flag(func(t access.Token) bool { return t.Expired(time.Now()) }),
		"created_at":   optionalDate(func(t access.Token) time.Time { return t.CreatedAt }),
		"expires_at":   optionalDate(func(t access.Token) time.Time { return t.ExpiresAt }),
		"last_used_at": optionalDate(func(t access.Token) time.Time { return t.LastUsedAt }),
	})
	checkColumns(s, tokensPath, list)

	s.route(http.MethodGet, tokensPath, func(c echo.Context, req request) error {
		page := list.Choose(req.Query)
		out := api.TokenList{Tokens: make([]api.Token, 0, page.Len), Total: page.Total}
		for _, t := range page.Views(0, page.Len) {
			out.Tokens = append(out.Tokens, convert.Token(t, time.Now()))
		}
		return answer(c, http.StatusOK, out)
	})

	s.route(http.MethodGet, tokensPath+"/{ref}", func(c echo.Context, req request) error {
		t, err := s.keys.Get(req.ref)
		if err != nil {
			return tokenError(c, err)
		}
		return answer(c, http.StatusOK, convert.Token(t, time.Now()))
	})

	s.route(http.MethodPost, tokensPath, s.createToken)

	s.route(http.MethodDelete, tokensPath+"/{ref}", func(c echo.Context, req request) error {
		if err := s.keys.Revoke(c.Request().Context(), req.ref); err != nil {
			return tokenError(c, err)
		}
		return c.NoContent(http.StatusNoContent)
	})
}

// optionalDate is a time that not every token has. Tokens without it come first.
func optionalDate(get func(access.Token) time.Time) listing.Column[access.Token] {
	return listing.Text(func(t access.Token) string {
		at := get(t)
		if at.IsZero() {
			return ""
		}
		return listing.SortableTime(at)
	})
}

func (s *server) createToken(c echo.Context, req request) error {
	body, err := contract.Decode[api.TokenCreate](req.Body)
	if err != nil {
		return err
	}

	wanted := access.Token{
		Name: body.Name, Role: access.Role(body.Role), CreatedBy: identity(c).Name,
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(req.Body, &fields); err != nil {
		return err
	}
	_, chosen := fields["expires_at"] // Null is a choice, too: never.
	switch {
	case body.ExpiresAt != nil:
		wanted.ExpiresAt = *body.ExpiresAt
	case !chosen && s.tokenLifetime > 0:
		wanted.ExpiresAt = time.Now().Add(s.tokenLifetime).Truncate(time.Second)
	}

	t, secret, err := s.keys.Create(c.Request().Context(), wanted)
	if err != nil {
		return tokenError(c, err)
	}

	c.Response().Header().Set(echo.HeaderLocation, tokensPath+"/"+url.PathEscape(t.ID))
	created := api.TokenCreated{Token: convert.Token(t, time.Now()), Secret: secret}
	return answer(c, http.StatusCreated, created)
}

// tokenError turns an error of the keyring into one like the engine's.
func tokenError(c echo.Context, err error) error {
	if ctx := c.Request().Context(); ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
		return err
	}

	for _, known := range []struct {
		err   error
		kind  view.ErrorKind
		field string
	}{
		{access.ErrNotFound, view.NotFound, ""},
		{access.ErrTaken, view.Conflict, "name"},
		{access.ErrBuiltIn, view.Conflict, ""},
		{access.ErrExpired, view.Invalid, "expires_at"},
	} {
		if errors.Is(err, known.err) {
			return &view.Error{
				Kind: known.kind, Field: known.field, Message: err.Error(), Err: err,
			}
		}
	}
	return &view.Error{Kind: view.Unavailable, Message: err.Error(), Err: err}
}
