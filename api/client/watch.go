package client

import (
	"context"
	"errors"
	"iter"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/tapline-sdn/tapline/api"
)

// Pauses before a stream that broke off is opened again. They double.
const (
	firstPause = 100 * time.Millisecond
	maxPause   = 5 * time.Second
)

// Watch opens the event stream. It begins now, after the event of [After], or with what exists
// ([Snapshot]). [Where] chooses by kind (separated by commas) and id. Every change after Watch
// returns is in the stream.
//
// A stream that breaks off is opened again and resumed; [Broken] is called. Events that are lost
// for good are reported by an event of type [api.Reset]. The sequence ends without an error when
// ctx does, and with an error when the server refuses to go on. It can be read once; leaving it
// early closes the stream.
func (c *Client) Watch(
	ctx context.Context, opts ...Option,
) (iter.Seq2[api.Event, error], error) {
	o := collect(opts)
	ctx, cancel := context.WithCancel(ctx)
	s := &stream{c: c, o: o, last: o.after}

	if err := s.open(ctx); err != nil {
		cancel()
		return nil, err
	}

	return func(yield func(api.Event, error) bool) {
		defer cancel()
		defer s.close()

		for {
			more, err := s.read(ctx, yield)
			if !more || ctx.Err() != nil {
				return
			}

			// Without an id to resume from, the events so far may be a part of a snapshot.
			if s.last == "" {
				s.o.set("snapshot", "true")
				if !yield(api.Event{Type: api.Reset, Reason: err.Error()}, nil) {
					return
				}
			}

			if err := s.reopen(ctx, err); err != nil {
				if ctx.Err() == nil {
					yield(api.Event{}, err)
				}
				return
			}
		}
	}, nil
}

// reopen opens the stream again. It tries until ctx ends or the server refuses.
func (s *stream) reopen(ctx context.Context, err error) error {
	for {
		if s.o.broken != nil {
			s.o.broken(err)
		}

		if !sleep(ctx, s.pause/2+rand.N(s.pause)) {
			return ctx.Err()
		}
		s.pause = min(2*s.pause, maxPause)

		err = s.open(ctx)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case isFinal(err):
			return err
		}
	}
}

// isFinal reports whether a server will refuse the next time too.
func isFinal(err error) bool {
	var e *Error

	return errors.As(err, &e) && e.Problem.Status < http.StatusInternalServerError &&
		e.Problem.Status != http.StatusTooManyRequests
}

// sleep waits for d. It reports whether ctx has not ended before.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()

	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
