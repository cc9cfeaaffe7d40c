package contract

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/controller/access"
)

// Extensions of the document.
const (
	// maxBytesKey is the size limit of an operation's body, if it is not maxBody.
	maxBytesKey = "x-max-bytes"
	// roleKey is the role that an operation needs.
	roleKey = "x-role"
	// wantKey says in words what a schema accepts.
	wantKey = "x-want"
	// readOnlyKey marks an operation that changes nothing, though its method is POST.
	readOnlyKey = "x-read-only"
	// observedKey lists the fields of a resource that are only observed.
	observedKey = "x-observed"
	// immutableKey lists the fields of a resource that its patch cannot change.
	immutableKey = "x-immutable"
)

// maxBody is the size limit of a request's body, in bytes.
const maxBody = 1 << 20

// Contract is the OpenAPI document, prepared for checking requests.
type Contract struct {
	json       []byte
	operations map[string]*Operation // by "METHOD /path/{ref}"
}

// Operation is one method of one path.
type Operation struct {
	Role     access.Role // the least role that may use it; "": everybody, without a token
	Success  int         // HTTP status of a success
	ReadOnly bool        // it changes nothing

	query          map[string]*openapi3.Schema // by the name of the parameter
	body           map[string]*openapi3.Schema // by media type; empty if the request has no body
	maxBody        int64                       // bytes
	observed       []string                    // fields of a resource that its patch ignores
	ifMatch        bool                        // takes If-Match
	idempotencyKey bool                        // takes Idempotency-Key
}

// Load returns the document that is built into the program. It is parsed once.
var Load = sync.OnceValues(load)

func load() (*Contract, error) {
	doc, err := openapi3.NewLoader().LoadFromData(api.Document())
	if err != nil {
		return nil, err
	}

	c := &Contract{operations: make(map[string]*Operation)}
	if c.json, err = doc.MarshalJSON(); err != nil {
		return nil, err
	}

	for path, item := range doc.Paths.Map() {
		for method, described := range item.Operations() {
			op, err := newOperation(method, described)
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", method, path, err)
			}
			c.operations[method+" "+path] = op
		}
	}
	return c, nil
}

func newOperation(method string, described *openapi3.Operation) (*Operation, error) {
	op := &Operation{
		query:   make(map[string]*openapi3.Schema),
		body:    make(map[string]*openapi3.Schema),
		maxBody: maxBody,
	}

	readOnly, _ := described.Extensions[readOnlyKey].(bool)
	op.ReadOnly = readOnly || method == http.MethodGet

	var err error
	if op.Role, err = roleOf(method, described); err != nil {
		return nil, err
	}
	if limit, ok := described.Extensions[maxBytesKey].(float64); ok {
		op.maxBody = int64(limit)
	}

	for code := range described.Responses.Map() {
		if status, err := strconv.Atoi(code); err == nil && status/100 == 2 {
			op.Success = status
		}
	}

	for _, p := range described.Parameters {
		switch {
		case p.Value.In == openapi3.ParameterInQuery:
			op.query[p.Value.Name] = p.Value.Schema.Value
		case p.Value.Name == "If-Match":
			op.ifMatch = true
		case p.Value.Name == "Idempotency-Key":
			op.idempotencyKey = true
		}
	}

	if described.RequestBody != nil {
		for media, content := range described.RequestBody.Value.Content {
			op.body[media] = content.Schema.Value
			op.observed = stringsOf(content.Schema.Value.Extensions[observedKey])
		}
	}
	return op, nil
}

// stringsOf returns the strings of an extension that is a list.
func stringsOf(extension any) []string {
	list, _ := extension.([]any)

	var out []string
	for _, item := range list {
		if s, ok := item.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// roleOf returns the role that an operation needs. Where the document does not say, reading needs a
// viewer and writing an admin.
func roleOf(method string, described *openapi3.Operation) (access.Role, error) {
	if described.Security != nil && len(*described.Security) == 0 {
		return "", nil
	}
	if role, ok := described.Extensions[roleKey].(string); ok {
		return access.ParseRole(role)
	}

	if method == http.MethodGet {
		return access.Viewer, nil
	}
	return access.Admin, nil
}

// JSON returns the document as JSON.
func (c *Contract) JSON() []byte { return c.json }

// Operation returns what the document says about a method of a path such as /api/v1/hosts/{ref},
// nil if nothing.
func (c *Contract) Operation(method, path string) *Operation {
	return c.operations[method+" "+path]
}

// Parameters returns the query parameters, with the values that each may have; none means any.
func (o *Operation) Parameters() map[string][]any {
	out := make(map[string][]any, len(o.query))
	for name, schema := range o.query {
		out[name] = schema.Enum
	}

	return out
}
