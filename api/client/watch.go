package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/tapline-sdn/tapline/api"
)

const (
	// maxEvent is how many bytes one line of the stream may have.
	maxEvent = 4 << 20
	// silence is after how long without a byte, heartbeats included, a stream is taken for dead.
	silence = 45 * time.Second

	firstPause = 100 * time.Millisecond
	maxPause   = 5 * time.Second
)

// Watch opens the stream of events: from now on, after the event of [After], or with what exists first ([Snapshot]); [Where]
// chooses by kind (separated by commas) and id. Every change after it returns is in the stream.
//
// A stream that breaks off is opened again, and resumed where it was; [Broken] hears of it. What was lost for good is told
// by an event of type [api.Reset]. The events end with ctx, without an error, or with the error of a server that refuses to
// go on. They are read once; stopping early closes the stream.
func (c *Client) Watch(ctx context.Context, opts ...Option) (iter.Seq2[api.Event, error], error) {
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
		pause := firstPause
		for {
			more, err := s.read(ctx, yield, func() { pause = firstPause })
			if !more || ctx.Err() != nil {
				return
			}
			if s.last == "" { // Nothing to resume from: what was told so far may be but a part.
				s.o.set("snapshot", "true")
				if !yield(api.Event{Type: api.Reset, Reason: err.Error()}, nil) {
					return
				}
			}
			for {
				if o.broken != nil {
					o.broken(err)
				}
				if !sleep(ctx, pause/2+rand.N(pause)) {
					return
				}
				pause = min(2*pause, maxPause)
				if err = s.open(ctx); err == nil {
					break
				}
				if ctx.Err() != nil {
					return
				}
				if refused(err) {
					yield(api.Event{}, err)
					return
				}
			}
		}
	}, nil
}

// refused reports whether a server will say no again.
func refused(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Problem.Status < 500 && e.Problem.Status != http.StatusTooManyRequests
}

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

// stream is one stream of events over as many connections as it takes.
type stream struct {
	c    *Client
	o    options
	last string // id to resume from
	body io.ReadCloser
	stop context.CancelFunc // of the connection
}

func (s *stream) open(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	req, err := s.c.request(ctx, http.MethodGet, api.Prefix+"/watch", s.o, nil)
	if err != nil {
		cancel()
		return err
	}
	req.Header.Set("Accept", "text/event-stream")
	if s.last != "" {
		req.Header.Set("Last-Event-ID", s.last)
	}
	late := time.AfterFunc(s.c.timeout, cancel)
	resp, err := s.c.http.Do(req)
	if !late.Stop() && err == nil {
		_ = resp.Body.Close()
		err = context.DeadlineExceeded
	}
	if err != nil {
		cancel()
		return fmt.Errorf("%s %s: %w", req.Method, req.URL, cause(err))
	}
	if resp.StatusCode != http.StatusOK {
		defer cancel()
		defer resp.Body.Close()
		return readError(req, resp)
	}
	s.body, s.stop = resp.Body, cancel
	return nil
}

func (s *stream) close() {
	s.stop()
	_ = s.body.Close()
}

// read reads one connection to its end, which is no error of the stream. More is false if the reader has had enough, or the
// stream is not one of ours.
func (s *stream) read(ctx context.Context, yield func(api.Event, error) bool, alive func()) (more bool, err error) {
	defer s.close()
	dead := time.AfterFunc(silence, s.stop)
	defer dead.Stop()
	lines := bufio.NewScanner(s.body)
	lines.Buffer(nil, maxEvent)
	fields := map[string]string{}
	for lines.Scan() {
		dead.Reset(silence)
		if lines.Text() != "" {
			name, value, _ := strings.Cut(lines.Text(), ":")
			fields[name] = strings.TrimPrefix(value, " ")
			continue
		}
		if fields["data"] != "" {
			e, err := readEvent(fields)
			if !yield(e, err) || err != nil {
				return false, nil
			}
		}
		if id, told := fields["id"]; told {
			s.last = id
		}
		alive()
		clear(fields)
	}
	err = lines.Err()
	if errors.Is(err, bufio.ErrTooLong) {
		yield(api.Event{}, fmt.Errorf("an event is longer than %d bytes", maxEvent))
		return false, nil
	}
	if err == nil {
		err = io.EOF
	}
	return ctx.Err() == nil, fmt.Errorf("the stream of events broke off: %w", err)
}

// readEvent reads the fields of a server-sent event. The server writes the data as one line.
func readEvent(fields map[string]string) (api.Event, error) {
	e := api.Event{ID: fields["id"], Type: api.EventType(fields["event"])}
	if err := json.Unmarshal([]byte(fields["data"]), &e); err != nil {
		return api.Event{}, err
	}
	return e, nil
}
