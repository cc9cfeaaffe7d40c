package server

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"
)

// recorded is an answer: what is sent, and may be sent again.
type recorded struct {
	etag, location string
	body           []byte
}

// record encodes an answer. Its ETag is "REVISION-DIGEST": the revision is that of the record, which If-Match looks at, and the
// digest that of the whole answer, since a status changes without its record. Without a revision the tag is weak: nothing can
// be made conditional on it but reading.
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
	a.head(c)
	c.Response().Header().Set(echo.HeaderContentLength, strconv.Itoa(len(a.body)))
	return c.Blob(status, echo.MIMEApplicationJSON, a.body)
}

// head sets the header. Caches may keep the answer, but have to ask each time whether it still holds.
func (a *recorded) head(c echo.Context) {
	header := c.Response().Header()
	header.Set(echo.HeaderCacheControl, "private, no-cache")
	header.Set("ETag", a.etag)
	if a.location != "" {
		header.Set(echo.HeaderLocation, a.location)
	}
}

// sendIfChanged answers 304 to one who has the answer already (RFC 9110, 13.1.2).
func (a *recorded) sendIfChanged(c echo.Context) error {
	for _, list := range c.Request().Header.Values("If-None-Match") {
		for tag := range strings.SplitSeq(list, ",") {
			if tag = strings.TrimSpace(tag); tag == "*" || weak(tag) == weak(a.etag) {
				a.head(c)
				return c.NoContent(http.StatusNotModified)
			}
		}
	}
	return a.send(c, http.StatusOK)
}

// weak is a tag without its mark of weakness, which does not count when answers are compared.
func weak(tag string) string { return strings.TrimPrefix(tag, "W/") }

// answer writes JSON about which nobody asks twice.
func answer(c echo.Context, status int, body any) error {
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	return c.JSON(status, body)
}
