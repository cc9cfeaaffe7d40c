package server_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/server"
	"github.com/tapline-sdn/tapline/controller/access"
	"github.com/tapline-sdn/tapline/controller/audit"
)

// withAudit gives a bench an audit log, and returns its file.
func withAudit(t *testing.T, b *bench) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "audit.log")
	trail, err := audit.Open(file, audit.Options{})
	require.NoError(t, err)
	t.Cleanup(trail.Close)
	keys, err := access.New(t.Context(), access.Config{Admin: []byte(token), Audit: trail})
	require.NoError(t, err)
	t.Cleanup(keys.Close)
	b.handler = server.New(server.Config{
		Engine: b.engine, Keys: keys, Audit: trail,
		Logger: slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	return file
}

// auditText returns the content of an audit log: the changes, and then the denials and the requests
// that changed nothing.
func auditText(t *testing.T, file string) string {
	t.Helper()
	changes, err := os.ReadFile(file)
	require.NoError(t, err)
	denials, err := os.ReadFile(strings.TrimSuffix(file, ".log") + "-denied.log")
	require.NoError(t, err)
	return string(changes) + string(denials)
}

func (b *bench) audited(query string) []api.AuditRecord {
	b.t.Helper()
	var list api.AuditList
	b.must(http.StatusOK, http.MethodGet, "/api/v1/audit?"+query, "", &list)
	return list.Audit
}

func TestAudit(t *testing.T) {
	b := newBench(t)
	file := withAudit(t, b)
	viewer := b.newToken("board", access.Viewer)
	made := b.audited("kind=token")[0]
	require.Equal(t, "create", made.Action)
	require.Equal(
		t,
		api.AuditActor{Type: "token", ID: "admin", Name: "admin", Role: "admin"},
		made.Actor,
	)
	require.Equal(t, "board", made.Name)
	require.Equal(t, "null", string(made.Before))
	require.Contains(t, string(made.After), `"role":"viewer"`)
	require.Equal(t, 201, made.Status)
	require.Equal(t, "192.0.2.1:1234", made.Remote)

	for _, tc := range []struct {
		name, method, path, body, auth string
		want                           api.AuditRecord // what is compared
	}{
		{"a viewer that writes", "PATCH", "/api/v1/guests/vm1", `{"name":"x"}`, viewer,
			api.AuditRecord{Actor: api.AuditActor{Name: "board"}, Action: "update", Kind: "guest",
				ID: "vm1", Outcome: "denied", Status: 403}},
		{"a viewer that reads what he may not", "GET", "/api/v1/audit", "", viewer,
			api.AuditRecord{Actor: api.AuditActor{Name: "board"}, Action: "read", Kind: "audit",
				Outcome: "denied", Status: 403}},
		{"nobody", "GET", "/api/v1/tap_flows/web", "", "wrong",
			api.AuditRecord{Action: "read", Kind: "tap_flow", ID: "web", Outcome: "denied",
				Status: 401}},
		{"malformed", "POST", "/api/v1/hosts", `{"name":"h9","ovsdb":"what"}`, token,
			api.AuditRecord{Actor: api.AuditActor{Name: "admin"}, Action: "create", Kind: "host",
				Name: "h9", Outcome: "refused", Status: 400}},
		{"not there", "DELETE", "/api/v1/tap_services/none?wait=1s", "", token,
			api.AuditRecord{Actor: api.AuditActor{Name: "admin"}, Action: "delete",
				Kind: "tap_service", ID: "none", Outcome: "refused", Status: 404}},
		{"a verb", "POST", "/api/v1/tap_flows/web/disable", "", viewer,
			api.AuditRecord{Actor: api.AuditActor{Name: "board"}, Action: "disable",
				Kind: "tap_flow", ID: "web", Outcome: "denied", Status: 403}},
		{"no such method", "PUT", "/api/v1/wires/net0", `{}`, token,
			api.AuditRecord{Actor: api.AuditActor{Name: "admin"}, Kind: "wire", ID: "net0",
				Outcome: "refused", Status: 405}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := b.send(
				tc.method,
				tc.path,
				tc.body,
				"Authorization",
				"Bearer "+tc.auth,
				"User-Agent",
				"test/1",
			)
			require.Equal(t, tc.want.Status, w.Code, w.Body)
			got := b.audited("limit=1")[0]
			require.Equal(t, w.Header().Get("X-Request-Id"), got.RequestID)
			path, _, _ := strings.Cut(tc.path, "?")
			require.Equal(
				t,
				[]string{tc.method, path, "test/1"},
				[]string{got.Method, got.Path, got.UserAgent},
			)
			require.NotEmpty(t, got.Problem)
			require.Equal(
				t,
				tc.want,
				api.AuditRecord{
					Actor:   api.AuditActor{Name: got.Actor.Name},
					Action:  got.Action,
					Kind:    got.Kind,
					ID:      got.ID,
					Name:    got.Name,
					Outcome: got.Outcome,
					Status:  got.Status,
				},
			)
		})
	}
	before := len(b.audited(""))
	b.must(http.StatusOK, http.MethodGet, "/api/v1/hosts", "", nil)
	b.must(http.StatusOK, http.MethodGet, "/healthz", "", nil, "Authorization", "Bearer wrong")
	require.Len(t, b.audited(""), before, "reads that are allowed are not written down")

	require.Len(t, b.audited("actor=board&outcome=denied&since=1h"), 3)
	require.Empty(t, b.audited("until=1h"))
	require.Equal(
		t,
		"since",
		b.problem(400, http.MethodGet, "/api/v1/audit?since=yesterday", "").Field,
	)
	require.Equal(
		t,
		"outcome",
		b.problem(400, http.MethodGet, "/api/v1/audit?outcome=good", "").Field,
	)
	require.Equal(t, "limit", b.problem(400, http.MethodGet, "/api/v1/audit?limit=0", "").Field)

	b.send("DELETE", "/api/v1/tokens/"+viewer, "", "User-Agent", viewer)
	b.send("POST", "/api/v1/guests", `{"name":"`+viewer+`","nics":[]}`)
	text := auditText(t, file)
	for _, where := range []string{text, b.log.String()} {
		require.NotContains(t, where, viewer[14:], "no log has a secret")
		require.NotContains(t, where, token)
	}
	require.Contains(t, text, viewer[:13]+"_...")
}

func TestAFloodOfDenialsIsSummed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		withAudit(t, b)
		for range 500 {
			b.send(http.MethodGet, "/api/v1/hosts", "", "Authorization", "Bearer guess")
		}
		time.Sleep(11 * time.Second)
		records := b.audited("outcome=denied&limit=1000")
		sum := 0
		for _, r := range records {
			sum += r.Count
		}
		require.Equal(t, 500, sum)
		require.Len(t, records, 11, "ten, and the others in one")

		viewer := b.newToken("board", access.Viewer)
		for range 300 {
			w := b.send(
				http.MethodDelete,
				"/api/v1/hosts/h1",
				"",
				"Authorization",
				"Bearer "+viewer,
			)
			require.Equal(t, http.StatusForbidden, w.Code)
		}
		time.Sleep(11 * time.Second)
		b.audited("")
		records = b.audited("actor=board&limit=1000")
		require.Len(t, records, 11)
		require.Equal(t, 290, records[0].Count)
		require.Equal(t, "h1", records[0].ID)
	})
}

func TestWithoutAuditNothingIsChanged(t *testing.T) {
	b := newBench(t)
	file := withAudit(t, b)
	require.NoError(t, os.Remove(file))
	require.NoError(t, os.Mkdir(file, 0o700))
	w := b.send(http.MethodPost, "/api/v1/tokens", `{"name":"ci","role":"viewer"}`)
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.NotEmpty(t, w.Header().Get("Retry-After"))
	require.Contains(
		t,
		b.problem(http.StatusServiceUnavailable, http.MethodGet, "/readyz", "").Detail,
		"audit log",
	)
	require.NoError(t, os.Remove(file))
	b.newToken("ci", access.Viewer)
	b.must(http.StatusOK, http.MethodGet, "/readyz", "", nil)
}

func TestAPanicIsAudited(t *testing.T) {
	b := newBench(t)
	file := filepath.Join(t.TempDir(), "audit.log")
	trail, err := audit.Open(file, audit.Options{})
	require.NoError(t, err)
	defer trail.Close()
	b.handler = server.New(
		server.Config{
			Token:  []byte(token),
			Engine: panicking{b.engine},
			Audit:  trail,
			Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		},
	)
	b.problem(http.StatusInternalServerError, http.MethodDelete, "/api/v1/hosts/h1", "")
	var r audit.Record
	require.NoError(t, json.Unmarshal([]byte(auditText(t, file)), &r))
	require.Equal(t, audit.Failed, r.Outcome)
}

func TestWhatWasCountedIsWrittenDownAtTheEnd(t *testing.T) {
	b := newBench(t)
	file := withAudit(t, b)
	for range 12 {
		b.send(http.MethodGet, "/api/v1/hosts", "", "Authorization", "Bearer guess")
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, server.Serve(ctx, ln, b.handler, nil))
	text := auditText(t, file)
	require.Equal(t, 11, strings.Count(text, "\n"))
	require.Contains(t, text, `"status":429`)
	require.Contains(t, text, `"count":2`)
}

// TestReadsAreAudited: with AuditReads, reads of explanations and of the audit log are recorded,
// and other reads are not.
func TestReadsAreAudited(t *testing.T) {
	for _, reads := range []bool{false, true} {
		b := newBench(t)
		trail, err := audit.Open(filepath.Join(t.TempDir(), "audit.log"), audit.Options{})
		require.NoError(t, err)
		t.Cleanup(trail.Close)
		b.handler = server.New(server.Config{
			Token: []byte(token), Engine: b.engine, Audit: trail, AuditReads: reads,
		})
		b.send(http.MethodGet, "/api/v1/hosts", "")
		b.send(http.MethodGet, "/api/v1/tap_flows/f1/explain", "")
		b.audited("")
		var paths []string
		for _, r := range b.audited("") {
			require.Equal(t, "read", r.Action)
			paths = append(paths, r.Path)
		}
		if reads {
			require.Equal(t, []string{"/api/v1/audit", "/api/v1/tap_flows/f1/explain"}, paths)
		} else {
			require.Empty(t, paths)
		}
	}
}
