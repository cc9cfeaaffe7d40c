package cli

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/tapline-sdn/tapline/api"
)

// failover sends each request to the first of several servers that can be reached and that knows a
// leader. A request is sent a second time only if the first server has done nothing, or if it takes
// effect no more than once anyway.
type failover struct {
	next    http.RoundTripper
	servers []*url.URL

	mu  sync.Mutex
	use int // index of the server that was reached last
}

const (
	// electionTime is how long all servers are tried again while one of them says that none leads.
	electionTime = 8 * time.Second
	// electionPause is the time between two rounds.
	electionPause = 300 * time.Millisecond
)

// urlOf is a URL of the first server as one of the server that was reached last.
func (f *failover) urlOf(first string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return baseOf(f.servers[f.use]) + strings.TrimPrefix(first, baseOf(f.servers[0]))
}

// baseOf is a server's URL without a slash at its end.
func baseOf(server *url.URL) string { return strings.TrimSuffix(server.String(), "/") }

// newFailover returns a transport for several servers.
func newFailover(next http.RoundTripper, servers []string) (*failover, error) {
	f := &failover{next: next}
	for _, server := range servers {
		parsed, err := url.Parse(server)
		if err != nil {
			return nil, fmt.Errorf("server %q: %w", server, err)
		}
		f.servers = append(f.servers, parsed)
	}
	return f, nil
}

// RoundTrip implements http.RoundTripper. Requests are made for the first server.
func (f *failover) RoundTrip(req *http.Request) (*http.Response, error) {
	until := time.Now().Add(electionTime)
	for {
		resp, err := f.round(req)
		if err != nil || !hasNoLeader(resp) || !time.Now().Before(until) {
			return resp, err
		}

		select {
		case <-req.Context().Done():
			return resp, nil
		case <-time.After(electionPause):
			_ = resp.Body.Close()
		}
	}
}

// round sends a request to one server after another, until one answers it. If none does, it returns
// the answer of one without a leader, if there is any.
func (f *failover) round(req *http.Request) (*http.Response, error) {
	f.mu.Lock()
	first := f.use
	f.mu.Unlock()

	var leaderless *http.Response
	var errs []error
	for i := range f.servers {
		at := (first + i) % len(f.servers)
		attempt, err := f.request(req, f.servers[at])
		if err != nil {
			return nil, err
		}

		resp, err := f.next.RoundTrip(attempt)
		switch {
		case err == nil && hasNoLeader(resp):
			if leaderless != nil {
				_ = leaderless.Body.Close()
			}
			leaderless = resp
			continue
		case err == nil:
			f.mu.Lock()
			f.use = at
			f.mu.Unlock()
			return resp, nil
		}

		errs = append(errs, fmt.Errorf("%s: %w", f.servers[at].Host, err))
		if !isUnreached(err) && !isRepeatable(req) || req.Context().Err() != nil {
			return nil, errors.Join(errs...)
		}
	}

	if leaderless != nil {
		return leaderless, nil
	}
	return nil, errors.Join(errs...)
}

// hasNoLeader reports whether an answer says that nothing was done, since no replica leads.
func hasNoLeader(resp *http.Response) bool {
	return resp.StatusCode == http.StatusServiceUnavailable &&
		resp.Header.Get(api.CodeHeader) == api.NoLeader
}

// isRepeatable reports whether a request takes effect no more than once, however often it is sent.
func isRepeatable(req *http.Request) bool {
	return req.Method == http.MethodGet || req.Method == http.MethodHead ||
		req.Header.Get("Idempotency-Key") != ""
}

// request is a request for the first server, made for another.
func (f *failover) request(req *http.Request, server *url.URL) (*http.Request, error) {
	attempt := req.Clone(req.Context())
	if req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			return nil, err
		}
		attempt.Body = body
	}

	// Servers may have a path, behind a proxy.
	path := strings.TrimPrefix(req.URL.String(), baseOf(f.servers[0]))
	target, err := url.Parse(baseOf(server) + path)
	if err != nil {
		return nil, err
	}

	attempt.URL, attempt.Host = target, target.Host
	return attempt, nil
}

// isUnreached reports whether an error means that no connection was made.
func isUnreached(err error) bool {
	var dial *net.OpError
	return errors.As(err, &dial) && dial.Op == "dial"
}
