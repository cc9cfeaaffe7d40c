package observe_test

import (
	"encoding/json"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api/server"
	"github.com/tapline-sdn/tapline/api/tapctl/cli"
	"github.com/tapline-sdn/tapline/api/tapctl/tapctltest"
	"github.com/tapline-sdn/tapline/controller/config"
)

// TestGetConfig: what is printed, in either form, is a file that means the same.
func TestGetConfig(t *testing.T) {
	d := tapctltest.New(t)
	require.Contains(t, d.Fails(cli.ExitFailed, "get-config"),
		"this controller has no configuration")

	c, err := config.Load("../../../controller/config/testdata/full.good.yml")
	require.NoError(t, err)
	here, err := os.Getwd()
	require.NoError(t, err)
	text, err := c.Encode(here)
	require.NoError(t, err)
	srv := httptest.NewServer(server.New(server.Config{
		Engine: d.Engine, Token: []byte(tapctltest.Token),
		Settings: func() (json.RawMessage, error) { return text, nil },
	}))

	t.Cleanup(srv.Close)
	d.Env["TAPLINE_SERVER"] = srv.URL
	require.Equal(t, d.Must("get-config"), d.Must("get-config -o yaml"))
	for _, form := range []string{"yaml", "json"} {
		got, err := config.Load(d.File(d.Must("get-config -o " + form)))
		require.NoError(t, err, form)
		again, err := got.Encode(here)
		require.NoError(t, err)
		require.Equal(t, string(text), string(again), form)
	}

	require.Contains(t, d.Fails(cli.ExitUsage, "get-config -o table"), "want yaml or json")
}
