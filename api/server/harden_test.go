package server_test

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/server"
	"github.com/tapline-sdn/tapline/controller/access"
	"github.com/tapline-sdn/tapline/controller/engine/forecast"
)

func TestCrossSiteRequestsAreRefused(t *testing.T) {
	b := newBench(t)
	b.furnish()
	b.handler = server.New(server.Config{
		Engine: b.engine, Token: []byte(token), Origins: []string{"https://console.example",
			"junk"},
	})

	const path = "/api/v1/tap_services/ids/enable"
	cross := []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}
	require.Contains(t, b.problem(403, "POST", path, "", cross...).Detail, "another site")
	require.Equal(t, api.Disabled, serviceStatus(b, "ids"), "nothing was changed")

	b.must(200, "GET", "/api/v1/tap_services/ids", "", nil, cross...)
	b.must(200, "POST", path, "", nil, "Sec-Fetch-Site", "same-origin", "Origin",
		"https://a.example")
	b.must(200, "POST", path, "", nil,
		"Sec-Fetch-Site", "cross-site", "Origin", "https://console.example")
	b.must(200, "POST", path, "", nil)

	// A browser without Sec-Fetch-Site still sends Origin.
	b.problem(403, "POST", path, "", "Origin", "https://evil.example")
}

func serviceStatus(b *bench, name string) api.Status {
	b.t.Helper()
	var s api.TapService
	b.must(200, "GET", "/api/v1/tap_services/"+name, "", &s)

	return s.Status
}

func TestCheckOrigin(t *testing.T) {
	require.NoError(t, server.CheckOrigin("https://tapline.example:8640"))
	for _, bad := range []string{"", "tapline.example", "https://tapline.example/ui", "https://"} {
		require.Error(t, server.CheckOrigin(bad), bad)
	}
}

func TestLongAnswersAreCompressedWhenAsked(t *testing.T) {
	b := newBench(t)
	b.furnish()
	for _, name := range strings.Split("abcdefghijklmnop", "") {
		b.must(201, "POST", "/api/v1/tap_flows",
			`{"name":"`+name+`","type":"vnic","guest_id":"vm1","tap_id":"ids"}`, nil)
	}

	get := func(path, encoding string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", path, nil)
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Accept-Encoding", encoding)
		w := httptest.NewRecorder()
		b.handler.ServeHTTP(w, r)
		require.Equal(t, 200, w.Code)
		return w
	}

	plain := get("/api/v1/tap_flows", "identity")
	require.Empty(t, plain.Header().Get("Content-Encoding"))

	packed := get("/api/v1/tap_flows", "gzip, br")
	require.Equal(t, "gzip", packed.Header().Get("Content-Encoding"))
	require.Contains(t, packed.Header().Get("Vary"), "Accept-Encoding")
	require.Equal(t, plain.Header().Get("ETag"), packed.Header().Get("ETag"))
	require.Less(t, packed.Body.Len(), plain.Body.Len()/4)
	reader, err := gzip.NewReader(packed.Body)
	require.NoError(t, err)
	text, err := io.ReadAll(reader)
	require.NoError(t, err)
	require.Equal(t, plain.Body.String(), string(text))

	require.Empty(t, get("/api/v1/tap_flows/a", "gzip").Header().Get("Content-Encoding"), "short")
}

func TestAWholeResourceIsAPatch(t *testing.T) {
	b := newBench(t)
	b.furnish()
	b.must(201, "POST", "/api/v1/tap_flows",
		`{"name":"web","type":"vnic","guest_id":"vm1","tap_id":"ids"}`, nil)

	for _, path := range []string{
		"hosts/h1", "guests/vm1", "wires/net0", "tap_services/ids", "tap_flows/web",
	} {
		t.Run(path, func(t *testing.T) {
			b.t = t
			before := b.must(200, "GET", "/api/v1/"+path, "", nil)
			after := b.must(200, "PATCH", "/api/v1/"+path, before.Body.String(), nil)
			require.Equal(t, before.Body.String(), after.Body.String())
			require.Equal(t, before.Header().Get("ETag"), after.Header().Get("ETag"))
		})
	}
	b.t = t

	whole := func(path string, edit func(map[string]any)) string {
		var object map[string]any
		b.must(200, "GET", "/api/v1/"+path, "", &object)
		edit(object)
		text, err := json.Marshal(object)
		require.NoError(t, err)
		return string(text)
	}

	var f api.TapFlow
	b.must(200, "PATCH", "/api/v1/tap_flows/web", whole("tap_flows/web", func(o map[string]any) {
		o["direction"] = "IN"
		o["status"], o["reason"] = "error", "as it was a while ago"
	}), &f)
	require.Equal(t, "IN", f.Direction)
	require.Zero(t, f.VLANID)

	var h api.Host
	b.must(200, "PATCH", "/api/v1/hosts/h1", whole("hosts/h1", func(o map[string]any) {
		o["wires"].(map[string]any)["net9"] = "br9"
	}), &h)
	require.Equal(t, "br9", h.Wires["net9"])

	p := b.problem(400, "PATCH", "/api/v1/tap_flows/web",
		whole("tap_flows/web", func(o map[string]any) { o["type"] = "vswitch" }))
	require.Equal(t, "type", p.Field)
	p = b.problem(400, "PATCH", "/api/v1/tap_flows/web",
		whole("tap_flows/web", func(o map[string]any) { o["id"] = "another" }))
	require.Contains(t, p.Detail, "id: cannot be changed")
}

func TestPlansAreForOperatorsOneAtATime(t *testing.T) {
	b := newBench(t)
	b.furnish()
	const body = `{"changes":[{"action":"enable","kind":"tap_service","ref":"ids"}]}`
	viewer := "Bearer " + b.newToken("board", access.Viewer)
	operator := "Bearer " + b.newToken("ops", access.Operator)
	b.problem(403, "POST", "/api/v1/plan", body, "Authorization", viewer)
	b.must(200, "POST", "/api/v1/plan", body, nil, "Authorization", operator)

	begun, release := make(chan struct{}), make(chan struct{})
	keys, err := access.New(t.Context(), access.Config{Admin: []byte(token)})
	require.NoError(t, err)
	b.handler = server.New(server.Config{
		Engine: b.engine, Keys: keys,
		Rehearse: func(context.Context, func(context.Context, server.Resources) error) (
			forecast.Forecast, error,
		) {
			begun <- struct{}{}
			<-release
			return forecast.Forecast{}, nil
		},
	})

	done := make(chan int)
	go func() { done <- b.send("POST", "/api/v1/plan", body).Code }()
	<-begun
	w := b.send("POST", "/api/v1/plan", body)
	require.Equal(t, 429, w.Code)
	require.Equal(t, "1", w.Header().Get("Retry-After"))
	close(release)
	require.Equal(t, 200, <-done)
}

func TestIdempotencyKeysAreOfATokenEach(t *testing.T) {
	b := newBench(t)
	operator := "Bearer " + b.newToken("ops", access.Admin)
	b.must(201, "POST", "/api/v1/hosts", newHost, nil, "Idempotency-Key", "k")

	other := `{"name":"other","ovsdb":"unix:/y"}`
	w := b.must(201, "POST", "/api/v1/hosts", other, nil,
		"Idempotency-Key", "k", "Authorization", operator)
	require.Empty(t, w.Header().Get("Idempotency-Replayed"))
	w = b.must(201, "POST", "/api/v1/hosts", newHost, nil, "Idempotency-Key", "k")
	require.Equal(t, "true", w.Header().Get("Idempotency-Replayed"))
}

func TestReadinessTellsDetailsToNobodyUnknown(t *testing.T) {
	b := newBench(t)
	b.engine.SetReady(errors.New("/usr/lib/tapline/tapline-mirror has ended"))

	p := b.problem(503, "GET", "/readyz", "", "Authorization", "")
	require.Equal(t, "not ready: plugin", p.Detail)
	for _, part := range p.Parts {
		require.Empty(t, part.Detail, part.Name)
	}
	require.NotContains(t, b.problem(503, "GET", "/readyz", "", "Authorization", "Bearer x").Detail,
		"/usr")

	require.Contains(t, b.problem(503, "GET", "/readyz", "").Detail, "/usr/lib/tapline")
}

func TestEmptyListsAndInstances(t *testing.T) {
	b := newBench(t)
	require.Contains(t, b.must(200, "GET", "/api/v1/tokens?name=none", "", nil).Body.String(),
		`"tokens":[]`)

	p := b.problem(404, "GET", "/api/v1/hosts/a%20b%2Fc", "")
	require.Equal(t, "/api/v1/hosts/a%20b%2Fc", p.Instance)
}

func TestAFloodOfRefusalsIsSummed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		withAudit(t, b)
		operator := b.newToken("ops", access.Operator)
		for range 300 {
			b.problem(404, "DELETE", "/api/v1/tap_flows/none", "", "Authorization",
				"Bearer "+operator)
		}
		time.Sleep(11 * time.Second)
		b.audited("")

		records := b.audited("actor=ops&limit=1000")
		require.Less(t, len(records), 20)
		sum := 0
		for _, r := range records {
			require.Equal(t, "refused", r.Outcome)
			sum += r.Count
		}
		require.Equal(t, 300, sum)
	})
}
