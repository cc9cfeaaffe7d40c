package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/tapline-sdn/tapline/api"
)

const (
	// maxEvent is the length of the longest line of a stream, in bytes.
	maxEvent = 4 << 20
	// maxSilence is the longest time without a byte. The server sends heartbeats more often than
	// that.
	maxSilence = 45 * time.Second
)

// stream is an event stream over as many connections as it needs.
type stream struct {
	c     *Client
	o     options
	last  string        // id to resume from
	pause time.Duration // before the next connection

	// Of the current connection.
	body io.ReadCloser
	stop context.CancelFunc
}

func (s *stream) open(ctx context.Context) error {
	if s.pause == 0 {
		s.pause = firstPause
	}

	ctx, cancel := context.WithCancel(ctx)
	req, err := s.c.newRequest(ctx, http.MethodGet, api.Prefix+"/watch", s.o, nil)
	if err != nil {
		cancel()
		return err
	}
	req.Header.Set("Accept", "text/event-stream")
	if s.last != "" {
		req.Header.Set("Last-Event-ID", s.last)
	}

	// The timeout covers the header of the answer alone.
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

// read reads one connection to its end. The error says why it ended. More is false if the reader
// wants no more events, or an event is malformed.
func (s *stream) read(
	ctx context.Context, yield func(api.Event, error) bool,
) (more bool, err error) {
	defer s.close()
	silent := time.AfterFunc(maxSilence, s.stop)
	defer silent.Stop()

	lines := bufio.NewScanner(s.body)
	lines.Buffer(nil, maxEvent)

	fields := map[string]string{}
	for lines.Scan() {
		silent.Reset(maxSilence)
		if lines.Text() != "" {
			name, value, _ := strings.Cut(lines.Text(), ":")
			fields[name] = strings.TrimPrefix(value, " ")
			continue
		}

		// An empty line ends an event. Without data it only moves the place to resume from.
		if fields["data"] != "" {
			e, err := decodeEvent(fields)
			if !yield(e, err) || err != nil {
				return false, nil
			}
		}
		if id, ok := fields["id"]; ok {
			s.last = id
		}
		s.pause = firstPause
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

// decodeEvent decodes the fields of a server-sent event. The server writes the data as one line.
func decodeEvent(fields map[string]string) (api.Event, error) {
	e := api.Event{ID: fields["id"], Type: api.EventType(fields["event"])}
	if err := json.Unmarshal([]byte(fields["data"]), &e); err != nil {
		return api.Event{}, err
	}

	return e, nil
}
