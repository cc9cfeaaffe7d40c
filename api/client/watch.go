package client

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"strconv"
	"strings"

	"github.com/tapline-sdn/tapline/api"
)

// maxEvent is how many bytes one line of the stream may have.
const maxEvent = 4 << 20

// Watch opens the stream of events. Every change after it returns is in the stream, so that a list read then misses
// nothing. The events end with the stream: without an error if the server ended it (open it again and list again, since
// events may have been missed) or if ctx did. They are read once; stopping early closes the stream, as does ctx.
func (c *Client) Watch(ctx context.Context) (iter.Seq2[api.Event, error], error) {
	ctx, cancel := context.WithCancel(ctx)
	req, err := c.request(ctx, http.MethodGet, api.Prefix+"/watch", options{}, nil)
	if err != nil {
		cancel()
		return nil, err
	}
	req.Header.Set("Accept", "text/event-stream")
	resp, err := c.http.Do(req)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("%s %s: %w", req.Method, req.URL, cause(err))
	}
	if resp.StatusCode != http.StatusOK {
		defer cancel()
		defer resp.Body.Close()
		return nil, readError(req, resp)
	}
	return func(yield func(api.Event, error) bool) {
		defer cancel()
		defer resp.Body.Close()
		lines := bufio.NewScanner(resp.Body)
		lines.Buffer(nil, maxEvent)
		fields := map[string]string{}
		for lines.Scan() {
			if lines.Text() != "" {
				name, value, _ := strings.Cut(lines.Text(), ":")
				fields[name] = strings.TrimPrefix(value, " ")
				continue
			}
			if fields["data"] != "" {
				e, err := readEvent(fields)
				if !yield(e, err) || err != nil {
					return
				}
			}
			clear(fields)
		}
		if err := lines.Err(); err != nil && ctx.Err() == nil {
			yield(api.Event{}, fmt.Errorf("%s %s: the stream broke off: %w", req.Method, req.URL, err))
		}
	}, nil
}

// readEvent reads the fields of a server-sent event. The server writes the data as one line.
func readEvent(fields map[string]string) (api.Event, error) {
	e := api.Event{Type: api.EventType(fields["event"])}
	var err error
	if e.Seq, err = strconv.ParseUint(fields["id"], 10, 64); err != nil {
		return api.Event{}, fmt.Errorf("event: id %q is not a number", fields["id"])
	}
	if err := json.Unmarshal([]byte(fields["data"]), &e); err != nil {
		return api.Event{}, err
	}
	return e, nil
}
