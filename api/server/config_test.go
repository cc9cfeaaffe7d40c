package server_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api/server"
	"github.com/tapline-sdn/tapline/controller/access"
	"github.com/tapline-sdn/tapline/controller/config"
)

// TestConfig holds every setting of the file against the document.
func TestConfig(t *testing.T) {
	b := newBench(t)
	b.problem(http.StatusNotFound, http.MethodGet, "/api/v1/config", "")
	secret := b.newToken("op", access.Operator)
	b.problem(
		http.StatusForbidden,
		http.MethodGet,
		"/api/v1/config",
		"",
		"Authorization",
		"Bearer "+secret,
	)
	full, err := config.Load("../../controller/config/testdata/full.good.yml")
	require.NoError(t, err)
	for _, c := range []*config.Config{config.Default(), full} {
		var failure error
		text, err := c.Encode("/srv")
		require.NoError(t, err)
		b.handler = server.New(server.Config{
			Engine: b.engine, Token: []byte(token),
			Settings: func() (json.RawMessage, error) { return text, failure },
		})
		w := b.must(http.StatusOK, http.MethodGet, "/api/v1/config", "", nil)
		require.JSONEq(t, string(text), w.Body.String())
		failure = errors.New("the plugin's configuration is no JSON")
		b.problem(http.StatusInternalServerError, http.MethodGet, "/api/v1/config", "")
	}
}
