package cli_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/server"
	"github.com/tapline-sdn/tapline/api/tapctl/cli"
	"github.com/tapline-sdn/tapline/api/tapctl/tapctltest"
)

func TestTheFirstServerThatCanBeReachedIsUsed(t *testing.T) {
	d := tapctltest.New(t)
	d.Env["TAPLINE_SERVER"] = "127.0.0.1:1, " + d.Server.URL + ",127.0.0.1:2"
	d.Must("guest-create", "vm 1 a%2F?", "--nic", "mac=52:54:00:00:00:01")
	require.Contains(t, d.Must("guest-show", "vm 1 a%2F?"), "vm 1 a%2F?", "paths stay as they are")
	require.Equal(t, "1\n", d.Must("guest-list --limit 1 -o jsonpath={.total}"), "queries too")

	require.Contains(t, d.Fails(cli.ExitFailed, "guest-show nobody"),
		"where: GET "+d.Server.URL+"/api/v1/guests/nobody answered 404")

	d.Env["TAPLINE_SERVER"] = "127.0.0.1:1,127.0.0.1:2"
	stderr := d.Fails(cli.ExitFailed, "guest-list")
	require.Contains(t, stderr, "127.0.0.1:1: ")
	require.Contains(t, stderr, "127.0.0.1:2: ")
	require.Contains(t, stderr, "check that the controller runs")
}

// TestARequestIsNotSentTwice has the first server hang up in the middle of a request: it may have
// taken effect, so no other server gets it.
func TestARequestIsNotSentTwice(t *testing.T) {
	hangUp := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			_ = conn.Close()
		}
	}))

	t.Cleanup(hangUp.Close)

	d := tapctltest.New(t)
	d.Furnish()
	d.Env["TAPLINE_SERVER"] = hangUp.URL + "," + d.Server.URL
	d.Fails(cli.ExitFailed, "tap-service-enable ids")
	for _, s := range d.Engine.Services() {
		require.False(t, s.Enabled, s.Name)
	}
}

// TestNextServerWithoutALeader: a server that says that no replica leads has done nothing, so the
// next one gets the request, and all are asked again until one leads.
func TestNextServerWithoutALeader(t *testing.T) {
	d := tapctltest.New(t)
	d.Furnish()
	var asked, refused atomic.Int32
	front := func(ok func() bool) *httptest.Server {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			if ok() {
				d.Server.Config.Handler.ServeHTTP(w, r)
				return
			}
			refused.Add(1)
			server.RefuseWithoutLeader(w, r, api.NoLeader, "no replica leads at the moment")
		}))
		t.Cleanup(s.Close)
		return s
	}

	never := front(func() bool { return false })
	later := front(func() bool { return asked.Load() > 4 })
	d.Env["TAPLINE_SERVER"] = never.URL + "," + later.URL
	d.Must("tap-service-disable ids")
	require.Positive(t, refused.Load())
}

// TestReadsAreSentTwice has the first server hang up: a request that only reads goes to the next.
func TestReadsAreSentTwice(t *testing.T) {
	hangUp := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		panic(http.ErrAbortHandler)
	}))
	t.Cleanup(hangUp.Close)

	d := tapctltest.New(t)
	d.Furnish()
	d.Env["TAPLINE_SERVER"] = hangUp.URL + "," + d.Server.URL
	require.Contains(t, d.Must("tap-service-list"), "ids")
}

func TestServersBehindAProxyHavePaths(t *testing.T) {
	var paths []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		paths = append(paths, r.URL.RequestURI())
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"hosts":[],"total":0}`))
	}))

	t.Cleanup(proxy.Close)

	d := tapctltest.New(t)
	d.Env["TAPLINE_SERVER"] = "http://127.0.0.1:1/first/," + proxy.URL + "/second"
	d.Must("host-list --name a")
	require.Equal(t, []string{"/second/api/v1/hosts?name=a"}, paths)
	require.NotContains(t, strings.Join(paths, ""), "first")
}
