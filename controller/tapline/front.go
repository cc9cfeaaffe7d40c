package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/server"
	"github.com/tapline-sdn/tapline/api/server/relay"
)

// holdTime is how long a request waits for a leader.
const holdTime = 2 * time.Second

// front answers the API: by the leader's handler while this process leads, and else by passing
// requests on to the leader, but for the few that a standby answers itself.
type front struct {
	standby http.Handler
	relay   *relay.Relay
	shared  bool

	mu      sync.Mutex
	handler http.Handler    // of the leader; nil while this process stands by
	term    term            // of handler
	pending *sync.WaitGroup // requests that handler has begun
	leader  leaderAddress   // another process that leads; zero: none is known
	changed chan struct{}   // closed and replaced when any of these changes
}

// leaderAddress is where the leader is, for as long as it leads.
type leaderAddress struct {
	term uint64
	url  *url.URL
	ctx  context.Context // ends with the term
	stop context.CancelFunc
}

// makeFront makes the front. It has nothing to pass requests on to before follow runs.
func (ctl *controller) makeFront() error {
	ctl.metrics = newMetrics(nil)
	ctl.metrics.addReplicas(ctl.election)

	secure, err := ctl.relayTLS()
	if err != nil {
		return fmt.Errorf("replica.ca: %w", err)
	}
	ctl.front = &front{
		standby: ctl.standbyHandler(),
		relay:   relay.New(ctl.election.Name(), secure, ctl.log),
		shared:  ctl.election.Shared(), changed: make(chan struct{}),
	}
	ctl.onClose(ctl.front.relay.Close)
	return nil
}

// relayTLS returns how this replica connects to the others. Where these ask for a certificate, it
// shows that of its own API.
func (ctl *controller) relayTLS() (*tls.Config, error) {
	out := &tls.Config{MinVersion: tls.VersionTLS12}
	if file := ctl.config.Replica.CA; file != "" {
		pool, err := readAuthorities(file)
		if err != nil {
			return nil, err
		}
		out.RootCAs = pool
	}
	if ctl.config.API.TLS.CA != "" {
		out.GetClientCertificate = ctl.certs.api.clientCertificate
	}
	return out, nil
}

// ServeHTTP implements http.Handler.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if f.serveAsLeader(w, r) {
		return
	}
	if server.AnswersStandby(r) {
		f.standby.ServeHTTP(w, r)
		return
	}

	// Nothing is done twice: a request is passed on again only if nothing was done, or it reads.
	if err := relay.Keep(r); err != nil {
		server.RefuseWithoutLeader(w, r, api.NoLeader, err.Error())
		return
	}
	until := time.NewTimer(holdTime)
	defer until.Stop()
	reason := "no replica leads at the moment"
	for {
		done, problem, changed := f.try(w, r)
		if done {
			return
		}
		if problem != "" {
			reason = problem
		}

		select {
		case <-changed:
		case <-time.After(retryDelay):
		case <-until.C:
			server.RefuseWithoutLeader(w, r, api.NoLeader, reason+": send the request again")
			return
		case <-r.Context().Done():
			return
		}
	}
}

// retryDelay is the time between two tries to reach a leader.
const retryDelay = 100 * time.Millisecond

// try answers a request by whoever leads. If nobody can, changed is closed when that may be
// otherwise.
func (f *front) try(w http.ResponseWriter, r *http.Request) (
	done bool, problem string, changed <-chan struct{},
) {
	f.mu.Lock()
	leader, changed := f.leader, f.changed
	f.mu.Unlock()

	switch {
	case f.serveAsLeader(w, r):
		return true, "", nil
	case leader.url == nil:
		return false, "", changed
	case relay.WasPassed(r):
		return false, "this replica does not lead", changed
	case !f.relay.MayPass(r):
		http.Redirect(w, r, leader.url.String()+r.URL.RequestURI(), http.StatusTemporaryRedirect)
		return true, "", nil
	}

	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(leader.ctx, cancel)()
	if server.IsStream(r.URL.Path) { // It has no end of its own.
		defer context.AfterFunc(server.Stopping(r.Context()), cancel)()
	}
	out := f.relay.Pass(ctx, w, r, leader.url)
	switch {
	case out.Err == nil:
		return true, "", nil
	case out.Again:
		return false, fmt.Sprintf("the leader at %s cannot be reached (%v)", leader.url, out.Err),
			changed
	}
	server.RefuseWithoutLeader(w, r, "unavailable", "the leader has not answered, "+
		"so whether the request took effect is unknown: read the resource again")
	return true, "", nil
}

// serveAsLeader answers a request if this process leads, also by its own clock. It reports whether
// it has.
func (f *front) serveAsLeader(w http.ResponseWriter, r *http.Request) bool {
	f.mu.Lock()
	handler, pending := f.handler, f.pending
	if handler == nil || f.term.Err() != nil {
		f.mu.Unlock()
		return false
	}
	pending.Add(1)
	f.mu.Unlock()

	defer pending.Done()
	handler.ServeHTTP(w, r)
	return true
}

// lead has a handler answer from now on, as long as its term lasts.
func (f *front) lead(handler http.Handler, t term) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.handler, f.term, f.pending = handler, t, &sync.WaitGroup{}
	f.wakeLocked()
}

// standBy has the handler get no more requests, and waits for those that it has begun.
func (f *front) standBy(limit time.Duration) {
	f.mu.Lock()
	handler, pending := f.handler, f.pending
	f.handler, f.term, f.pending = nil, nil, nil
	f.wakeLocked()
	f.mu.Unlock()

	finished := make(chan struct{})
	go func() {
		pending.Wait()
		close(finished)
	}()
	select {
	case <-finished:
	case <-time.After(limit):
	}
	if h, ok := handler.(server.Finisher); ok {
		h.Finish()
	}
}

// Finish implements [server.Finisher].
func (f *front) Finish() {
	if h, ok := f.standby.(server.Finisher); ok {
		h.Finish()
	}
}

// follow keeps the address of the leader, until ctx ends.
func (f *front) follow(ctx context.Context, e election) {
	for {
		changed := e.Changed()
		f.look(e)
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}

// look takes over who leads. While etcd does not answer, the last one is asked: it knows by itself
// whether it still leads.
func (f *front) look(e election) {
	v := e.View()
	f.mu.Lock()
	have := f.leader.term
	f.mu.Unlock()
	if v.Err != nil || v.Term == have {
		return
	}

	to, err := url.Parse(v.Leader.URL)
	if err != nil || v.Leader.URL == "" || e.IsSelf(v.Leader) {
		to = nil
	}
	next := leaderAddress{term: v.Term, url: to}
	next.ctx, next.stop = context.WithCancel(context.Background())
	f.setLeader(next)
}

func (f *front) setLeader(next leaderAddress) {
	f.mu.Lock()
	was := f.leader
	f.leader = next
	f.wakeLocked()
	f.mu.Unlock()

	// What the former leader has not answered yet, it will not.
	if was.stop != nil {
		was.stop()
	}
}

func (f *front) wakeLocked() {
	close(f.changed)
	f.changed = make(chan struct{})
}
