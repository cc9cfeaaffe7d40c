package cli

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// failover sends each request to the first of several servers that can be reached. The next one is
// tried only if no connection was made, so that no request can take effect twice.
type failover struct {
	next    http.RoundTripper
	servers []*url.URL

	mu  sync.Mutex
	use int // index of the server that was reached last
}

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
	f.mu.Lock()
	first := f.use
	f.mu.Unlock()

	var errs []error
	for i := range f.servers {
		at := (first + i) % len(f.servers)
		attempt, err := f.request(req, f.servers[at])
		if err != nil {
			return nil, err
		}

		resp, err := f.next.RoundTrip(attempt)
		if err == nil {
			f.mu.Lock()
			f.use = at
			f.mu.Unlock()
			return resp, nil
		}

		errs = append(errs, fmt.Errorf("%s: %w", f.servers[at].Host, err))
		if !isUnreached(err) || req.Context().Err() != nil {
			break
		}
	}

	return nil, errors.Join(errs...)
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
