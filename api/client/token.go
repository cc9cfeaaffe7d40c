package client

import (
	"context"

	"github.com/tapline-sdn/tapline/api"
)

// Tokens creates, lists and revokes access tokens. A token cannot be changed.
type Tokens struct {
	r Resource[api.TokenCreated, api.TokenList, api.TokenCreate, struct{}]
}

// Tokens returns the access tokens of the controller.
func (c *Client) Tokens() Tokens {
	return Tokens{newResource[api.TokenCreated, api.TokenList, api.TokenCreate, struct{}](
		c, "tokens", nil)}
}

// Create creates a token. Only this answer has its secret.
func (t Tokens) Create(ctx context.Context, body api.TokenCreate) (api.TokenCreated, error) {
	return t.r.Create(ctx, body)
}

// List lists tokens. [Where], [OrderBy] and [Page] choose which.
func (t Tokens) List(ctx context.Context, opts ...Option) (api.TokenList, error) {
	return t.r.List(ctx, opts...)
}

// Get reads a token, without its secret.
func (t Tokens) Get(ctx context.Context, ref string, opts ...Option) (api.Token, error) {
	v, err := t.r.Get(ctx, ref, opts...)

	return v.Token, err
}

// Delete revokes a token at once.
func (t Tokens) Delete(ctx context.Context, ref string, opts ...Option) error {
	return t.r.Delete(ctx, ref, opts...)
}
