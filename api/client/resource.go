package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/tapline-sdn/tapline/api"
)

// Resource is one kind of resources: T is a resource, L the answer to a list, and C and P are the
// bodies that create and change one.
type Resource[T, L, C, P any] struct {
	c       *Client
	path    string
	setETag func(v *T, etag string) // nil: T has none
}

func newResource[T, L, C, P any](
	c *Client, path string, setETag func(*T, string),
) Resource[T, L, C, P] {
	return Resource[T, L, C, P]{c: c, path: path, setETag: setETag}
}

// List lists resources. [Where], [OrderBy] and [Page] choose which.
func (r Resource[T, L, C, P]) List(ctx context.Context, opts ...Option) (L, error) {
	var list L
	_, err := r.c.do(ctx, http.MethodGet, r.all(), opts, nil, &list)

	return list, err
}

// Get reads a resource; with [IfNoneMatch], only if it has changed.
func (r Resource[T, L, C, P]) Get(ctx context.Context, ref string, opts ...Option) (T, error) {
	return r.do(ctx, http.MethodGet, r.one(ref), opts, nil)
}

// Create creates a resource. If the connection is lost before the answer has come, it asks again,
// which does not create a second one.
func (r Resource[T, L, C, P]) Create(ctx context.Context, body C, opts ...Option) (T, error) {
	return r.createOnce(ctx, body, opts)
}

// Update changes the given fields of a resource.
func (r Resource[T, L, C, P]) Update(
	ctx context.Context, ref string, patch P, opts ...Option,
) (T, error) {
	return r.do(ctx, http.MethodPatch, r.one(ref), opts, patch)
}

// Delete deletes a resource. With [Wait] it returns once the switches have removed what belonged to
// it, or [ErrPending].
func (r Resource[T, L, C, P]) Delete(ctx context.Context, ref string, opts ...Option) error {
	_, err := r.c.do(ctx, http.MethodDelete, r.one(ref), opts, nil, nil)

	return err
}

func (r Resource[T, L, C, P]) all() string { return api.Prefix + "/" + r.path }

func (r Resource[T, L, C, P]) one(ref string) string {
	return r.all() + "/" + url.PathEscape(ref)
}

func (r Resource[T, L, C, P]) do(
	ctx context.Context, method, path string, opts []Option, body any,
) (T, error) {
	var v, zero T

	header, err := r.c.do(ctx, method, path, opts, body, &v)
	if err != nil {
		return zero, err
	}

	if r.setETag != nil {
		r.setETag(&v, header.Get("ETag"))
	}
	return v, nil
}

// Switchable is a kind of resources that can be enabled and disabled.
type Switchable[T, L, C, P any] struct{ Resource[T, L, C, P] }

// Enable enables a resource.
func (s Switchable[T, L, C, P]) Enable(
	ctx context.Context, ref string, opts ...Option,
) (T, error) {
	return s.do(ctx, http.MethodPost, s.one(ref)+"/enable", opts, nil)
}

// Disable disables a resource.
func (s Switchable[T, L, C, P]) Disable(
	ctx context.Context, ref string, opts ...Option,
) (T, error) {
	return s.do(ctx, http.MethodPost, s.one(ref)+"/disable", opts, nil)
}

// Explain returns all that is known about a resource: the path of its packets, what must hold for
// it, and what stands on the switches.
func (s Switchable[T, L, C, P]) Explain(ctx context.Context, ref string) (api.Explanation, error) {
	var x api.Explanation
	_, err := s.c.do(ctx, http.MethodGet, s.one(ref)+"/explain", nil, nil, &x)

	return x, err
}
