package contract

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

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/server/problem"
)

// Request is what handlers need of a request that satisfies the document.
type Request struct {
	Query          map[string]string // booleans and numbers in their canonical form
	Body           []byte            // JSON
	Value          any               // the body, parsed
	IdempotencyKey string            // "" if there is none
	Wait           time.Duration     // the parameter "wait"
	IfRevision     uint64            // of If-Match; 0: any revision
	Unchanged      bool              // the body is a whole resource, and nothing in it has changed
}

// Current returns the resource that a patch changes, as GET answers it, so that its body may be a
// whole resource; nil if there is none.
type Current func() map[string]any

// Read checks a request against the document, and reads its body. If the body is JSON that the
// schema refuses, the error comes with a Request that has Value alone. Current is nil if the
// operation is no patch.
func (o *Operation) Read(
	w http.ResponseWriter, r *http.Request, current Current,
) (Request, error) {
	var req Request
	var err error

	if req.Query, err = o.readQuery(r.URL.RawQuery); err != nil {
		return Request{}, err
	}
	if wait, ok := req.Query["wait"]; ok {
		if req.Wait, err = parseWait(wait); err != nil {
			return Request{}, problem.Refuse(http.StatusBadRequest, "wait", "%v", err)
		}
	}

	if req.IfRevision, err = o.readIfMatch(r); err != nil {
		return Request{}, err
	}
	if o.idempotencyKey {
		if req.IdempotencyKey, err = readIdempotencyKey(r); err != nil {
			return Request{}, err
		}
	}

	if len(o.body) == 0 {
		return req, refuseBody(r)
	}

	schema, err := o.readBody(w, r, &req)
	if err != nil {
		return Request{}, err
	}

	if current != nil && o.reduce(&req, current) {
		req.Unchanged = true
		return req, nil
	}

	if faults := faultsOf(schema, req.Value, ""); len(faults) > 0 {
		return Request{Value: req.Value}, problem.RefuseAll(faults)
	}

	return req, nil
}

func (o *Operation) readQuery(raw string) (map[string]string, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, problem.Refuse(http.StatusBadRequest, "",
			"the query of the URL is malformed: %v", err)
	}

	var faults []api.FieldProblem
	refuse := func(name, format string, args ...any) {
		faults = append(faults, api.FieldProblem{Field: name, Detail: fmt.Sprintf(format, args...)})
	}

	out := make(map[string]string, len(values))
	for name, given := range values {
		schema, known := o.query[name]

		switch {
		case !known && len(o.query) == 0:
			refuse(name, "is not a parameter: this request has none")
		case !known:
			refuse(name, "is not a parameter: want one of %s", names(o.query))
		case len(given) > 1:
			refuse(name, "is given %d times: want it once", len(given))
		default:
			value, text := queryValue(schema, given[0])
			faults = append(faults, faultsOf(schema, value, name)...)
			out[name] = text
		}
	}

	if len(faults) > 0 {
		return nil, problem.RefuseAll(faults)
	}

	return out, nil
}

// queryValue parses a parameter as its schema's type, and returns its canonical text too. A value
// that cannot be parsed stays a string, which the schema then refuses.
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

// readBody reads the body of a request, and returns the schema that it must satisfy.
func (o *Operation) readBody(
	w http.ResponseWriter, r *http.Request, req *Request,
) (*openapi3.Schema, error) {
	contentType := r.Header.Get("Content-Type")
	media, _, err := mime.ParseMediaType(contentType)
	schema, ok := o.body[media]
	if err != nil || !ok {
		return nil, problem.Refuse(http.StatusUnsupportedMediaType, "Content-Type",
			"is %q: want %s", contentType, names(o.body))
	}

	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, o.maxBody))
	if tooLong := (*http.MaxBytesError)(nil); errors.As(err, &tooLong) {
		return nil, problem.Refuse(http.StatusRequestEntityTooLarge, "",
			"the body is longer than %d bytes", tooLong.Limit)
	} else if err != nil {
		return nil, problem.Refuse(http.StatusBadRequest, "",
			"the body could not be read: %v", err)
	}

	value, err := parseJSON(body)
	if err != nil {
		return nil, err
	}

	req.Body, req.Value = body, value
	return schema, nil
}

// refuseBody refuses a body where the document has none, since it would be ignored. An empty object
// is accepted: some clients send one with every POST.
func refuseBody(r *http.Request) error {
	var begin [16]byte
	n, _ := io.ReadFull(r.Body, begin[:])

	text := strings.TrimSpace(string(begin[:n]))
	if n == len(begin) || text != "" && text != "{}" {
		return problem.Refuse(http.StatusBadRequest, "body",
			"this request has no body: the path and the parameters say all")
	}
	return nil
}

// BodyFaults checks the body that a part of another request holds, for example one change of a
// plan. The root is the name of that part.
func (o *Operation) BodyFaults(value any, root string) []api.FieldProblem {
	media := slices.Sorted(maps.Keys(o.body))
	if len(media) == 0 {
		return nil
	}

	// All media types of an operation have the same schema.
	return faultsOf(o.body[media[0]], value, root)
}

// Decode decodes a body into its type. The schema has accepted the body, so an error means that the
// document and the type differ, for example on 1.0 for an integer.
func Decode[T any](body []byte) (T, error) {
	var v, zero T
	err := json.Unmarshal(body, &v)
	if err == nil {
		return v, nil
	}

	if t := (*json.UnmarshalTypeError)(nil); errors.As(err, &t) {
		return zero, problem.Refuse(http.StatusBadRequest, t.Field, "the %s is not accepted: "+
			"want it as %s, whole numbers without a point or an exponent", t.Value, t.Type)
	}

	return zero, problem.Refuse(http.StatusBadRequest, "", "the body cannot be read: %v", err)
}

func names[V any](m map[string]V) string {
	if len(m) == 0 {
		return "nothing"
	}

	return strings.Join(slices.Sorted(maps.Keys(m)), ", ")
}
