package main

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/server/relay"
	"github.com/tapline-sdn/tapline/controller/replica"
)

// seen is an election of which a test says who leads.
type seen struct {
	alone

	mu      sync.Mutex
	view    replica.View
	changed chan struct{}
}

func (s *seen) IsSelf(p replica.Peer) bool { return p.Name == "self" }

func (s *seen) View() replica.View {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.view
}

func (s *seen) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

func (s *seen) show(v replica.View) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.view = v
	close(s.changed)
	s.changed = make(chan struct{})
}

// endedTerm is a term that is over by its own clock.
type endedTerm struct{ forGood }

func (endedTerm) Err() error { return errors.New("over") }

// says is a handler that answers with a word.
func says(word string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = io.WriteString(w, word+string(body))
	})
}

// startFront serves a front that follows an election.
func startFront(t *testing.T) (*front, *seen, string) {
	t.Helper()
	e := &seen{changed: make(chan struct{})}
	f := &front{
		standby: says("standby"), changed: make(chan struct{}),
		relay: relay.New("self", nil, slog.New(slog.DiscardHandler)),
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { f.follow(ctx, e) })
	s := httptest.NewServer(f)
	t.Cleanup(func() {
		s.Close()
		cancel()
		running.Wait()
		f.relay.Close()
	})
	return f, e, s.URL
}

// ask sends a request and returns its answer and status.
func ask(t *testing.T, method, to, body string) (string, *http.Response) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, to, strings.NewReader(body))
	require.NoError(t, err)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	resp, err := client.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(text), resp
}

// TestFront: the leader's handler answers while this process leads by its own clock, a standby
// answers little itself, and everything else waits for a leader, or goes to him.
func TestFront(t *testing.T) {
	f, e, at := startFront(t)
	text, _ := ask(t, http.MethodGet, at+"/readyz", "")
	require.Equal(t, "standby", text)
	text, resp := ask(t, http.MethodPost, at+"/api/v1/hosts", "{}")
	require.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
	require.Equal(t, "1", resp.Header.Get("Retry-After"))
	require.Contains(t, text, `"code":"no_leader"`)

	other := httptest.NewServer(says("other"))
	defer other.Close()
	e.show(replica.View{Term: 5, Leader: replica.Peer{Name: "other", URL: other.URL}})
	require.Eventually(t, func() bool {
		text, _ = ask(t, http.MethodPost, at+"/api/v1/hosts", "{}")
		return text == "other{}"
	}, time.Minute, time.Millisecond)
	text, _ = ask(t, http.MethodGet, at+"/api/v1/replicas", "")
	require.Equal(t, "standby", text)

	f.lead(says("self"), forGood{})
	text, _ = ask(t, http.MethodGet, at+"/readyz", "")
	require.Equal(t, "self", text)
	f.standBy(time.Minute)
	text, _ = ask(t, http.MethodGet, at+"/api/v1/hosts", "")
	require.Equal(t, "other", text)

	f.lead(says("self"), endedTerm{})
	text, _ = ask(t, http.MethodGet, at+"/api/v1/hosts", "")
	require.Equal(t, "other", text, "whose term is over does not answer as a leader")
}

// TestRequestsWaitForTheNextLeader: what arrives during a hand-over is answered after it, and what
// was begun before is finished.
func TestRequestsWaitForTheNextLeader(t *testing.T) {
	f, e, at := startFront(t)
	begun, finish := make(chan struct{}), make(chan struct{})
	f.lead(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(begun)
		<-finish
		_, _ = io.WriteString(w, "finished")
	}), forGood{})

	answers := make(chan string, 2)
	go func() {
		text, _ := ask(t, http.MethodPost, at+"/api/v1/hosts", "1")
		answers <- text
	}()
	<-begun
	retired := make(chan struct{})
	go func() {
		f.standBy(time.Minute)
		close(retired)
	}()
	require.Eventually(t, func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.handler == nil
	}, time.Minute, time.Millisecond)
	go func() {
		text, _ := ask(t, http.MethodPost, at+"/api/v1/hosts", "2")
		answers <- text
	}()
	select {
	case <-retired:
		require.FailNow(t, "a request that was begun is not finished")
	default:
	}
	close(finish)
	require.Equal(t, "finished", <-answers)
	<-retired

	other := httptest.NewServer(says("other"))
	defer other.Close()
	e.show(replica.View{Term: 6, Leader: replica.Peer{Name: "other", URL: other.URL}})
	require.Equal(t, "other2", <-answers)
}

// TestNoLoop: a request is passed on once, whatever replicas believe about each other.
func TestNoLoop(t *testing.T) {
	_, one, atOne := startFront(t)
	_, two, atTwo := startFront(t)
	one.show(replica.View{Term: 7, Leader: replica.Peer{Name: "two", URL: atTwo}})
	two.show(replica.View{Term: 7, Leader: replica.Peer{Name: "one", URL: atOne}})
	text, resp := ask(t, http.MethodPost, atOne+"/api/v1/hosts", "{}")
	require.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
	require.Contains(t, text, api.NoLeader)
}

// TestCertificatesAreSentToTheLeader: who is known by a certificate has to go to the leader.
func TestCertificatesAreSentToTheLeader(t *testing.T) {
	f, e, at := startFront(t)
	f.relay = relay.New("self", certificateShown(), slog.New(slog.DiscardHandler))
	e.show(replica.View{Term: 8, Leader: replica.Peer{Name: "other", URL: "https://other:1"}})
	require.Eventually(t, func() bool {
		_, resp := ask(t, http.MethodGet, at+"/api/v1/hosts?a=b", "")
		return resp.StatusCode == http.StatusTemporaryRedirect &&
			resp.Header.Get("Location") == "https://other:1/api/v1/hosts?a=b"
	}, time.Minute, time.Millisecond)
}

// TestAFrozenLeaderIsNotAwaited: what the former leader has not answered is answered by the next,
// if it only reads, and is refused as unknown otherwise.
func TestAFrozenLeaderIsNotAwaited(t *testing.T) {
	_, e, at := startFront(t)
	arrived := make(chan struct{}, 2)
	frozen := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body)
		arrived <- struct{}{}
		<-r.Context().Done()
	}))
	defer frozen.Close()
	next := httptest.NewServer(says("next"))
	defer next.Close()
	to, err := url.Parse(frozen.URL)
	require.NoError(t, err)
	e.show(replica.View{Term: 9, Leader: replica.Peer{Name: "frozen", URL: to.String()}})

	answers := make(chan string, 2)
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		go func() {
			body := ""
			if method == http.MethodPost {
				body = "{}"
			}
			text, _ := ask(t, method, at+"/api/v1/hosts", body)
			answers <- method + " " + text
		}()
		<-arrived
	}
	e.show(replica.View{Term: 10, Leader: replica.Peer{Name: "next", URL: next.URL}})
	all := []string{<-answers, <-answers}
	require.Contains(t, all, "GET next")
	require.Contains(t, all[0]+all[1], "whether the request took effect is unknown")
}

// certificateShown is the configuration of a replica that shows a certificate of its own.
func certificateShown() *tls.Config {
	return &tls.Config{GetClientCertificate: func(
		*tls.CertificateRequestInfo,
	) (*tls.Certificate, error) {
		return &tls.Certificate{}, nil
	}}
}
