package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

// Prefix is the path of the page. The page itself uses relative URLs alone, so it works at any
// path at which a proxy offers it.
const Prefix = "/ui/"

//go:embed static
var static embed.FS

// policy lets the page load its own files and talk to its own site, and nothing else. No script or
// style may be inline, no text may become HTML, and no other site may frame the page. Pictures may
// be blobs, since the map is saved as one.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
	"img-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types 'none'"

// types are the media types of the files, by extension. They do not depend on the machine's own
// table.
var types = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

// file is a file of the page, ready to be served.
type file struct {
	body      []byte
	mediaType string
	etag      string
}

// Handler serves the page. Paths of requests begin with [Prefix].
func Handler() http.Handler {
	files := load()

	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, below := strings.CutPrefix(r.URL.Path, Prefix)
		if name == "" {
			name = "index.html"
		}

		f, ok := files[name]
		if !ok || !below {
			http.NotFound(w, r)
			return
		}

		header := w.Header()
		header.Set("Content-Type", f.mediaType)
		header.Set("Content-Security-Policy", policy)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		// After an upgrade no old module may meet new ones: browsers ask each time.
		header.Set("Cache-Control", "no-cache")
		header.Set("ETag", f.etag)
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(f.body))
	})
}

// load reads the embedded files, by their path below static. It panics if one cannot be served,
// which the tests rule out.
func load() map[string]file {
	files := make(map[string]file)

	err := fs.WalkDir(static, "static", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}

		mediaType, ok := types[path.Ext(name)]
		if !ok {
			return fmt.Errorf("%s has no known media type", name)
		}

		body, err := static.ReadFile(name)
		if err != nil {
			return err
		}

		sum := sha256.Sum256(body)
		files[name[len("static/"):]] = file{body, mediaType, fmt.Sprintf(`"%x"`, sum[:8])}
		return nil
	})
	if err != nil {
		panic(fmt.Sprintf("api/web: the built-in page: %v", err))
	}

	return files
}
