package server_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/controller/access"
)

func TestWhoami(t *testing.T) {
	b := newBench(t)
	secret := b.newToken("eve", access.Viewer)

	var id api.Identity
	b.must(http.StatusOK, http.MethodGet, "/api/v1/whoami", "", &id,
		"Authorization", "Bearer "+secret)
	require.Equal(t, "eve", id.Name)
	require.Equal(t, "token", id.Type)
	require.Equal(t, "viewer", id.Role)
}

// TestPageIsForEverybody: the page needs no token; what it shows does.
func TestPageIsForEverybody(t *testing.T) {
	b := newBench(t)
	get := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		b.handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w
	}

	require.Equal(t, http.StatusOK, get("/ui/").Code)
	require.Equal(t, http.StatusOK, get("/ui/main.js").Code)
	require.Equal(t, http.StatusNotFound, get("/ui/none.js").Code)
	require.Equal(t, http.StatusUnauthorized, get("/uix").Code)
	require.Equal(t, http.StatusUnauthorized, get("/api/v1/whoami").Code)

	w := get("/ui")
	require.Equal(t, http.StatusFound, w.Code)
	require.Equal(t, "ui/", w.Header().Get("Location"), "a proxy may offer it under a path")
}
