// Package relay passes requests on to the replica that leads, with the authority of who sent them.
//
// A request goes out as it came in, with its Authorization and its Host. The answer comes back as
// it is, each part as soon as it is there, so that event streams and captures work. Nothing of this
// replica's own authority is added: a request that bears no Authorization is never sent over a
// connection for which this replica has shown a certificate of its own; see [Relay.MayPass].
//
// A request that was passed on says so in the header [Header], and is not passed on again. So it
// takes one step at most, whatever replicas believe about each other.
package relay

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/redact"
)

// Header names the replica that has passed a request on.
const Header = "Tapline-Passed-By"

const (
	dialTime     = time.Second
	writeTime    = 30 * time.Second // of each part of an answer
	maxKept      = 1 << 20          // bytes of a body that can be sent again
	maxIdleConns = 64
)

// Relay passes requests on. Its methods may be called concurrently.
type Relay struct {
	name      string
	client    *tls.Config
	transport *http.Transport
	log       *slog.Logger
}

// New returns the relay of a replica. The client's configuration is for https; nil: the defaults.
func New(name string, client *tls.Config, log *slog.Logger) *Relay {
	return &Relay{name: name, client: client, log: log, transport: &http.Transport{
		DialContext:         (&net.Dialer{Timeout: dialTime}).DialContext,
		TLSClientConfig:     client,
		TLSHandshakeTimeout: dialTime,
		ForceAttemptHTTP2:   true,
		DisableCompression:  true, // Answers are passed on as they come.
		MaxIdleConnsPerHost: maxIdleConns,
		IdleConnTimeout:     time.Minute,
	}}
}

// Close closes the connections that nobody uses.
func (r *Relay) Close() { r.transport.CloseIdleConnections() }

// WasPassed reports whether another replica has passed a request on.
func WasPassed(r *http.Request) bool { return r.Header.Get(Header) != "" }

// MayPass reports whether the leader can tell who sends a request that this replica passes on.
// Otherwise its sender must go there himself: he is known by the certificate of his connection, or
// the leader would take this replica's certificate for his.
func (r *Relay) MayPass(req *http.Request) bool {
	if req.Header.Get("Authorization") != "" {
		return true
	}
	shows := r.client != nil &&
		(len(r.client.Certificates) > 0 || r.client.GetClientCertificate != nil)
	return !shows && (req.TLS == nil || len(req.TLS.PeerCertificates) == 0)
}

// Outcome is what became of a request that was to be passed on.
type Outcome struct {
	// Err is why there is no answer. Then nothing was written to the sender.
	Err error
	// Again is set if the request may be passed on a second time: nothing was done, or it only
	// reads.
	Again bool
}

// errRefused means that the receiver does not lead, and has done nothing.
var errRefused = errors.New("it does not lead")

// Keep reads the body of a request, if it is small, so that the request can be sent again.
func Keep(req *http.Request) error {
	if req.Body == nil || req.ContentLength <= 0 || req.ContentLength > maxKept {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(req.Body, req.ContentLength))
	if err != nil {
		return fmt.Errorf("read the body: %w", err)
	}
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	return nil
}

// Pass sends a request to the replica at a base URL, and writes its answer. It ends when ctx does.
// Requests with a body must have been kept.
func (r *Relay) Pass(
	ctx context.Context, w http.ResponseWriter, req *http.Request, to *url.URL,
) (out Outcome) {
	var sent atomic.Bool // A connection was there, and may have got something.
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { sent.Store(true) },
	})
	attempt := req.Clone(ctx)
	if req.GetBody != nil {
		attempt.Body, _ = req.GetBody() // It cannot fail.
		attempt.GetBody = req.GetBody
	}

	// The request takes as long as the leader allows.
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{})
	_ = control.SetWriteDeadline(time.Time{})

	proxy := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(to)
			p.Out.Host = p.In.Host // as the page of a browser knows it
			p.Out.Header.Set(Header, r.name)
		},
		Transport:      r.transport,
		FlushInterval:  -1, // after each write
		ModifyResponse: func(resp *http.Response) error { return r.judge(req, resp) },
		ErrorHandler: func(_ http.ResponseWriter, _ *http.Request, err error) {
			safe := req.Method == http.MethodGet || req.Method == http.MethodHead
			out.Err = err
			out.Again = safe || !sent.Load() || errors.Is(err, errRefused)
			out.Again = out.Again && (req.ContentLength == 0 || req.GetBody != nil)
		},
		ErrorLog: slog.NewLogLogger(r.log.Handler(), slog.LevelDebug),
	}
	proxy.ServeHTTP(&patient{ResponseWriter: w, control: control}, attempt)
	return out
}

// judge turns the answer of a replica that does not lead into an error. It logs the others with the
// address of who has sent the request, since the leader knows that of this replica alone.
func (r *Relay) judge(req *http.Request, resp *http.Response) error {
	codes := resp.Header.Values(api.CodeHeader)
	if resp.StatusCode == http.StatusServiceUnavailable && slices.Contains(codes, api.NoLeader) {
		return errRefused
	}

	level := slog.LevelInfo
	if req.Method == http.MethodGet || req.Method == http.MethodHead {
		level = slog.LevelDebug
	}
	r.log.Log(context.WithoutCancel(req.Context()), level, "request passed on",
		"id", resp.Header.Get("X-Request-Id"), "method", req.Method,
		"path", redact.Tokens(req.URL.Path), "status", resp.StatusCode, "remote", req.RemoteAddr)
	return nil
}

// patient is a writer each of whose writes has its own time.
type patient struct {
	http.ResponseWriter
	control *http.ResponseController
}

// Unwrap is for http.ResponseController.
func (p *patient) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (p *patient) WriteHeader(status int) {
	_ = p.control.SetWriteDeadline(time.Now().Add(writeTime))
	p.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (p *patient) Write(b []byte) (int, error) {
	_ = p.control.SetWriteDeadline(time.Now().Add(writeTime))
	return p.ResponseWriter.Write(b)
}
