package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/tapline-sdn/tapline/api"
)

// Resource is a kind of resources: T one of them, L the answer of a list, C and P what creates and changes one.
// A ref is an id or a name.
type Resource[T, L, C, P any] struct {
	c    *Client
	path string
	tag  func(v *T, etag string)
}

// List lists resources; [Where], [OrderBy] and [Page] choose which.
func (r Resource[T, L, C, P]) List(ctx context.Context, opts ...Option) (L, error) {
	var list L
	_, err := r.c.do(ctx, http.MethodGet, r.all(), opts, nil, &list)
	return list, err
}

// Get reads one; with [IfNoneMatch], if it has changed.
func (r Resource[T, L, C, P]) Get(ctx context.Context, ref string, opts ...Option) (T, error) {
	return r.do(ctx, http.MethodGet, r.one(ref), opts, nil)
}

// Create creates one. If the connection is lost before the answer has come, it is asked for again, which creates no second.
func (r Resource[T, L, C, P]) Create(ctx context.Context, body C, opts ...Option) (T, error) {
	return r.createOnce(ctx, body, opts)
}

// Update changes the given fields of one.
func (r Resource[T, L, C, P]) Update(ctx context.Context, ref string, patch P, opts ...Option) (T, error) {
	return r.do(ctx, http.MethodPatch, r.one(ref), opts, patch)
}

// Delete deletes one. With [Wait] it returns once the switches have dropped what was there, or [ErrPending].
func (r Resource[T, L, C, P]) Delete(ctx context.Context, ref string, opts ...Option) error {
	_, err := r.c.do(ctx, http.MethodDelete, r.one(ref), opts, nil, nil)
	return err
}

func (r Resource[T, L, C, P]) all() string { return api.Prefix + "/" + r.path }

func (r Resource[T, L, C, P]) one(ref string) string { return r.all() + "/" + url.PathEscape(ref) }

func (r Resource[T, L, C, P]) do(ctx context.Context, method, path string, opts []Option, body any) (T, error) {
	var v T
	header, err := r.c.do(ctx, method, path, opts, body, &v)
	if err != nil {
		var zero T
		return zero, err
	}
	r.tag(&v, header.Get("ETag"))
	return v, nil
}

// Switchable is a kind of resources that are enabled and disabled.
type Switchable[T, L, C, P any] struct{ Resource[T, L, C, P] }

// Enable enables one.
func (s Switchable[T, L, C, P]) Enable(ctx context.Context, ref string, opts ...Option) (T, error) {
	return s.do(ctx, http.MethodPost, s.one(ref)+"/enable", opts, nil)
}

// Disable disables one.
func (s Switchable[T, L, C, P]) Disable(ctx context.Context, ref string, opts ...Option) (T, error) {
	return s.do(ctx, http.MethodPost, s.one(ref)+"/disable", opts, nil)
}

// Explain says everything that is known of one: the way of its packets, what must hold for it, and what stands on the switches.
func (s Switchable[T, L, C, P]) Explain(ctx context.Context, ref string) (api.Explanation, error) {
	var x api.Explanation
	_, err := s.c.do(ctx, http.MethodGet, s.one(ref)+"/explain", nil, nil, &x)
	return x, err
}
