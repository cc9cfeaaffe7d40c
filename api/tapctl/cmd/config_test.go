package cmd_test

import (
	"encoding/json"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api/server"
	"github.com/tapline-sdn/tapline/api/tapctl/cmd"
	"github.com/tapline-sdn/tapline/controller/config"
)

// TestGetConfig: what is printed, in either form, is a file that means the same.
func TestGetConfig(t *testing.T) {
	d := newDesk(t)
	require.Contains(t, d.fails(cmd.ExitFailed, "get-config"), "this controller has no configuration")
	c, err := config.Load("../../../controller/config/testdata/full.good.yml")
	require.NoError(t, err)
	here, err := os.Getwd()
	require.NoError(t, err)
	text, err := c.Encode(here)
	require.NoError(t, err)
	srv := httptest.NewServer(server.New(server.Config{
		Engine: d.engine, Token: []byte(token), Settings: func() (json.RawMessage, error) { return text, nil },
	}))
	t.Cleanup(srv.Close)
	d.env["TAPLINE_SERVER"] = srv.URL
	require.Equal(t, d.must("get-config"), d.must("get-config -o yaml"))
	for _, form := range []string{"yaml", "json"} {
		got, err := config.Load(d.file(d.must("get-config -o " + form)))
		require.NoError(t, err, form)
		again, err := got.Encode(here)
		require.NoError(t, err)
		require.Equal(t, string(text), string(again), form)
	}
	require.Contains(t, d.fails(cmd.ExitUsage, "get-config -o table"), "want yaml or json")
}
