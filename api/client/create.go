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

// A creation whose answer was lost is repeated so often, after pauses that double: some 3 s in all, enough for a controller that
// is being restarted.
const (
	repeats     = 5
	repeatPause = 100 * time.Millisecond
)

// createOnce creates, and repeats what may have got lost. All repetitions carry one Idempotency-Key.
func (r Resource[T, L, C, P]) createOnce(ctx context.Context, body C, opts []Option) (v T, err error) {
	if collect(opts).key == "" {
		opts = append(opts[:len(opts):len(opts)], Key(rand.Text()))
	}
	pause := repeatPause
	for n := 0; ; n++ {
		v, err = r.do(ctx, http.MethodPost, r.all(), opts, body)
		if err == nil || n == repeats || !lost(err, n > 0) || !sleep(ctx, pause) {
			return v, err
		}
		pause *= 2
	}
}

// lost reports whether a request may have been done though err came of it. A connection that could not be made is an answer in
// itself at first; later, the controller is perhaps on its way back.
func lost(err error, sent bool) bool {
	var refused *Error
	if errors.As(err, &refused) {
		return refused.Problem.Type == api.InProgress
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, errNotOurs) {
		return false
	}
	var dial *net.OpError
	return sent || !errors.As(err, &dial) || dial.Op != "dial"
}
