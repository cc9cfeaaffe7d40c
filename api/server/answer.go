package server

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/redact"
	"github.com/tapline-sdn/tapline/api/server/problem"
)

// recorded is an answer that can be sent more than once.
type recorded struct {
	etag, location string
	body           []byte
}

// record encodes an answer. Its ETag is "REVISION-DIGEST": If-Match compares the revision, which is
// that of the record. The digest is that of the whole answer, since a status changes without its
// record. Without a revision the tag is weak: only reads can be conditional on it.
func record(v any, revision uint64) (*recorded, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}

	return &recorded{etag: tagOf(body, revision), body: append(body, '\n')}, nil
}

func tagOf(body []byte, revision uint64) string {
	sum := sha256.Sum256(body)
	if revision == 0 {
		return fmt.Sprintf(`W/"%x"`, sum[:6])
	}

	return fmt.Sprintf(`"%d-%x"`, revision, sum[:6])
}

func (a *recorded) send(c echo.Context, status int) error {
	a.setHeader(c)
	c.Response().Header().Set(echo.HeaderContentLength, strconv.Itoa(len(a.body)))

	return c.Blob(status, echo.MIMEApplicationJSON, a.body)
}

// setHeader lets caches keep the answer, if they ask each time whether it still holds.
func (a *recorded) setHeader(c echo.Context) {
	header := c.Response().Header()
	header.Set(echo.HeaderCacheControl, "private, no-cache")
	header.Set("ETag", a.etag)
	if a.location != "" {
		header.Set(echo.HeaderLocation, a.location)
	}
}

// sendIfChanged answers 304 to a client that has the answer already (RFC 9110, section 13.1.2).
func (a *recorded) sendIfChanged(c echo.Context) error {
	for _, list := range c.Request().Header.Values("If-None-Match") {
		for tag := range strings.SplitSeq(list, ",") {
			if tag = strings.TrimSpace(tag); tag == "*" || opaque(tag) == opaque(a.etag) {
				a.setHeader(c)
				return c.NoContent(http.StatusNotModified)
			}
		}
	}

	return a.send(c, http.StatusOK)
}

// opaque returns a tag without its weakness mark. Weak comparison ignores the mark (RFC 9110,
// 8.8.3.2).
func opaque(tag string) string { return strings.TrimPrefix(tag, "W/") }

// answer writes JSON that caches do not keep.
func answer(c echo.Context, status int, body any) error {
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")

	return c.JSON(status, body)
}

// answerError answers an error as a problem. It is echo's HTTPErrorHandler.
func (s *server) answerError(err error, c echo.Context) {
	p, internal := problem.Of(err)
	if internal {
		s.log.Error("request failed", "method", c.Request().Method, "path", path(c), "error", err)
	}
	if c.Response().Committed {
		return
	}

	p.Instance = pathOf(c.Request())
	if err := writeProblem(c.Response(), p); err != nil {
		s.log.Debug("the answer could not be written", "error", err)
	}
}

// pathOf is a request's path as a problem shows it.
func pathOf(r *http.Request) string { return redact.Tokens(r.URL.EscapedPath()) }

// writeProblem answers with a problem.
func writeProblem(w http.ResponseWriter, p api.Problem) error {
	body, err := json.Marshal(p)
	if err != nil {
		return err
	}

	header := w.Header()
	header.Set(echo.HeaderContentType, api.ProblemType)
	if p.Status == http.StatusServiceUnavailable || p.Type == api.InProgress {
		header.Set(echo.HeaderRetryAfter, "1")
	}
	if p.Code == api.NoLeader {
		header.Set(api.CodeHeader, p.Code)
	}
	w.WriteHeader(p.Status)
	_, err = w.Write(body)
	return err
}
