package server_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/server"
	"github.com/tapline-sdn/tapline/api/server/servertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const token = "s3cret"

// document is read once, since answers are many.
var document = sync.OnceValues(
	func() (*openapi3.T, error) { return openapi3.NewLoader().LoadFromData(api.Document()) },
)

// bench is a server over an engine in memory. Every answer that it sees is held against the
// document.
type bench struct {
	t       *testing.T
	engine  *servertest.Engine
	handler http.Handler
	doc     *openapi3.T
	log     *bytes.Buffer
}

func newBench(t *testing.T) *bench {
	t.Helper()
	doc, err := document()
	require.NoError(t, err)
	b := &bench{t: t, engine: servertest.New(), doc: doc, log: new(bytes.Buffer)}
	b.handler = server.New(server.Config{
		Engine:   b.engine,
		Rehearse: b.engine.Rehearse,
		Token:    []byte(token),
		Logger:   slog.New(slog.NewTextHandler(b.log, nil)),
		Version:  "1.2.3",
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain; version=0.0.4")
			_, _ = w.Write([]byte("tapline_up 1\n"))
		}),
	})
	return b
}

// send sends a request and checks that the document promises its answer. Headers are names and
// values in turn.
func (b *bench) send(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	b.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	b.checkAnswer(r, w)
	return w
}

func (b *bench) checkAnswer(r *http.Request, w *httptest.ResponseRecorder) {
	b.t.Helper()
	route := b.find(r)
	if route == nil {
		require.Equal(
			b.t,
			api.ProblemType,
			w.Header().Get("Content-Type"),
			"outside of the document",
		)
		return
	}
	err := openapi3filter.ValidateResponse(r.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, Route: route},
		Status:                 w.Code,
		Header:                 w.Header(),
		Body:                   http.NoBody,
		Options: &openapi3filter.Options{
			IncludeResponseStatus: true,
			ExcludeResponseBody:   w.Body.Len() == 0,
		},
	})
	if w.Body.Len() > 0 {
		input := &openapi3filter.ResponseValidationInput{
			RequestValidationInput: &openapi3filter.RequestValidationInput{
				Request: r,
				Route:   route,
			},
			Status: w.Code, Header: w.Header(),
			Options: &openapi3filter.Options{IncludeResponseStatus: true},
		}
		err = openapi3filter.ValidateResponse(r.Context(), input.SetBodyBytes(w.Body.Bytes()))
	}
	require.NoError(b.t, err, "%s %s answered %d %s", r.Method, r.URL, w.Code, w.Body)
}

func (b *bench) find(r *http.Request) *routers.Route {
	for path, item := range b.doc.Paths.Map() {
		op := item.GetOperation(r.Method)
		if op != nil && matches(path, r.URL.EscapedPath()) {
			return &routers.Route{
				Spec:      b.doc,
				Path:      path,
				PathItem:  item,
				Method:    r.Method,
				Operation: op,
			}
		}
	}
	return nil
}

func matches(pattern, path string) bool {
	p, q := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(p) != len(q) {
		return false
	}
	for i := range p {
		if p[i] != q[i] && (p[i] != "{ref}" || q[i] == "") {
			return false
		}
	}
	return true
}

// must sends a request that has to succeed with a status and decodes the answer into out, which may
// be nil.
func (b *bench) must(
	status int,
	method, path, body string,
	out any,
	headers ...string,
) *httptest.ResponseRecorder {
	b.t.Helper()
	w := b.send(method, path, body, headers...)
	require.Equal(b.t, status, w.Code, "%s %s: %s", method, path, w.Body)
	if out != nil {
		require.NoError(b.t, json.Unmarshal(w.Body.Bytes(), out))
	}
	return w
}

// problem sends a request that has to fail and returns what it is told.
func (b *bench) problem(status int, method, path, body string, headers ...string) api.Problem {
	b.t.Helper()
	var p api.Problem
	w := b.must(status, method, path, body, &p, headers...)
	require.Equal(b.t, api.ProblemType, w.Header().Get("Content-Type"))
	require.Equal(b.t, status, p.Status)
	require.NotEmpty(b.t, p.Detail)
	return p
}

// furnish makes two hosts, a guest, a wire and a tap service of each type.
func (b *bench) furnish() {
	b.t.Helper()
	for _, r := range []struct{ path, body string }{
		{"hosts", `{"name":"h1","ovsdb":"tcp:192.0.2.1:6640","tunnel_ip":"192.0.2.1",` +
			`"nics":[{"name":"eth3","mac":"52:54:00:00:00:33"}]}`},
		{"hosts", `{"name":"h2","ovsdb":"tcp:192.0.2.2:6640"}`},
		{"guests", `{"id":"vm-1","name":"vm1","nics":[{"mac":"52:54:00:00:00:01","ip":"10.0.0.1",` +
			`"ifname":"vnet0"}]}`},
		{"wires", `{"name":"net0","bridges":{"h1":"br0","h2":"br0"}}`},
		{"tap_services", `{"name":"ids","type":"guest","target_id":"vm1"}`},
		{"tap_services",
			`{"name":"probe","type":"host","target_id":"h1","mac_addr":"52:54:00:00:00:33"}`},
	} {
		b.must(http.StatusCreated, http.MethodPost, "/api/v1/"+r.path, r.body, nil)
	}
}

func TestRoutesAndDocumentAreEqual(t *testing.T) {
	b := newBench(t)
	var documented []string
	for path, item := range b.doc.Paths.Map() {
		for method := range item.Operations() {
			documented = append(documented, method+" "+strings.ReplaceAll(path, "{ref}", ":ref"))
		}
	}
	served := slices.DeleteFunc(server.Routes(server.Config{Engine: b.engine}),
		func(route string) bool { return strings.HasPrefix(route, "GET /ui") }) // the page
	sort.Strings(documented)
	sort.Strings(served)
	require.Equal(t, documented, served)
}

func TestDocumentIsValid(t *testing.T) {
	doc, err := document()
	require.NoError(t, err)
	require.NoError(t, doc.Validate(t.Context()))
}

func TestToken(t *testing.T) {
	b := newBench(t)
	for name, tc := range map[string]struct {
		path, header string
		want         int
	}{
		"right":                   {"/api/v1/hosts", "Bearer " + token, http.StatusOK},
		"scheme in any case":      {"/api/v1/hosts", "bearer " + token, http.StatusOK},
		"missing":                 {"/api/v1/hosts", "", http.StatusUnauthorized},
		"wrong":                   {"/api/v1/hosts", "Bearer other", http.StatusUnauthorized},
		"a part of it":            {"/api/v1/hosts", "Bearer s3cre", http.StatusUnauthorized},
		"empty":                   {"/api/v1/hosts", "Bearer ", http.StatusUnauthorized},
		"another scheme":          {"/api/v1/hosts", "Basic " + token, http.StatusUnauthorized},
		"metrics want it":         {"/metrics", "", http.StatusUnauthorized},
		"the stream wants it":     {"/api/v1/watch", "", http.StatusUnauthorized},
		"unknown paths want it":   {"/api/v2/hosts", "", http.StatusUnauthorized},
		"health does not":         {"/healthz", "", http.StatusOK},
		"readiness does not":      {"/readyz", "", http.StatusOK},
		"the document does not":   {"/openapi.json", "", http.StatusOK},
		"a wrong one for health":  {"/healthz", "Bearer other", http.StatusOK},
		"metrics with it":         {"/metrics", "Bearer " + token, http.StatusOK},
		"unknown path with it":    {"/api/v2/hosts", "Bearer " + token, http.StatusNotFound},
		"trailing slash is no id": {"/api/v1/hosts/", "Bearer " + token, http.StatusNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			w := b.send(http.MethodGet, tc.path, "", "Authorization", tc.header)
			require.Equal(t, tc.want, w.Code, w.Body.String())
			if tc.want == http.StatusUnauthorized {
				require.Contains(t, w.Header().Get("WWW-Authenticate"), "Bearer")
				require.Contains(t, w.Body.String(), "admin.token")
			}
		})
	}
}

func TestWithoutATokenNobodyIsLetIn(t *testing.T) {
	h := server.New(server.Config{Engine: servertest.New()})
	for _, header := range []string{"", "Bearer", "Bearer "} {
		r := httptest.NewRequest(http.MethodGet, "/api/v1/hosts", nil)
		r.Header.Set("Authorization", header)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		require.Equal(t, http.StatusUnauthorized, w.Code, "%q", header)
	}
}

func TestHealth(t *testing.T) {
	b := newBench(t)
	var h api.Health
	b.must(http.StatusOK, http.MethodGet, "/healthz", "", &h)
	require.Equal(t, api.Health{Status: "ok", Version: "1.2.3"}, h)

	b.engine.SetReady(errors.New("the plugin is starting"))
	p := b.problem(http.StatusServiceUnavailable, http.MethodGet, "/readyz", "")
	require.Contains(t, p.Detail, "plugin: the plugin is starting")
	require.Contains(
		t,
		p.Parts,
		api.Part{Name: "plugin", Status: api.PartFailed, Detail: "the plugin is starting"},
	)
	require.Contains(t, p.Parts, api.Part{Name: "audit", Status: api.PartOK})
	b.must(http.StatusOK, http.MethodGet, "/healthz", "", nil)
}

func TestMetricsAndDocument(t *testing.T) {
	b := newBench(t)
	require.Equal(
		t,
		"tapline_up 1\n",
		b.must(http.StatusOK, http.MethodGet, "/metrics", "", nil).Body.String(),
	)

	var doc struct {
		OpenAPI string
		Paths   map[string]any
	}
	b.must(http.StatusOK, http.MethodGet, "/openapi.json", "", &doc)
	require.Equal(t, "3.0.3", doc.OpenAPI)
	require.Contains(t, doc.Paths, "/api/v1/tap_flows/{ref}/enable")

	h := server.New(server.Config{Engine: b.engine, Token: []byte(token)})
	r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	require.Equal(t, http.StatusNotFound, w.Code)
}

func TestMethodNotAllowed(t *testing.T) {
	b := newBench(t)
	w := b.send(http.MethodPut, "/api/v1/hosts", "{}")
	require.Equal(t, http.StatusMethodNotAllowed, w.Code)
	require.Equal(t, "OPTIONS, GET, POST, HEAD", w.Header().Get("Allow"))
	r := httptest.NewRequest(http.MethodOptions, "/api/v1/hosts", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	w = httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	require.Equal(t, http.StatusNoContent, w.Code)
	require.Equal(t, "OPTIONS, GET, POST, HEAD", w.Header().Get("Allow"))
	require.Equal(
		t,
		"OPTIONS, GET",
		b.send(http.MethodPost, "/api/v1/watch", "").Header().Get("Allow"),
		"a stream has no head",
	)
}

func TestAPanicIsOne500(t *testing.T) {
	b := newBench(t)
	b.handler = server.New(
		server.Config{
			Token:  []byte(token),
			Engine: panicking{b.engine},
			Logger: slog.New(slog.NewTextHandler(b.log, nil)),
		},
	)
	p := b.problem(http.StatusInternalServerError, http.MethodGet, "/api/v1/hosts/h1", "")
	require.NotContains(t, p.Detail, "out of order", "internals stay in the log")
	require.Contains(t, b.log.String(), "out of order")
}

func TestNamesWithSpecialCharacters(t *testing.T) {
	b := newBench(t)
	for i, name := range []string{"a b", "采集 1", "50%", "q?x=1", "...", "a#b", "enable"} {
		body, err := json.Marshal(
			api.GuestCreate{
				Name: name,
				NICs: []api.GuestNICCreate{{MAC: fmt.Sprintf("52:54:00:00:00:%02x", i)}},
			},
		)
		require.NoError(t, err)
		b.must(http.StatusCreated, http.MethodPost, "/api/v1/guests", string(body), nil)
		var g api.Guest
		b.must(http.StatusOK, http.MethodGet, "/api/v1/guests/"+url.PathEscape(name), "", &g)
		require.Equal(t, name, g.Name)
		encoded := ""
		for _, octet := range []byte(name) {
			encoded += fmt.Sprintf("%%%02x", octet)
		}
		b.must(http.StatusOK, http.MethodGet, "/api/v1/guests/"+encoded, "", &g)
		require.Equal(t, name, g.Name, "encoded more than need be, as many clients do")
	}
	b.must(
		http.StatusCreated,
		http.MethodPost,
		"/api/v1/guests",
		`{"name":"watch","nics":[{"mac":"52:54:00:00:00:98"}]}`,
		nil,
	)
	head := httptest.NewRequest(http.MethodHead, "/api/v1/guests/watch", nil)
	head.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, head)
	require.Equal(t, http.StatusOK, w.Code, "it is not the stream")
	for _, name := range []string{"a/b", "-x", ".", "..", " a", "a ", "a\tb"} {
		body, err := json.Marshal(
			api.GuestCreate{Name: name, NICs: []api.GuestNICCreate{{MAC: "52:54:00:00:00:99"}}},
		)
		require.NoError(t, err)
		require.Equal(
			t,
			"name",
			b.problem(http.StatusBadRequest, http.MethodPost, "/api/v1/guests", string(body)).Field,
			"%q",
			name,
		)
	}
}
