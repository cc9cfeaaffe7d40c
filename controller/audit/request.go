package audit

import (
	"context"
	"sync/atomic"
)

// Request is what is known of a request before its outcome. It travels in the context of what it does.
type Request struct {
	ID        string
	Actor     Actor
	Remote    string
	UserAgent string
	Method    string
	Path      string
	Action    string // what it is to do, such as enable; "" if that is not known
	Success   int    // HTTP status if all goes well

	changed atomic.Bool
}

// Changed reports whether a change of the request was written down.
func (r *Request) Changed() bool { return r.changed.Load() }

// Record begins a record of the request.
func (r *Request) Record() Record {
	return Record{RequestID: r.ID, Actor: r.Actor, Remote: r.Remote, UserAgent: r.UserAgent, Method: r.Method, Path: r.Path, Action: r.Action}
}

type requestKey struct{}

// With returns a context of what a request does.
func With(ctx context.Context, r *Request) context.Context {
	return context.WithValue(ctx, requestKey{}, r)
}

// from is the request that ctx is about. What no request asked for the controller does of its own.
func from(ctx context.Context) *Request {
	if r, ok := ctx.Value(requestKey{}).(*Request); ok {
		return r
	}
	return &Request{Actor: Actor{Type: "controller"}}
}
