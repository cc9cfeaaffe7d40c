package client_test

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/api/server"
	"github.com/tapline-sdn/tapline/api/server/servertest"
)

// TestCreateIsRepeated: a creation whose answer is lost is made once and answered in the end.
func TestCreateIsRepeated(t *testing.T) {
	for name, tc := range map[string]struct {
		// connections lost before and after the server has done what was asked for
		before, after int
		busy          int // answers that it is still being done
		fails         bool
	}{
		"nothing is lost":     {},
		"requests are lost":   {before: 2},
		"answers are lost":    {after: 2},
		"first is still busy": {after: 1, busy: 2},
		"all is lost":         {after: 100, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			e := servertest.New()
			handler := server.New(server.Config{Engine: e, Token: []byte(token)})
			keys := map[string]int{}
			var mu sync.Mutex
			c := dial(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				keys[r.Header.Get("Idempotency-Key")]++
				if tc.before--; tc.before >= 0 {
					panic(http.ErrAbortHandler)
				}
				answer := httptest.NewRecorder()
				handler.ServeHTTP(answer, r)
				if tc.after--; tc.after >= 0 {
					panic(http.ErrAbortHandler)
				}
				if tc.busy--; tc.busy >= 0 {
					w.Header().Set("Content-Type", api.ProblemType)
					w.WriteHeader(http.StatusConflict)
					_, _ = w.Write(
						[]byte(`{"type":"` + api.InProgress + `","status":409,"detail":"busy"}`),
					)
					return
				}
				w.WriteHeader(answer.Code)
				_, _ = w.Write(answer.Body.Bytes())
			}), client.Config{})
			h, err := c.Hosts().Create(t.Context(), api.HostCreate{Name: "h", OVSDB: "unix:/x"})
			mu.Lock()
			defer mu.Unlock()
			require.Equal(t, tc.fails, err != nil, "%v", err)
			require.Len(t, keys, 1, "all under one key")
			require.NotContains(t, keys, "")
			require.Len(t, e.Hosts(), 1)
			if !tc.fails {
				require.Equal(t, e.Hosts()[0].ID, h.ID)
			}
		})
	}
}

func TestCreateIsNotRepeated(t *testing.T) {
	var calls atomic.Int32
	c := dial(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		if r.Method == http.MethodPost && r.URL.Path == "/api/v1/hosts" {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		panic(http.ErrAbortHandler)
	}), client.Config{})
	_, err := c.Hosts().Create(t.Context(), api.HostCreate{Name: "h"})
	require.True(t, client.IsStatus(err, http.StatusForbidden), "an answer is an answer: %v", err)
	require.EqualValues(t, 1, calls.Load())
	_, err = c.TapFlows().Enable(t.Context(), "f")
	require.Error(t, err)
	require.EqualValues(t, 2, calls.Load(), "only creations carry a key")

	srv := httptest.NewServer(http.NotFoundHandler())
	srv.Close()
	away, err := client.New(client.Config{Server: srv.URL})
	require.NoError(t, err)
	begin := time.Now()
	_, err = away.Hosts().Create(t.Context(), api.HostCreate{Name: "h"})
	require.Error(t, err)
	require.Less(t, time.Since(begin), 2*time.Second, "where nobody listens nothing was lost")
}

func TestConditional(t *testing.T) {
	_, c := newController(t)
	h, err := c.Hosts().
		Create(t.Context(), api.HostCreate{Name: "h", OVSDB: "unix:/x"}, client.Key("my-key"))
	require.NoError(t, err)
	same, err := c.Hosts().
		Create(t.Context(), api.HostCreate{Name: "h", OVSDB: "unix:/x"}, client.Key("my-key"))
	require.NoError(t, err)
	require.Equal(t, h, same)
	_, err = c.Hosts().Get(t.Context(), "h", client.IfNoneMatch(h.ETag))
	require.ErrorIs(t, err, client.ErrNotModified)
	_, err = c.Hosts().
		Update(t.Context(), "h", api.HostPatch{Name: new("i")}, client.IfMatch(h.ETag))
	require.NoError(t, err)
	_, err = c.Hosts().Get(t.Context(), "i", client.IfNoneMatch(h.ETag))
	require.NoError(t, err)
	_, err = c.Hosts().
		Update(t.Context(), "i", api.HostPatch{Name: new("j")}, client.IfMatch(h.ETag))
	require.True(t, client.IsStatus(err, http.StatusPreconditionFailed), "%v", err)
}
