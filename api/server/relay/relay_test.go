package relay_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/server/relay"
)

const patience = 30 * time.Second

// passing serves requests by passing them on to a URL, and hands the outcomes to the test.
func passing(t *testing.T, to string) (front string, outcomes chan relay.Outcome) {
	t.Helper()
	target, err := url.Parse(to)
	require.NoError(t, err)
	r := relay.New("c2", nil, slog.New(slog.DiscardHandler))
	outcomes = make(chan relay.Outcome, 10)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if err := relay.Keep(req); err != nil {
			t.Error(err)
		}
		out := r.Pass(req.Context(), w, req, target)
		if out.Err != nil {
			w.WriteHeader(http.StatusTeapot)
		}
		outcomes <- out
	}))
	t.Cleanup(func() { s.Close(); r.Close() })
	return s.URL, outcomes
}

func send(t *testing.T, method, to, body string) *http.Response {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, method, to, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer mine")
	req.Header.Set("X-Forwarded-For", "192.0.2.1")
	req.Header.Set("Tapline-Passed-By", "") // as if it were not there
	resp, err := http.DefaultTransport.RoundTrip(req)
	require.NoError(t, err)
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

// TestRequestsArriveAsTheyCame: method, path, query, host, authority and body are those of the
// sender, and the answer with its trailers that of the leader.
func TestRequestsArriveAsTheyCame(t *testing.T) {
	leader := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Trailer", "Result")
		w.Header().Set("ETag", `"7"`)
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprint(w, r.Method, " ", r.RequestURI, " ", r.Host, " ", r.Header["Authorization"],
			r.Header["X-Forwarded-For"], r.Header[relay.Header], " ", string(body))
		w.Header().Set("Result", "good")
	}))
	defer leader.Close()
	front, outcomes := passing(t, leader.URL)

	resp := send(t, http.MethodPatch, front+"/api/v1/guests/a%2Fb?x=%20y", `{"name":"n"}`)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, "PATCH /api/v1/guests/a%2Fb?x=%20y "+strings.TrimPrefix(front, "http://")+
		` [Bearer mine] [] [c2] {"name":"n"}`, string(body))
	require.Equal(t, http.StatusAccepted, resp.StatusCode)
	require.Equal(t, `"7"`, resp.Header.Get("ETag"))
	require.Equal(t, "good", resp.Trailer.Get("Result"))
	require.Equal(t, relay.Outcome{}, <-outcomes)
}

// TestStreams: each part of an answer arrives before the next is written, and the stream ends on
// the leader when its reader goes.
func TestStreams(t *testing.T) {
	next, gone := make(chan string), make(chan struct{})
	leader := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(gone)
		for {
			select {
			case text := <-next:
				fmt.Fprintln(w, text)
				_ = http.NewResponseController(w).Flush()
			case <-r.Context().Done():
				return
			}
		}
	}))
	defer leader.Close()
	front, _ := passing(t, leader.URL)

	go func() { next <- "one" }()
	resp := send(t, http.MethodGet, front, "")
	lines := bufio.NewScanner(resp.Body)
	require.True(t, lines.Scan())
	require.Equal(t, "one", lines.Text())
	next <- "two"
	require.True(t, lines.Scan())
	require.Equal(t, "two", lines.Text())

	require.NoError(t, resp.Body.Close())
	select {
	case <-gone:
	case <-time.After(patience):
		require.FailNow(t, "the leader goes on")
	}
}

// TestOutcomes: a request may be sent again only where nothing was done, or where it only reads.
func TestOutcomes(t *testing.T) {
	standby := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(api.CodeHeader, api.NoLeader)
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer standby.Close()
	hangsUp := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		panic(http.ErrAbortHandler)
	}))
	defer hangsUp.Close()
	unready := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer unready.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())

	for _, test := range []struct {
		name, to, method string
		answered, again  bool
	}{
		{"nobody there", "http://" + l.Addr().String(), http.MethodPost, false, true},
		{"no leader", standby.URL, http.MethodPost, false, true},
		{"another 503 is an answer", unready.URL, http.MethodPost, true, false},
		{"broken off, a change", hangsUp.URL, http.MethodPost, false, false},
		{"broken off, a read", hangsUp.URL, http.MethodGet, false, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			front, outcomes := passing(t, test.to)
			body := ""
			if test.method == http.MethodPost {
				body = "{}"
			}
			send(t, test.method, front, body)
			out := <-outcomes
			require.Equal(t, test.answered, out.Err == nil, "%v", out.Err)
			require.Equal(t, test.again, out.Again, "%v", out.Err)
		})
	}
}

// TestMayPass: nobody gets the authority of the replica that passes his request on.
func TestMayPass(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	plain := relay.New("c1", &tls.Config{}, log)
	shows := relay.New("c1", &tls.Config{Certificates: []tls.Certificate{{}}}, log)

	bearer, nobody, known := &http.Request{}, &http.Request{}, &http.Request{}
	bearer.Header = http.Header{"Authorization": {"Bearer x"}}
	known.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{}}}
	require.True(t, plain.MayPass(bearer))
	require.True(t, shows.MayPass(bearer))
	require.True(t, plain.MayPass(nobody))
	require.False(t, shows.MayPass(nobody))
	require.False(t, plain.MayPass(known))
	require.False(t, shows.MayPass(known))
}
