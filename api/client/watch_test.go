package client_test

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/api/server"
	"github.com/tapline-sdn/tapline/api/server/servertest"
	"github.com/tapline-sdn/tapline/controller/store"
)

// pulled reads events one by one, in words.
func pulled(t *testing.T, events iter.Seq2[api.Event, error]) (next func() string) {
	pull, stop := iter.Pull2(events)
	t.Cleanup(stop)
	return func() string {
		t.Helper()
		e, err, more := pull()
		switch {
		case !more:
			return "end"
		case err != nil:
			return "error: " + err.Error()
		case e.Object == nil:
			return string(e.Type)
		}
		_, name := e.Object.Ident()
		return fmt.Sprintf("%s %s %s", e.Type, e.Kind(), name)
	}
}

func TestWatch(t *testing.T) {
	e, c := newController(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	events, err := c.Watch(ctx, client.Where("kind", "host"))
	require.NoError(t, err)
	next := pulled(t, events)
	_, err = e.CreateHost(ctx, store.Host{Name: "h1"})
	require.NoError(t, err)
	_, err = e.CreateGuest(ctx, store.Guest{Name: "vm"})
	require.NoError(t, err)
	require.NoError(t, e.DeleteHost(ctx, "h1", 0, false))
	require.Equal(t, "synced", next())
	require.Equal(t, "created host h1", next())
	require.Equal(t, "deleted host h1", next())
	cancel()
	require.Equal(t, "end", next(), "who ends the stream knows it")

	_, err = e.CreateHost(t.Context(), store.Host{Name: "h2"})
	require.NoError(t, err)
	events, err = c.Watch(t.Context(), client.Snapshot())
	require.NoError(t, err)
	next = pulled(t, events)
	require.Equal(t, "current host h2", next())
	require.Equal(t, "current guest vm", next())
	require.Equal(t, "synced", next())

	events, err = c.Watch(t.Context(), client.After("another-1"), client.Where("id", "h2"))
	require.NoError(t, err)
	next = pulled(t, events)
	require.Equal(t, "reset", next())
	require.Equal(t, "current host h2", next())

	other := dial(
		t,
		server.New(server.Config{Engine: servertest.New(), Token: []byte("another")}),
		client.Config{},
	)
	_, err = other.Watch(t.Context())
	require.True(t, client.IsStatus(err, http.StatusUnauthorized), "%v", err)
}

// TestWatchResumes: what happens while the stream is broken is not missed, and nothing is told
// twice.
func TestWatchResumes(t *testing.T) {
	e := servertest.New()
	handler := server.New(server.Config{Engine: e, Token: []byte(token)})
	var mu sync.Mutex
	var cut []context.CancelFunc
	refuse := 0
	c := dial(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancel(r.Context())
		mu.Lock()
		cut = append(cut, cancel)
		refuse--
		no, handler := refuse >= 0, handler
		mu.Unlock()
		if no {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		handler.ServeHTTP(w, r.WithContext(ctx))
	}), client.Config{})
	cutAll := func(thenRefuse int) {
		mu.Lock()
		defer mu.Unlock()
		for _, f := range cut {
			f()
		}
		cut, refuse = nil, thenRefuse
	}
	broken := make(chan error, 100)
	events, err := c.Watch(t.Context(), client.Broken(func(err error) { broken <- err }))
	require.NoError(t, err)
	next := pulled(t, events)
	require.Equal(t, "synced", next())
	for n := range 5 {
		name := fmt.Sprint("h", n)
		_, err := e.CreateHost(t.Context(), store.Host{Name: name})
		require.NoError(t, err)
		require.Equal(t, "created host "+name, next())
		cutAll(n % 3)
		require.NoError(t, e.DeleteHost(t.Context(), name, 0, false))
		require.Equal(t, "deleted host "+name, next())
		require.Error(t, <-broken)
	}
	e.Stop() // and another run begins
	other := servertest.New()
	_, err = other.CreateHost(t.Context(), store.Host{Name: "kept"})
	require.NoError(t, err)
	mu.Lock()
	handler = server.New(server.Config{Engine: other, Token: []byte(token)})
	mu.Unlock()
	require.Equal(t, "reset", next())
	require.Equal(t, "current host kept", next())
	require.Equal(t, "synced", next())
	mu.Lock()
	handler = server.New(server.Config{Engine: servertest.New(), Token: []byte("another")})
	mu.Unlock()
	cutAll(0)
	require.Contains(t, next(), "error: ")
	require.Equal(t, "end", next(), "a server that says no says it again")
}

// TestWatchBeforeItsFirstPlace: a snapshot that breaks off is told anew, from its beginning.
func TestWatchBeforeItsFirstPlace(t *testing.T) {
	var mu sync.Mutex
	var calls []string
	e := servertest.New()
	handler := server.New(server.Config{Engine: e, Token: []byte(token)})
	c := dial(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		calls = append(calls, r.URL.RawQuery+" "+r.Header.Get("Last-Event-ID"))
		first := len(calls) == 1
		mu.Unlock()
		if first {
			_, _ = w.Write(
				[]byte(
					"event: current\ndata: {\"kind\":\"host\",\"object\":{\"name\":\"gone\"}}\n\n",
				),
			)
			return
		}
		handler.ServeHTTP(w, r)
	}), client.Config{})
	events, err := c.Watch(t.Context())
	require.NoError(t, err)
	next := pulled(t, events)
	require.Equal(t, "current host gone", next())
	require.Equal(t, "reset", next())
	require.Equal(t, "synced", next())
	mu.Lock()
	defer mu.Unlock()
	require.Equal(t, []string{" ", "snapshot=true "}, calls)
}

func TestWatchOfAnother(t *testing.T) {
	for name, body := range map[string]string{
		"kind":  "id: 1\nevent: created\ndata: {\"kind\":\"cat\",\"object\":{}}\n\n",
		"json":  "id: 1\nevent: created\ndata: {\n\n",
		"empty": "id: 1\nevent: created\ndata: null\n\n",
		"long":  "data: " + string(make([]byte, 5<<20)) + "\n\n",
	} {
		t.Run(name, func(t *testing.T) {
			liar := dial(
				t,
				http.HandlerFunc(
					func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) },
				),
				client.Config{},
			)
			events, err := liar.Watch(t.Context())
			require.NoError(t, err)
			next := pulled(t, events)
			require.Contains(t, next(), "error: ")
			require.Equal(t, "end", next())
		})
	}
	t.Run("late", func(t *testing.T) {
		c := dial(
			t,
			http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }),
			client.Config{Timeout: 50 * time.Millisecond},
		)
		_, err := c.Watch(t.Context())
		require.Error(t, err)
	})
	srv := httptest.NewServer(http.NotFoundHandler())
	srv.Close()
	c, err := client.New(client.Config{Server: srv.URL})
	require.NoError(t, err)
	_, err = c.Watch(t.Context())
	require.Error(t, err, "nobody is there")
}
