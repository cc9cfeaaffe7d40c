package client

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/tapline-sdn/tapline/api"
)

// A creation whose answer was lost is repeated after pauses that double: for some 3 s in all,
// enough for a controller that restarts.
const (
	maxRepeats  = 5
	repeatPause = 100 * time.Millisecond
)

// createOnce creates a resource, and repeats the request if its answer may have been lost. All
// requests have the same Idempotency-Key, so that they create one resource.
func (r Resource[T, L, C, P]) createOnce(
	ctx context.Context, body C, opts []Option,
) (v T, err error) {
	if collect(opts).idempotencyKey == "" {
		opts = append(opts[:len(opts):len(opts)], Key(rand.Text()))
	}

	pause := repeatPause
	for n := 0; ; n++ {
		v, err = r.do(ctx, http.MethodPost, r.all(), opts, body)
		if err == nil || n == maxRepeats || !mayBeLost(err, n > 0) || !sleep(ctx, pause) {
			return v, err
		}
		pause *= 2
	}
}

// mayBeLost reports whether the server may have done a request that ended with err. If the first
// connection cannot be made, there is no server. If a later one cannot, the server may be
// restarting.
func mayBeLost(err error, repeated bool) bool {
	var refused *Error
	if errors.As(err, &refused) {
		return refused.Problem.Type == api.InProgress
	}

	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, errForeign) {
		return false
	}

	var dial *net.OpError
	return repeated || !errors.As(err, &dial) || dial.Op != "dial"
}
