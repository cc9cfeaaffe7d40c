package page

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/api/server"
	"github.com/tapline-sdn/tapline/api/server/servertest"
	"github.com/tapline-sdn/tapline/controller/access"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
	"github.com/tapline-sdn/tapline/testenv/browser"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// evil is a name that would run a script if anything took it for HTML.
const evil = `<img src=x onerror=alert(1)>`

const adminToken = "admin-token-of-this-test"

// site is a controller without switches, behind a proxy that offers it under a path.
type site struct {
	*browser.Browser
	engine *servertest.Engine
	api    *client.Client
	url    string      // of the page
	away   atomic.Bool // the proxy does not reach the controller

	backend *httptest.Server
}

// newSite starts a controller without resources, and a browser.
func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{Browser: browser.Start(t), engine: servertest.New()}
	keys, err := access.New(t.Context(), access.Config{Admin: []byte(adminToken)})
	require.NoError(t, err)

	s.backend = httptest.NewServer(server.New(server.Config{Engine: s.engine, Keys: keys,
		Rehearse: s.engine.Rehearse, Version: "1.2.3"}))
	target, err := url.Parse(s.backend.URL)
	require.NoError(t, err)
	proxy := &httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host
	}}
	offered := httptest.NewServer(http.StripPrefix("/cloud/tapline",
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if s.away.Load() {
				w.WriteHeader(http.StatusBadGateway)
				return
			}
			proxy.ServeHTTP(w, r)
		})))
	t.Cleanup(func() {
		s.Leave(t)
		offered.CloseClientConnections()
		s.backend.CloseClientConnections()
		offered.Close()
		s.backend.Close()
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	})

	s.url = offered.URL + "/cloud/tapline/ui/"
	s.api, err = client.New(client.Config{Server: s.backend.URL, Token: adminToken})
	require.NoError(t, err)
	return s
}

// login opens the page and logs in with a token.
func (s *site) login(t *testing.T, token string) {
	t.Helper()
	s.Open(t, s.url)
	s.Type(t, "#token", token)
	s.Click(t, "button", "Log in")
}

// openFlows logs in and opens the list of tap flows.
func (s *site) openFlows(t *testing.T, token string) {
	t.Helper()
	s.login(t, token)
	s.Click(t, "nav a", "Tap flows")
}

// furnish makes a host, guests, a service and flows. Some have names that are no HTML.
func (s *site) furnish(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	_, err := s.api.Hosts().Create(ctx, api.HostCreate{Name: "h1", OVSDB: "tcp:192.0.2.1:6640",
		Wires: map[string]string{"net0": "br0"}})
	require.NoError(t, err)
	for i, name := range []string{"web", "db", evil} {
		_, err := s.api.Guests().Create(ctx, api.GuestCreate{ID: fmt.Sprintf("guest-%d", i),
			Name: name, NICs: []api.GuestNICCreate{{MAC: fmt.Sprintf("52:54:00:00:00:0%d", i)}}})
		require.NoError(t, err)
	}
	_, err = s.api.TapServices().Create(ctx, api.TapServiceCreate{Name: "ids", Type: "guest",
		TargetID: "guest-1"})
	require.NoError(t, err)
	_, err = s.api.TapServices().Enable(ctx, "ids")
	require.NoError(t, err)
	for i, name := range []string{"web", evil[:len(evil)-1] + " >"} {
		_, err := s.api.TapFlows().Create(ctx, api.TapFlowCreate{Name: name, Type: "vnic",
			TapID: "ids", GuestID: fmt.Sprintf("guest-%d", 2*i), Description: evil})
		require.NoError(t, err)
	}
}

func TestLogin(t *testing.T) {
	s := newSite(t)
	s.furnish(t)
	s.Expect("401")

	s.login(t, "wrong")
	s.See(t, ".problem", "does not accept this token")
	s.CheckAccess(t, "login")

	s.Type(t, "#token", adminToken)
	s.Click(t, "button", "Log in")
	s.See(t, ".live", "Live")
	s.See(t, ".who", "admin")
	s.See(t, ".box-title", "h1")

	var stored string
	s.Eval(t, `JSON.stringify({...localStorage}) + document.cookie + location.href`, &stored)
	require.NotContains(t, stored, adminToken)

	s.Click(t, "button", "Log out")
	s.See(t, "label", "Token")
	s.Eval(t, `JSON.stringify({...sessionStorage})`, &stored)
	require.NotContains(t, stored, adminToken)
}

// TestRevoked shows that a token that is revoked ends the session at once.
func TestRevoked(t *testing.T) {
	s := newSite(t)
	s.Expect("401")
	made, err := s.api.Tokens().Create(t.Context(), api.TokenCreate{Name: "eve", Role: "viewer"})
	require.NoError(t, err)

	s.login(t, made.Secret)
	s.See(t, ".live", "Live")
	s.See(t, ".who", "eve (viewer)")
	s.SeeNot(t, "a", "Mirror a guest")

	require.NoError(t, s.api.Tokens().Delete(t.Context(), "eve"))
	s.See(t, ".problem", "does not accept your token any more")
}

// TestAway shows that the page says when it is not live, and goes on when the controller is back.
func TestAway(t *testing.T) {
	s := newSite(t)
	s.furnish(t)
	s.Expect("502")
	s.Expect("ERR_INCOMPLETE_CHUNKED_ENCODING")
	s.openFlows(t, adminToken)
	s.See(t, "td", "web")

	s.away.Store(true)
	s.backend.CloseClientConnections()
	s.See(t, ".live", "Not live")
	_, err := s.engine.CreateFlow(context.Background(), store.Flow{Flow: tap.Flow{Name: "meanwhile",
		Type: tap.FlowVNIC, TapID: "ids", GuestID: "guest-1", Direction: tap.Both}})
	require.NoError(t, err)

	s.away.Store(false)
	s.See(t, ".live", "Live")
	s.See(t, "td", "meanwhile")
}
