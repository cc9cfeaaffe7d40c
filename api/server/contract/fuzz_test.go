package contract

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/server/problem"
)

// FuzzBody: what the document accepts of a body can be decoded whole, and what it refuses is told
// as a 4xx with words.
func FuzzBody(f *testing.F) {
	for _, seed := range []string{
		`{"name":"f","tap_id":"ids","type":"vnic","guest_id":"vm1","vlan_id":7,"direction":"IN"}`,
		`{"name":"h","ovsdb":"tcp:[::1]:6640","nics":[{"name":"e","mac":"52:54:00:00:00:01",` +
			`"speed":1}],"wires":{"a":"b"}}`,
		`{"vlan_id":null,"enabled":true}`, `{"wires":{"a":null},"tunnel_ip":null}`, `{"a":1,"a":2}`,
		"[]", "\xff", `{"name":"\ud800"}`, `1e999`,
	} {
		f.Add([]byte(seed))
	}
	contract, err := Load()
	if err != nil {
		f.Fatal(err)
	}
	kinds := map[string]func([]byte) (any, error){
		"POST /api/v1/hosts":               all[api.HostCreate],
		"PATCH /api/v1/hosts/{ref}":        all[api.HostPatch],
		"POST /api/v1/guests":              all[api.GuestCreate],
		"PATCH /api/v1/guests/{ref}":       all[api.GuestPatch],
		"POST /api/v1/tap_services":        all[api.TapServiceCreate],
		"PATCH /api/v1/tap_services/{ref}": all[api.TapServicePatch],
		"POST /api/v1/tap_flows":           all[api.TapFlowCreate],
		"PATCH /api/v1/tap_flows/{ref}":    all[api.TapFlowPatch],
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for name, decode := range kinds {
			r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(string(body)))
			r.Header.Set("Content-Type", "application/json")
			req, err := contract.operations[name].Read(httptest.NewRecorder(), r, nil)
			given, value := req.Body, req.Value
			if err != nil {
				p, ours := problem.Of(err)
				if ours || p.Status/100 != 4 || p.Detail == "" || given != nil {
					t.Fatalf("%s refuses %q with %+v", name, body, p)
				}
				continue
			}
			decoded, err := decode(given)
			if err != nil {
				if p, ours := problem.Of(err); ours || p.Status != http.StatusBadRequest {
					t.Fatalf("%s accepts %q and cannot decode it: %v", name, body, err)
				}
				continue
			}
			// Whatever is in the body is in the decoded form too, so that nothing was dropped on
			// the way.
			again, err := json.Marshal(decoded)
			if err != nil {
				t.Fatal(err)
			}
			var back map[string]any
			if err := json.Unmarshal(again, &back); err != nil {
				t.Fatal(err)
			}
			for field, v := range value.(map[string]any) {
				if empty(v) {
					continue
				}
				if _, kept := back[field]; !kept {
					t.Fatalf("%s loses %s of %q: %s", name, field, body, again)
				}
			}
		}
	})
}

func all[T any](body []byte) (any, error) { return Decode[T](body) }

// empty reports whether a value may be left out without a loss.
func empty(v any) bool {
	switch reflect.ValueOf(v).Kind() {
	case reflect.Map, reflect.Slice, reflect.String:
		return reflect.ValueOf(v).Len() == 0
	}
	return v == false
}

// FuzzHeader: queries and headers are read or refused, never more.
func FuzzHeader(f *testing.F) {
	f.Add("limit=1&order_by=name", `"42-1f"`, `"k"`)
	f.Add("wait=10s", "*", "k")
	f.Add("%zz", `W/"1"`, `"a","b"`)
	contract, err := Load()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, query, tag, key string) {
		for _, o := range contract.operations {
			r := &http.Request{
				Method: "GET",
				URL:    &url.URL{RawQuery: query},
				Header: http.Header{"If-Match": {tag}, "Idempotency-Key": {key}},
			}
			_, err1 := o.readQuery(query)
			revision, err2 := o.readIfMatch(r)
			_, err3 := readIdempotencyKey(r)
			for _, err := range []error{err1, err2, err3} {
				if err == nil {
					continue
				}
				if p, ours := problem.Of(err); ours || p.Status/100 != 4 || p.Detail == "" {
					t.Fatalf("%+v", p)
				}
			}
			if err2 != nil && revision != 0 {
				t.Fatal("a revision beside an error")
			}
		}
	})
}
