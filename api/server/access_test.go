package server_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/server"
	"github.com/tapline-sdn/tapline/controller/access"
)

// newToken makes a token of a role and returns its secret.
func (b *bench) newToken(name string, role access.Role) string {
	b.t.Helper()
	var made api.TokenCreated
	w := b.must(
		http.StatusCreated,
		http.MethodPost,
		"/api/v1/tokens",
		`{"name":"`+name+`","role":"`+string(role)+`"}`,
		&made,
	)
	require.Equal(b.t, "/api/v1/tokens/"+made.ID, w.Header().Get("Location"))
	require.Equal(b.t, "no-store", w.Header().Get("Cache-Control"))
	require.NotEmpty(b.t, made.Secret)
	return made.Secret
}

func TestRoles(t *testing.T) {
	b := newBench(t)
	b.furnish()
	secrets := map[access.Role]string{access.Admin: token}
	for _, role := range []access.Role{access.Viewer, access.Operator} {
		secrets[role] = b.newToken("the-"+string(role), role)
	}
	for _, tc := range []struct {
		method, path, body string
		need               access.Role
	}{
		{http.MethodGet, "/api/v1/hosts", "", access.Viewer},
		{http.MethodGet, "/api/v1/tap_flows", "", access.Viewer},
		{http.MethodGet, "/api/v1/guests/vm1", "", access.Viewer},
		{http.MethodGet, "/metrics", "", access.Viewer},
		{http.MethodPatch, "/api/v1/guests/vm1", `{"name":"vm1"}`, access.Operator},
		{http.MethodPatch, "/api/v1/tap_services/ids", `{"name":"ids"}`, access.Operator},
		{http.MethodPost, "/api/v1/tap_services/ids/enable", "", access.Operator},
		{http.MethodPatch, "/api/v1/hosts/h1", `{"name":"h1"}`, access.Admin},
		{http.MethodPatch, "/api/v1/wires/net0", `{"bridges":{"h1":"br0"}}`, access.Admin},
		{http.MethodGet, "/api/v1/tokens", "", access.Admin},
		{http.MethodGet, "/api/v1/tokens/admin", "", access.Admin},
	} {
		for _, role := range access.Roles() {
			t.Run(tc.method+" "+tc.path+" as "+string(role), func(t *testing.T) {
				w := b.send(tc.method, tc.path, tc.body, "Authorization", "Bearer "+secrets[role])
				if role.Includes(tc.need) {
					require.Equal(t, http.StatusOK, w.Code, w.Body)
					return
				}
				require.Equal(t, http.StatusForbidden, w.Code)
				var p api.Problem
				require.NoError(t, json.Unmarshal(w.Body.Bytes(), &p))
				require.Equal(
					t,
					`this needs the role `+string(
						tc.need,
					)+`, and the token "the-`+string(
						role,
					)+`" has the role `+string(
						role,
					),
					p.Detail,
				)
			})
		}
	}
	b.problem(
		http.StatusForbidden,
		http.MethodPost,
		"/api/v1/hosts",
		"not even JSON",
		"Authorization",
		"Bearer "+secrets[access.Operator],
	)
	require.Len(t, b.engine.Hosts(), 2)
}

func TestEveryWriteSaysItsRole(t *testing.T) {
	doc, err := document()
	require.NoError(t, err)
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			if method != http.MethodGet {
				require.Contains(
					t,
					op.Extensions,
					"x-role",
					"%s %s: want x-role: viewer, operator or admin",
					method,
					path,
				)
			}
		}
	}
}

func TestTokens(t *testing.T) {
	b := newBench(t)
	secret := b.newToken("ci", access.Operator)
	b.must(
		http.StatusOK,
		http.MethodGet,
		"/api/v1/hosts",
		"",
		nil,
		"Authorization",
		"Bearer "+secret,
	)
	later := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	b.must(
		http.StatusCreated,
		http.MethodPost,
		"/api/v1/tokens",
		`{"name":"board","role":"viewer","expires_at":"`+later+`"}`,
		nil,
	)

	var list api.TokenList
	w := b.must(http.StatusOK, http.MethodGet, "/api/v1/tokens", "", &list)
	require.NotContains(t, w.Body.String(), secret[14:], "the secret is told once")
	require.Equal(t, 3, list.Total)
	names := func() (out []string) {
		for _, t := range list.Tokens {
			out = append(out, t.Name)
		}
		return out
	}
	require.Equal(t, []string{"admin", "board", "ci"}, names())
	require.True(t, list.Tokens[0].BuiltIn)
	require.Equal(t, later, list.Tokens[1].ExpiresAt)
	require.Empty(t, list.Tokens[1].LastUsedAt)
	require.Equal(t, "admin", list.Tokens[2].CreatedBy)
	require.NotEmpty(t, list.Tokens[2].LastUsedAt)
	b.must(
		http.StatusOK,
		http.MethodGet,
		"/api/v1/tokens?role=operator&expired=false&order_by=last_used_at",
		"",
		&list,
	)
	require.Equal(t, []string{"ci"}, names())

	require.Equal(
		t,
		"name",
		b.problem(
			http.StatusConflict,
			http.MethodPost,
			"/api/v1/tokens",
			`{"name":"ci","role":"viewer"}`,
		).Field,
	)
	for body, field := range map[string]string{
		`{"name":"x"}`:                                                     "role",
		`{"name":"x","role":"root"}`:                                       "role",
		`{"name":"","role":"viewer"}`:                                      "name",
		`{"name":"x","role":"viewer","expires_at":"soon"}`:                 "expires_at",
		`{"name":"x","role":"viewer","expires_at":"2020-01-01T00:00:00Z"}`: "expires_at",
		`{"name":"x","role":"viewer","token":"abc"}`:                       "token",
	} {
		require.Equal(
			t,
			field,
			b.problem(http.StatusBadRequest, http.MethodPost, "/api/v1/tokens", body).Field,
			body,
		)
	}
	b.problem(http.StatusConflict, http.MethodDelete, "/api/v1/tokens/admin", "")
	p := b.problem(http.StatusNotFound, http.MethodDelete, "/api/v1/tokens/"+secret, "")
	require.NotContains(t, p.Detail, secret[14:])
	b.must(http.StatusNoContent, http.MethodDelete, "/api/v1/tokens/ci", "", nil)
	b.problem(
		http.StatusUnauthorized,
		http.MethodGet,
		"/api/v1/hosts",
		"",
		"Authorization",
		"Bearer "+secret,
	)
	require.NotContains(t, b.log.String(), secret[14:], "no log has a secret")
}

func TestRevokedTokensStreamEnds(t *testing.T) {
	b := newBench(t)
	secret := b.newToken("ci", access.Viewer)
	srv := httptest.NewServer(b.handler)
	defer srv.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+"/api/v1/watch", nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+secret)
	client := srv.Client()
	defer client.CloseIdleConnections()
	resp, err := client.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	_, err = lines.ReadString('\n')
	require.NoError(t, err, "it is open")
	b.must(http.StatusNoContent, http.MethodDelete, "/api/v1/tokens/ci", "", nil)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for err == nil {
			_, err = lines.ReadString('\n')
		}
	}()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Fatal("the stream of a revoked token goes on")
	}
}

func TestFailuresAreLimited(t *testing.T) {
	b := newBench(t)
	var codes []int
	for range 15 {
		w := b.send(http.MethodGet, "/api/v1/hosts", "", "Authorization", "Bearer guess")
		codes = append(codes, w.Code)
		if w.Code == http.StatusTooManyRequests {
			require.Regexp(t, `^[1-9]$`, w.Header().Get("Retry-After"))
		}
	}
	require.Equal(t, slices.Repeat([]int{http.StatusUnauthorized}, 10), codes[:10])
	require.Equal(t, slices.Repeat([]int{http.StatusTooManyRequests}, 5), codes[10:])
	b.must(http.StatusOK, http.MethodGet, "/api/v1/hosts", "", nil)
	b.must(http.StatusOK, http.MethodGet, "/healthz", "", nil, "Authorization", "Bearer guess")

	r := httptest.NewRequest(http.MethodGet, "/api/v1/hosts", strings.NewReader(""))
	r.RemoteAddr = "198.51.100.7:4711"
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	require.Equal(t, http.StatusUnauthorized, w.Code, "others are not concerned")
}

// TestTokenLifetime: a token that is created without an expiry gets the configured one, and null is
// never.
func TestTokenLifetime(t *testing.T) {
	b := newBench(t)
	keys, err := access.New(t.Context(), access.Config{Admin: []byte(token)})
	require.NoError(t, err)
	t.Cleanup(keys.Close)
	b.handler = server.New(server.Config{Engine: b.engine, Keys: keys,
		TokenLifetime: 90 * 24 * time.Hour})
	expiry := func(body string) string {
		var made api.TokenCreated
		b.must(http.StatusCreated, http.MethodPost, "/api/v1/tokens", body, &made)
		return made.ExpiresAt
	}

	at, err := time.Parse(time.RFC3339, expiry(`{"name":"a","role":"viewer"}`))
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(90*24*time.Hour), at, time.Minute)
	require.Empty(t, expiry(`{"name":"b","role":"viewer","expires_at":null}`))
	require.Equal(t, "2099-01-01T00:00:00Z",
		expiry(`{"name":"c","role":"viewer","expires_at":"2099-01-01T00:00:00Z"}`))

	// What clients send for these three.
	never, later := time.Time{}, time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)
	for want, create := range map[string]api.TokenCreate{
		`{"name":"d","role":"viewer"}`: {Name: "d",
			Role: "viewer"},
		`{"name":"d","role":"viewer","expires_at":null}`: {Name: "d",
			Role: "viewer", ExpiresAt: &never},
		`{"name":"d","role":"viewer","expires_at":"2099-01-01T00:00:00Z"}`: {Name: "d",
			Role: "viewer", ExpiresAt: &later},
	} {
		got, err := json.Marshal(create)
		require.NoError(t, err)
		require.JSONEq(t, want, string(got))
	}
}
