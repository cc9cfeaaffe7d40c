package server

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/controller/access"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

const (
	maxBody = 1 << 20 // bytes of a request's body
	// maxBytesKey is the extension of an operation whose body may be longer.
	maxBytesKey = "x-max-bytes"
	maxWait     = 5 * time.Minute
)

// contract is the OpenAPI document, ready to hold requests against.
type contract struct {
	doc        *openapi3.T
	json       []byte
	operations map[string]*operation // "METHOD /path/{ref}"
}

// operation is what the document says of one method of one path.
type operation struct {
	role    access.Role                 // the least that may; "": everybody, without a token
	query   map[string]*openapi3.Schema // parameters
	body    map[string]*openapi3.Schema // media type -> schema; empty if the request has no body
	maxBody int64                       // bytes
	ifMatch bool
	creates bool // takes an Idempotency-Key
	success int  // status if all goes well
}

// builtIn reads the document once, since it takes long and never changes.
var builtIn = sync.OnceValues(loadContract)

func loadContract() (*contract, error) {
	doc, err := openapi3.NewLoader().LoadFromData(api.Document())
	if err != nil {
		return nil, err
	}
	c := &contract{doc: doc, operations: make(map[string]*operation)}
	if c.json, err = doc.MarshalJSON(); err != nil {
		return nil, err
	}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			o := &operation{query: make(map[string]*openapi3.Schema), body: make(map[string]*openapi3.Schema)}
			if o.role, err = roleOf(method, op); err != nil {
				return nil, fmt.Errorf("%s %s: %w", method, path, err)
			}
			for code := range op.Responses.Map() {
				if n, err := strconv.Atoi(code); err == nil && n/100 == 2 {
					o.success = n
				}
			}
			o.maxBody = maxBody
			if longer, ok := op.Extensions[maxBytesKey].(float64); ok {
				o.maxBody = int64(longer)
			}
			for _, p := range op.Parameters {
				switch p.Value.In {
				case openapi3.ParameterInQuery:
					o.query[p.Value.Name] = p.Value.Schema.Value
				case openapi3.ParameterInHeader:
					o.ifMatch = o.ifMatch || p.Value.Name == "If-Match"
					o.creates = o.creates || p.Value.Name == "Idempotency-Key"
				}
			}
			if op.RequestBody != nil {
				for media, content := range op.RequestBody.Value.Content {
					o.body[media] = content.Schema.Value
				}
			}
			c.operations[method+" "+path] = o
		}
	}
	return c, nil
}

// roleKey is the extension of an operation that says which role it needs.
const roleKey = "x-role"

// roleOf is the role that an operation needs. Where the document does not say, it is viewer for what reads, and admin for what
// writes.
func roleOf(method string, op *openapi3.Operation) (access.Role, error) {
	if op.Security != nil && len(*op.Security) == 0 {
		return "", nil
	}
	if said, ok := op.Extensions[roleKey].(string); ok {
		return access.ParseRole(said)
	}
	if method == http.MethodGet {
		return access.Viewer, nil
	}
	return access.Admin, nil
}

func (c *contract) operation(method, path string) *operation { return c.operations[method+" "+path] }

// formats are the string formats of the document that are not of OpenAPI.
func formats() map[string]openapi3.StringFormatValidator {
	return map[string]openapi3.StringFormatValidator{
		"mac":       openapi3.NewCallbackValidator(func(s string) error { _, err := parseMAC(s); return err }),
		"ip":        openapi3.NewCallbackValidator(func(s string) error { _, err := parseIP(s); return err }),
		"ovsdb":     openapi3.NewCallbackValidator(checkOVSDB),
		"date-time": openapi3.NewCallbackValidator(func(s string) error { _, err := time.Parse(time.RFC3339, s); return err }),
		"when":      openapi3.NewCallbackValidator(func(s string) error { _, err := parseWhen(s, time.Now()); return err }),
		"wait":      openapi3.NewCallbackValidator(func(s string) error { _, err := parseWait(s); return err }),
	}
}

// parseMAC reads the address of a NIC: neither all zero nor of a group.
func parseMAC(s string) (tap.MAC, error) {
	m, err := tap.ParseMAC(s)
	if err != nil {
		return tap.MAC{}, err
	}
	if m.IsZero() || m.IsMulticast() {
		return tap.MAC{}, fmt.Errorf("%q is not the address of a NIC: want a unicast address such as 52:54:00:12:34:56", s)
	}
	return m, nil
}

// parseIP reads the address of a NIC or tunnel: unicast, and without a zone.
func parseIP(s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" || a.IsUnspecified() || a.IsMulticast() {
		return netip.Addr{}, fmt.Errorf("%q is not the IP address of a NIC: want a unicast address such as 192.0.2.10", s)
	}
	return a.Unmap(), nil
}

// checkOVSDB accepts an active connection method of ovsdb(7).
func checkOVSDB(s string) error {
	method, rest, _ := strings.Cut(s, ":")
	switch method {
	case "unix":
		if rest != "" {
			return nil
		}
	case "tcp", "ssl":
		host, port, err := net.SplitHostPort(rest)
		n, numErr := strconv.ParseUint(port, 10, 16)
		if err == nil && numErr == nil && host != "" && n != 0 && !strings.ContainsAny(host, " /%") {
			return nil
		}
	}
	return fmt.Errorf("%q is not an OVSDB connection method: want tcp:IP:PORT, ssl:IP:PORT or unix:PATH", s)
}

func parseWait(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 || d > maxWait {
		return 0, fmt.Errorf("%q is not a duration from 0s to 5m such as 10s or 1m30s", s)
	}
	return d, nil
}
