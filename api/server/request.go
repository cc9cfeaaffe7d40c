package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/labstack/echo/v4"

	"github.com/tapline-sdn/tapline/api"
)

// request is what a handler needs of a request that satisfies the document.
type request struct {
	ref        string
	query      map[string]string // each parameter once, booleans and numbers in their canonical form
	body       []byte            // JSON
	value      any               // the same, parsed
	key        string            // Idempotency-Key; "" if there is none
	wait       time.Duration
	ifRevision uint64 // 0 checks nothing
}

// read holds a request against the document. Its errors are refusals.
func (o *operation) read(c echo.Context) (request, error) {
	ref, err := refOf(c)
	if err != nil {
		return request{}, err
	}
	req := request{ref: ref}
	if len(c.ParamNames()) > 0 && req.ref == "" {
		return request{}, echo.ErrNotFound
	}
	if req.query, err = o.readQuery(c.Request().URL.RawQuery); err != nil {
		return request{}, err
	}
	if w, ok := req.query["wait"]; ok {
		if req.wait, err = parseWait(w); err != nil {
			return request{}, refuse(http.StatusBadRequest, "wait", "%v", err)
		}
	}
	if req.ifRevision, err = o.readIfMatch(c.Request()); err != nil {
		return request{}, err
	}
	if o.creates {
		if req.key, err = readKey(c.Request()); err != nil {
			return request{}, err
		}
	}
	if len(o.body) > 0 {
		req.body, req.value, err = o.readBody(c)
	} else {
		err = noBody(c)
	}
	if err != nil {
		return request{}, err
	}
	return req, nil
}

// refOf is the id or name in a request's path. Echo routes by the path as it was sent where that says more than the decoded
// one, as with %2F, and then leaves its parts encoded.
func refOf(c echo.Context) (string, error) {
	if c.Request().URL.RawPath == "" {
		return c.Param("ref"), nil
	}
	ref, err := url.PathUnescape(c.Param("ref"))
	if err != nil { // The server would not have taken such a path.
		return "", refuse(http.StatusBadRequest, "", "the path is malformed: %v", err)
	}
	return ref, nil
}

func (o *operation) readQuery(raw string) (map[string]string, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "", "the query of the URL is malformed: %v", err)
	}
	var faults []api.FieldProblem
	out := make(map[string]string, len(values))
	for name, given := range values {
		schema, known := o.query[name]
		switch {
		case !known && len(o.query) == 0:
			faults = append(faults, api.FieldProblem{Field: name, Detail: "is not a parameter: this request takes none"})
			continue
		case !known:
			faults = append(faults, api.FieldProblem{Field: name, Detail: "is not a parameter: want one of " + names(o.query)})
			continue
		case len(given) > 1:
			faults = append(faults, api.FieldProblem{Field: name, Detail: fmt.Sprintf("is given %d times: want it once", len(given))})
			continue
		}
		value, text := queryValue(schema, given[0])
		if bad := faultsOf(schema, value, name); len(bad) > 0 {
			faults = append(faults, bad...)
			continue
		}
		out[name] = text
	}
	if len(faults) > 0 {
		return nil, refuseAll(faults)
	}
	return out, nil
}

// queryValue reads a parameter as its schema's type, and says its canonical text. What cannot be read stays a string,
// which the schema then refuses.
func queryValue(schema *openapi3.Schema, s string) (any, string) {
	switch {
	case schema.Type.Is(openapi3.TypeArray):
		var list []any
		for part := range strings.SplitSeq(s, ",") {
			list = append(list, part)
		}
		return list, s
	case schema.Type.Is(openapi3.TypeInteger):
		if n, err := strconv.ParseInt(s, 10, 32); err == nil {
			return float64(n), strconv.FormatInt(n, 10)
		}
	case schema.Type.Is(openapi3.TypeBoolean):
		if b, err := strconv.ParseBool(s); err == nil {
			return b, strconv.FormatBool(b)
		}
	}
	return s, s
}

// readIfMatch reads If-Match (RFC 9110, 13.1.1): * or the one entity tag that an earlier answer carried.
func (o *operation) readIfMatch(r *http.Request) (uint64, error) {
	tag := strings.TrimSpace(r.Header.Get("If-Match"))
	if tag == "" || tag == "*" {
		return 0, nil
	}
	if !o.ifMatch {
		return 0, refuse(http.StatusBadRequest, "If-Match", "this request cannot be made conditional: leave the header out")
	}
	digits, opened := strings.CutPrefix(tag, `"`)
	digits, closed := strings.CutSuffix(digits, `"`)
	number, _, _ := strings.Cut(digits, "-") // What follows is about status, which others do not lose by a write.
	revision, err := strconv.ParseUint(number, 10, 64)
	switch {
	case !opened || !closed || strings.Contains(digits, `"`):
		return 0, refuse(http.StatusBadRequest, "If-Match", `%s is not an entity tag: want the ETag of an earlier answer with its quotes, such as "42-1f3a"`, tag)
	case err != nil || revision == 0: // It is one, and no resource here ever had it.
		return 0, refuse(http.StatusPreconditionFailed, "If-Match", `no resource has the entity tag %s: read it again and use its ETag, with the quotes`, tag)
	}
	return revision, nil
}

func (o *operation) readBody(c echo.Context) ([]byte, any, error) {
	media, _, err := mime.ParseMediaType(c.Request().Header.Get(echo.HeaderContentType))
	schema, ok := o.body[media]
	if err != nil || !ok {
		return nil, nil, refuse(http.StatusUnsupportedMediaType, "Content-Type", "is %q: want %s",
			c.Request().Header.Get(echo.HeaderContentType), names(o.body))
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Response(), c.Request().Body, o.maxBody))
	if tooLong := (*http.MaxBytesError)(nil); errors.As(err, &tooLong) {
		return nil, nil, refuse(http.StatusRequestEntityTooLarge, "", "the body is longer than %d bytes", tooLong.Limit)
	} else if err != nil {
		return nil, nil, refuse(http.StatusBadRequest, "", "the body could not be read: %v", err)
	}
	value, err := parse(body)
	if err != nil {
		return nil, nil, err
	}
	noteName(c, value)
	if faults := faultsOf(schema, value, ""); len(faults) > 0 {
		return nil, nil, refuseAll(faults)
	}
	return body, value, nil
}

// noBody refuses a body where the document has none, which would be ignored otherwise. An empty object, which some clients send
// with every POST, says nothing.
func noBody(c echo.Context) error {
	var some [16]byte
	n, _ := io.ReadFull(c.Request().Body, some[:])
	if body := strings.TrimSpace(string(some[:n])); n == len(some) || body != "" && body != "{}" {
		return refuse(http.StatusBadRequest, "body", "this request takes none: what is to be said is in the path and the parameters")
	}
	return nil
}

// decode reads a body into its type. The schema has accepted it, so that an error means that document and type differ
// in something such as 1.0 for an integer.
func decode[T any](body []byte) (T, error) {
	var v T
	if err := json.Unmarshal(body, &v); err != nil {
		var zero T
		if t := (*json.UnmarshalTypeError)(nil); errors.As(err, &t) {
			return zero, refuse(http.StatusBadRequest, t.Field, "the %s is not accepted: want it as %s, whole numbers without a point or an exponent", t.Value, t.Type)
		}
		return zero, refuse(http.StatusBadRequest, "", "the body cannot be read: %v", err)
	}
	return v, nil
}

func names[V any](m map[string]V) string {
	if len(m) == 0 {
		return "nothing"
	}
	return strings.Join(slices.Sorted(maps.Keys(m)), ", ")
}
