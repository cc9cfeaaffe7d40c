package web_test

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api/web"
)

func get(path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}

	w := httptest.NewRecorder()
	web.Handler().ServeHTTP(w, r)
	return w
}

func TestHandler(t *testing.T) {
	w := get("/ui/")
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, "text/html; charset=utf-8", w.Header().Get("Content-Type"))
	policy := w.Header().Get("Content-Security-Policy")
	require.Contains(t, policy, "default-src 'none'")
	require.Contains(t, policy, "require-trusted-types-for 'script'")
	require.NotContains(t, policy, "unsafe")

	again := get("/ui/", "If-None-Match", w.Header().Get("ETag"))
	require.Equal(t, http.StatusNotModified, again.Code)

	script := get("/ui/main.js").Header().Get("Content-Type")
	require.Equal(t, "text/javascript; charset=utf-8", script)
	for _, path := range []string{"/ui/none", "/ui/view", "/ui/../web.go", "/u"} {
		require.Equal(t, http.StatusNotFound, get(path).Code, path)
	}
}

// forbidden is what the page's sources must not have: ways from text to HTML or code, and files of
// other sites.
var forbidden = regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|` +
	`\beval\(|new Function|DOMParser|localStorage|document\.cookie|<script(?:>| [^>]*>[^<])|` +
	`(?:from|import) ['"(]*https?:|\son[a-z]+="`)

// TestSources: the page has no way to take a name for HTML, and loads nothing from elsewhere.
func TestSources(t *testing.T) {
	seen := 0
	err := fs.WalkDir(os.DirFS("static"), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}

		seen++
		text, err := os.ReadFile("static/" + name)
		require.NoError(t, err)
		require.Empty(t, forbidden.FindAllString(string(text), -1), name)
		if strings.HasSuffix(name, ".js") {
			require.Less(t, strings.Count(string(text), "\n"), 400, "%s is too long", name)
		}
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, seen, 10)
}
