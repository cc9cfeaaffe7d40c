package client_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/api/server"
	"github.com/tapline-sdn/tapline/api/server/servertest"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const token = "s3cret"

func dial(t *testing.T, h http.Handler, cfg client.Config) *client.Client {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	cfg.Server, cfg.HTTPClient = srv.URL+"/", &http.Client{Transport: transport}
	if cfg.Token == "" {
		cfg.Token = token
	}
	c, err := client.New(cfg)
	require.NoError(t, err)
	return c
}

func newController(t *testing.T) (*servertest.Engine, *client.Client) {
	t.Helper()
	e := servertest.New()
	return e, dial(
		t,
		server.New(server.Config{Engine: e, Token: []byte(token), Version: "1"}),
		client.Config{},
	)
}

func TestVerbs(t *testing.T) {
	e, c := newController(t)
	ctx := t.Context()
	_, err := c.Hosts().Create(ctx, api.HostCreate{Name: "h1/2", OVSDB: "unix:/x"})
	require.True(t, client.IsStatus(err, http.StatusBadRequest), "%v", err)
	h, err := c.Hosts().Create(ctx, api.HostCreate{Name: "h1", OVSDB: "unix:/x"})
	require.NoError(t, err)
	same, err := c.Hosts().Get(ctx, "h1")
	require.NoError(t, err)
	require.Equal(t, h, same)
	require.NotEmpty(t, h.ETag)
	odd, err := c.Guests().
		Create(ctx, api.GuestCreate{Name: "vm 0%?#",
			NICs: []api.GuestNICCreate{{MAC: "52:54:00:00:00:09"}}})
	require.NoError(t, err)
	again, err := c.Guests().Get(ctx, "vm 0%?#")
	require.NoError(t, err)
	require.Equal(t, odd, again)

	_, err = c.Guests().
		Create(ctx, api.GuestCreate{Name: "vm1",
			NICs: []api.GuestNICCreate{{MAC: "52:54:00:00:00:01"}}})
	require.NoError(t, err)
	s, err := c.TapServices().
		Create(ctx, api.TapServiceCreate{Name: "ids", Type: "guest", TargetID: "vm1"})
	require.NoError(t, err)
	e.SetHealth(s.ID, tap.StateReady, "")
	s, err = c.TapServices().Enable(ctx, "ids", client.Wait(time.Minute))
	require.NoError(t, err)
	require.Equal(t, api.Ready, s.Status)

	_, err = c.TapServices().
		Update(ctx, "ids", api.TapServicePatch{Name: new("other")}, client.IfMatch(`"1"`))
	require.True(t, client.IsStatus(err, http.StatusPreconditionFailed), "%v", err)
	s, err = c.TapServices().
		Update(ctx, "ids", api.TapServicePatch{Name: new("other")}, client.IfMatch(s.ETag))
	require.NoError(t, err)
	s, err = c.TapServices().Disable(ctx, "other")
	require.NoError(t, err)
	require.False(t, s.Enabled)

	for _, name := range []string{"b", "a", "c"} {
		_, err = c.TapFlows().
			Create(ctx, api.TapFlowCreate{Name: name, TapID: "other", Type: "vnic", GuestID: "vm1"})
		require.NoError(t, err)
	}
	list, err := c.TapFlows().
		List(ctx, client.Where("tap_id", "other"), client.OrderBy("name", true), client.Page(2, 1))
	require.NoError(t, err)
	require.Equal(t, 3, list.Total)
	require.Equal(t, "b", list.TapFlows[0].Name)
	require.Len(t, list.TapFlows, 2)

	var refused *client.Error
	require.ErrorAs(t, c.TapServices().Delete(ctx, "other"), &refused)
	require.Equal(t, http.StatusConflict, refused.Problem.Status)
	require.NoError(t, c.TapFlows().Delete(ctx, "a"))
	_, err = c.Wires().
		Update(ctx, "net0", api.WirePatch{Bridges: map[string]*string{h.ID: new("br0")}})
	require.NoError(t, err)

	health, err := c.Health(ctx)
	require.NoError(t, err)
	require.Equal(t, "1", health.Version)
	require.NoError(t, c.Ready(ctx))
	e.SetReady(errors.New("starting"))
	require.ErrorContains(t, c.Ready(ctx), "starting")
}

func TestAnswersOfOthers(t *testing.T) {
	for name, tc := range map[string]struct {
		handler http.HandlerFunc
		want    string
		status  int
	}{
		"a proxy's page": {func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "<html>", http.StatusBadGateway)
		},
			"does not come from a tapline controller", http.StatusBadGateway},
		"a status that lies": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", api.ProblemType)
			w.WriteHeader(http.StatusConflict)
			_, _ = w.Write([]byte(`{"status":200,"detail":"taken"}`))
		}, "taken", http.StatusConflict},
		"a page": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("<html>"))
		}, "not what a tapline controller says", 0},
		"nothing": {func(http.ResponseWriter, *http.Request) {
			panic(http.ErrAbortHandler)
		}, "EOF", 0},
		"too late": {func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
		}, "deadline", 0},
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, tc.handler, client.Config{Timeout: 200 * time.Millisecond})
			_, err := c.Hosts().Get(t.Context(), "h1")
			require.ErrorContains(t, err, tc.want)
			require.ErrorContains(t, err, "/api/v1/hosts/h1")
			require.Equal(t, tc.status != 0, client.IsStatus(err, tc.status))
		})
	}
}

func TestNew(t *testing.T) {
	for _, bad := range []client.Config{
		{Server: ""}, {Server: "127.0.0.1:8640"}, {Server: "ftp://x"}, {Server: "http://"},
		{Server: "http://x", Token: "a\nb"},
	} {
		_, err := client.New(bad)
		require.Error(t, err, "%+v", bad)
	}
}
