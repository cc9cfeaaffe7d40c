package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/server"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

const newHost = `{"name":"h","ovsdb":"unix:/x"}`

func TestIdempotencyKey(t *testing.T) {
	const path, key = "/api/v1/hosts", "Idempotency-Key"
	b := newBench(t)
	first := b.must(201, "POST", path, newHost, nil, key, `"k1"`)
	require.Empty(t, first.Header().Get("Idempotency-Replayed"))
	for name, tc := range map[string]struct{ body, key string }{
		"the same":              {newHost, `"k1"`},
		"without quotes":        {newHost, `k1`},
		"in another order":      {` {"ovsdb":"unix:/x", "name":"h"}`, `"k1"`},
		"with another spelling": {`{"ovsdb":"unix:\u002fx","name":"h"}`, `"k1"`},
	} {
		t.Run(name, func(t *testing.T) {
			b.t = t
			again := b.must(201, "POST", path, tc.body, nil, key, tc.key)
			require.Equal(t, first.Body.String(), again.Body.String())
			require.Equal(t, first.Header().Get("ETag"), again.Header().Get("ETag"))
			require.Equal(t, first.Header().Get("Location"), again.Header().Get("Location"))
			require.Equal(t, "true", again.Header().Get("Idempotency-Replayed"))
			require.Len(t, b.engine.Hosts(), 1)
		})
	}
	b.t = t
	p := b.problem(422, "POST", path, `{"name":"h2","ovsdb":"unix:/y"}`, key, `"k1"`)
	require.Equal(t, key, p.Field)
	b.problem(
		422,
		"POST",
		"/api/v1/guests",
		`{"name":"h","nics":[{"mac":"52:54:00:00:00:01"}]}`,
		key,
		`"k1"`,
	)
	require.Equal(t, "name", b.problem(409, "POST", path, newHost, key, `"k2"`).Field)
	b.must(204, "DELETE", path+"/h", "", nil)
	require.Equal(
		t,
		first.Body.String(),
		b.must(201, "POST", path, newHost, nil, key, `"k1"`).Body.String(),
		"nothing is created anew",
	)
	require.Empty(t, b.engine.Hosts())
	b.must(201, "POST", path, newHost, nil, key, `"k2"`) // What failed may be tried again.

	for _, bad := range []string{`""`, `"`, `"a`, `"a b"`, `"a","b"`, `a,b`, `a;q=1`, `"ä"`,
		strings.Repeat("x", 256)} {
		p := b.problem(400, "POST", path, newHost, key, bad)
		require.Equal(t, key, p.Field, bad)
	}
	b.must(
		200,
		"PATCH",
		path+"/h",
		`{"name":"i"}`,
		nil,
		key,
		`"k1"`,
	) // It says nothing of other requests.
}

func TestIdempotencyKeyMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		post := func(ctx context.Context) *httptest.ResponseRecorder {
			r := httptest.NewRequestWithContext(
				ctx,
				"POST",
				"/api/v1/hosts?wait=10s",
				strings.NewReader(newHost),
			)
			r.Header.Set("Authorization", "Bearer "+token)
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Idempotency-Key", `"k"`)
			w := httptest.NewRecorder()
			b.handler.ServeHTTP(w, r)
			return w
		}
		ctx, cancel := context.WithCancel(t.Context())
		gone := make(chan struct{})
		go func() {
			post(ctx)
			close(gone)
		}()
		synctest.Wait()
		during := post(t.Context())
		require.Equal(t, 409, during.Code)
		require.Contains(t, during.Body.String(), api.InProgress)
		require.NotEmpty(t, during.Header().Get("Retry-After"))
		cancel() // Its connection is lost.
		<-gone

		id := b.engine.Hosts()[0].ID
		time.AfterFunc(3*time.Second, func() { b.engine.SetHealth(id, tap.StateReady, "") })
		begin := time.Now()
		again := post(t.Context())
		require.Equal(t, 201, again.Code)
		require.Contains(
			t,
			again.Body.String(),
			`"status":"ready"`,
			"it waits in place of the one that was lost",
		)
		require.Equal(t, 3*time.Second, time.Since(begin))
		require.Len(t, b.engine.Hosts(), 1)
	})
}

// TestIdempotencyKeyRestart: a controller that starts anew knows the keys of what exists.
func TestIdempotencyKeyRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // Its clock is not beyond the records that tests make.
		b := newBench(t)
		b.must(201, "POST", "/api/v1/hosts", newHost, nil, "Idempotency-Key", "k")
		b.must(200, "PATCH", "/api/v1/hosts/h", `{"name":"renamed"}`, nil)
		b.handler = server.New(server.Config{Engine: b.engine, Token: []byte(token)})
		var h api.Host
		w := b.must(201, "POST", "/api/v1/hosts", newHost, &h, "Idempotency-Key", "k")
		require.Equal(t, "renamed", h.Name, "as it is by now")
		require.Equal(t, "true", w.Header().Get("Idempotency-Replayed"))
		b.problem(
			422,
			"POST",
			"/api/v1/hosts",
			`{"name":"x","ovsdb":"unix:/x"}`,
			"Idempotency-Key",
			"k",
		)
		b.must(204, "DELETE", "/api/v1/hosts/renamed", "", nil)
		b.problem(410, "POST", "/api/v1/hosts", newHost, "Idempotency-Key", "k")
		require.Empty(t, b.engine.Hosts())
	})
}

// TestALargeAnswerIsMadeAnew: the answer to a repeated creation is the one that was kept, unless it
// was too large for that; then it is the resource as it is by now.
func TestALargeAnswerIsMadeAnew(t *testing.T) {
	for name, tc := range map[string]struct {
		wires int
		want  string // name of the host in the answer to the repetition
	}{
		"small": {1, "h9"},
		"large": {600, "renamed"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			wires := make(map[string]string, tc.wires)
			for i := range tc.wires {
				wires[fmt.Sprintf("a-wire-with-a-long-name-%d", i)] = fmt.Sprintf("br%d", i)
			}
			body, err := json.Marshal(
				api.HostCreate{Name: "h9", OVSDB: "tcp:192.0.2.9:6640", Wires: wires},
			)
			require.NoError(t, err)

			for range 2 {
				var h api.Host
				w := b.send("POST", "/api/v1/hosts", string(body), "Idempotency-Key", "k")
				require.Equal(t, 201, w.Code, w.Body.String())
				require.NoError(t, json.Unmarshal(w.Body.Bytes(), &h))
				if w.Header().Get("Idempotency-Replayed") != "" {
					require.Equal(t, tc.want, h.Name)
					return
				}
				b.must(200, "PATCH", "/api/v1/hosts/h9", `{"name":"renamed"}`, nil)
			}
			t.Fatal("the creation was not repeated")
		})
	}
}
