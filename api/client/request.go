package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/tapline-sdn/tapline/api"
)

const (
	// maxAnswer is the size of the largest answer, in bytes. 10,000 flows take about 5 MB.
	maxAnswer = 256 << 20
	// maxProblem is the size of the largest problem, in bytes.
	maxProblem = 1 << 20
)

// do sends a request, and decodes its answer into out, which may be nil.
func (c *Client) do(
	ctx context.Context, method, path string, opts []Option, body, out any,
) (http.Header, error) {
	o := collect(opts)
	ctx, cancel := context.WithTimeout(ctx, c.timeout+o.wait)
	defer cancel()

	req, err := c.newRequest(ctx, method, path, o, body)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, req.URL, cause(err))
	}
	defer resp.Body.Close()

	switch {
	case resp.StatusCode == http.StatusNotModified && o.ifNoneMatch != "":
		return resp.Header, ErrNotModified
	case resp.StatusCode/100 != 2:
		return nil, readError(req, resp)
	case resp.StatusCode == http.StatusAccepted:
		return resp.Header, ErrPending
	case resp.StatusCode == http.StatusNoContent || out == nil:
		return resp.Header, nil
	}

	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("%s %s: the answer broke off: %w", method, req.URL, err)
	}
	if err := json.Unmarshal(data, out); err != nil {
		return nil, fmt.Errorf("%s %s: %w: %w", method, req.URL, errForeign, err)
	}
	return resp.Header, nil
}

// newRequest returns a request. Its path is escaped already.
func (c *Client) newRequest(
	ctx context.Context, method, path string, o options, body any,
) (*http.Request, error) {
	var reader io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("%s %s: the body: %w", method, path, err)
		}
		reader = bytes.NewReader(data)
	}

	// Behind a proxy the base has a path of its own.
	target := strings.TrimSuffix(c.base.String(), "/") + path
	if len(o.query) > 0 {
		target += "?" + o.query.Encode()
	}

	req, err := http.NewRequestWithContext(ctx, method, target, reader)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, target, err)
	}

	set := func(name, value string, given bool) {
		if given {
			req.Header.Set(name, value)
		}
	}
	// Answers of a controller nearby are quicker without compression.
	req.Header.Set("Accept-Encoding", "identity")
	set("Content-Type", "application/json", body != nil)
	set("Authorization", "Bearer "+c.token, c.token != "")
	set("If-Match", o.ifMatch, o.ifMatch != "")
	set("If-None-Match", o.ifNoneMatch, o.ifNoneMatch != "")
	set("Idempotency-Key", `"`+o.idempotencyKey+`"`, o.idempotencyKey != "")
	set("User-Agent", c.agent, c.agent != "")
	return req, nil
}

// cause drops the method and URL that http.Client puts before an error.
func cause(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}

	return err
}

// readError returns the error of an answer that is not 2xx. The answer may come from a proxy
// between us and the controller.
func readError(req *http.Request, resp *http.Response) error {
	e := &Error{Method: req.Method, URL: req.URL.String()}

	data, err := io.ReadAll(io.LimitReader(resp.Body, maxProblem))
	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err == nil && media == api.ProblemType && json.Unmarshal(data, &e.Problem) == nil {
		e.Problem.Status = resp.StatusCode
		if e.Problem.FilterError != nil {
			e.Filter = filterOf(req)
		}
		return e
	}

	e.Problem = api.Problem{
		Type: "about:blank", Title: http.StatusText(resp.StatusCode), Status: resp.StatusCode,
		Detail: "the answer does not come from a tapline controller",
	}
	return e
}

// filterOf returns the filter in a request's URL or body; "" if there is none.
func filterOf(req *http.Request) string {
	if filter := req.URL.Query().Get("filter"); filter != "" {
		return filter
	}
	if req.GetBody == nil {
		return ""
	}
	body, err := req.GetBody()
	if err != nil {
		return ""
	}
	defer body.Close()

	var fields struct{ Filter string }
	if err := json.NewDecoder(body).Decode(&fields); err != nil {
		return ""
	}
	return fields.Filter
}
