package cli_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

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
