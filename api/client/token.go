package client

import (
	"context"

	"github.com/tapline-sdn/tapline/api"
)

// Tokens creates, lists and revokes tokens. A ref is an id or a name.
type Tokens struct {
	r Resource[api.TokenCreated, api.TokenList, api.TokenCreate, struct{}]
}

// Create creates a token. Its secret is in this answer alone.
func (t Tokens) Create(ctx context.Context, body api.TokenCreate) (api.TokenCreated, error) {
	return t.r.Create(ctx, body)
}

// List lists tokens; [Where], [OrderBy] and [Page] choose which.
func (t Tokens) List(ctx context.Context, opts ...Option) (api.TokenList, error) {
	return t.r.List(ctx, opts...)
}

// Get reads one.
func (t Tokens) Get(ctx context.Context, ref string, opts ...Option) (api.Token, error) {
	v, err := t.r.Get(ctx, ref, opts...)
	return v.Token, err
}

// Delete revokes one, at once.
func (t Tokens) Delete(ctx context.Context, ref string, opts ...Option) error {
	return t.r.Delete(ctx, ref, opts...)
}
