package audit

import (
	"context"
	"sync/atomic"
)

// Request is what is known about a request before its outcome. It travels in the context.
type Request struct {
	ID        string
	Actor     Actor
	Remote    string
	UserAgent string
	Method    string
	Path      string
	Action    string // what was asked for, such as enable; "" if that is not known
	Success   int    // HTTP status of the answer if the request succeeds

	changed atomic.Bool
}

// Changed reports whether a change of the request was recorded.
func (r *Request) Changed() bool { return r.changed.Load() }

// Record returns a record of the request, without its outcome.
func (r *Request) Record() Record {
	return Record{
		RequestID: r.ID,
		Actor:     r.Actor,
		Remote:    r.Remote,
		UserAgent: r.UserAgent,
		Method:    r.Method,
		Path:      r.Path,
		Action:    r.Action,
	}
}

type requestKey struct{}

// With returns a context that carries a request.
func With(ctx context.Context, r *Request) context.Context {
	return context.WithValue(ctx, requestKey{}, r)
}

// requestOf returns the request that ctx carries. Without one, the controller acts by itself.
func requestOf(ctx context.Context) *Request {
	if r, ok := ctx.Value(requestKey{}).(*Request); ok {
		return r
	}
	return &Request{Actor: Actor{Type: "controller"}}
}
