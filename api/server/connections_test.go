package server

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestConnectionsAreBounded: half of the connections is for one network. A new one replaces an idle
// one, and is closed where none is idle.
func TestConnectionsAreBounded(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	bounded := newConnections(ln, 6)

	began, release := make(chan struct{}), make(chan struct{})
	srv := &http.Server{
		ConnState: bounded.noteState,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/long" {
				began <- struct{}{}
				<-release
			}
			_, _ = io.WriteString(w, "ok")
		}),
	}
	served := make(chan struct{})
	go func() { defer close(served); _ = srv.Serve(bounded) }()
	defer func() { _ = srv.Close(); <-served }()

	newClient := func() *http.Client {
		transport := &http.Transport{}
		t.Cleanup(transport.CloseIdleConnections)
		return &http.Client{Transport: transport}
	}
	get := func(path string) error {
		resp, err := newClient().Get("http://" + ln.Addr().String() + path)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		return err
	}

	// Each of these leaves an idle connection behind. Twenty need no more than three.
	for n := range 20 {
		require.NoError(t, get("/short"))

		// The server notes that a connection is idle a moment after it has answered.
		idle := func() bool {
			bounded.mu.Lock()
			defer bounded.mu.Unlock()

			return len(bounded.open) == min(n+1, 3) && len(bounded.idleSince) == len(bounded.open)
		}
		require.Eventually(t, idle, 10*time.Second, time.Millisecond)
	}

	ends := make(chan error, 3)
	for range 3 {
		go func() { ends <- get("/long") }()
		select {
		case <-began:
		case err := <-ends:
			t.Fatal("a connection was refused though others were idle: ", err)
		}
	}
	require.Error(t, get("/short"), "three are busy, and none is idle")

	close(release)
	for range 3 {
		require.NoError(t, <-ends)
	}
	require.Eventually(t, func() bool {
		return get("/short") == nil
	}, 10*time.Second, time.Millisecond)
}

func TestStreamsLeaveRoomForOthers(t *testing.T) {
	for _, limit := range []int{minConnections, 64, maxConnections} {
		all, each := streamLimits(limit)
		require.Less(t, all, limit)
		require.Less(t, each, all)
		require.Less(t, each, limit/2, "requests of the same network find room beside its streams")
	}
}

// TestServeClosesItsListener is here since the listener is wrapped.
func TestServeClosesItsListener(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()

	require.NoError(t, Serve(ctx, ln, http.NotFoundHandler(), nil))
	_, err = ln.Accept()
	require.ErrorIs(t, err, net.ErrClosed)
}
