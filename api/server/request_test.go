package server_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/server/servertest"
	"github.com/tapline-sdn/tapline/controller/engine/view"
)

// panicking is an engine with a fault.
type panicking struct{ *servertest.Engine }

func (panicking) Host(string) (view.Host, error)                         { panic("out of order") }
func (panicking) DeleteHost(context.Context, string, uint64, bool) error { panic("out of order") }

func TestBadRequests(t *testing.T) {
	b := newBench(t)
	b.furnish()
	before := b.engine.Services()
	for name, tc := range map[string]struct {
		method, path, body string
		field              string
		detail             string // a part of it
	}{
		"VLAN 4095": {"POST", "tap_flows", flow + `,"vlan_id":4095}`, "vlan_id",
			"4095 is not accepted: want a VLAN id 1..4094"},
		"VLAN 0": {"POST", "tap_flows", flow + `,"vlan_id":0}`, "vlan_id",
			"a VLAN id 1..4094"},
		"VLAN negative": {"POST", "tap_flows", flow + `,"vlan_id":-1}`, "vlan_id",
			"a VLAN id 1..4094"},
		"VLAN as text": {"POST", "tap_flows", flow + `,"vlan_id":"7"}`, "vlan_id",
			`"7" is not accepted: want a VLAN id 1..4094`},
		"VLAN null in create": {"POST", "tap_flows", flow + `,"vlan_id":null}`, "vlan_id",
			"a VLAN id 1..4094"},
		"VLAN with fraction": {"POST", "tap_flows", flow + `,"vlan_id":1.5}`, "vlan_id",
			"a VLAN id 1..4094"},
		"direction in lower case": {
			"POST", "tap_flows", flow + `,"direction":"in"}`, "direction",
			`"in" is not accepted: want one of IN, OUT, BOTH`},
		"unknown field": {"POST", "tap_flows", flow + `,"vlan_tag":7}`, "vlan_tag",
			"is not a field: want some of applied_by, description, direction"},
		"field in CamelCase": {"POST", "tap_flows", flow + `,"VLAN_ID":7}`, "VLAN_ID",
			"is not a field"},
		"unknown type": {"POST", "tap_flows", `{"name":"f","tap_id":"ids","type":"port"}`,
			"type", "want one of vnic, vswitch"},
		"missing field": {"POST", "tap_flows", `{"tap_id":"ids","type":"vnic"}`, "name",
			"is missing: want a name"},
		"a group's MAC": {"POST", "tap_flows", flow + `,"mac_addr":"53:54:00:12:34:56"}`,
			"mac_addr", "the first of them even"},
		"bad MAC": {"POST", "tap_flows", flow + `,"mac_addr":"52:54:00:12:34"}`,
			"mac_addr", "want six octets such as"},
		"multicast MAC": {"POST", "tap_flows", flow + `,"mac_addr":"01:00:5e:00:00:01"}`,
			"mac_addr", "is not accepted"},
		"zero MAC": {"POST", "tap_flows", flow + `,"mac_addr":"00:00:00:00:00:00"}`,
			"mac_addr", "is not accepted"},
		"empty MAC": {"POST", "tap_flows", flow + `,"mac_addr":""}`, "mac_addr",
			"is not accepted"},
		"bad address": {"POST", "tap_flows", flow + `,"ip_addr":"10.0.0.300"}`, "ip_addr",
			"want an IPv4 or IPv6 address"},
		"address of a net": {"POST", "tap_flows", flow + `,"ip_addr":"10.0.0.0/24"}`, "ip_addr",
			"want an IPv4 or IPv6 address"},
		"name with a slash": {"POST", "tap_flows", `{"name":"a/b","tap_id":"ids","type":"vnic"}`,
			"name", "without '/'"},
		"name of blanks": {"POST", "tap_flows", `{"name":" ","tap_id":"ids","type":"vnic"}`,
			"name", "blanks at its ends"},
		"name too long": {"POST", "tap_flows",
			`{"name":"` + strings.Repeat("x", 129) + `","tap_id":"ids","type":"vnic"}`, "name",
			"1 to 128"},
		"not an object": {"POST", "tap_flows", `[]`, "body", "want an object"},
		"null":          {"POST", "tap_flows", `null`, "body", "want an object"},
		"unknown reference": {"POST", "tap_flows",
			`{"name":"f","tap_id":"nope","type":"vnic","guest_id":"vm1"}`, "tap_id", `"nope"`},
		"created enabled": {"POST", "tap_services",
			`{"name":"s","type":"guest","target_id":"vm1","enabled":true}`, "enabled",
			"is created disabled"},
		"OVSDB without port": {"POST", "hosts", `{"name":"h","ovsdb":"tcp:192.0.2.1"}`, "ovsdb",
			"tcp:IP:PORT"},
		"OVSDB port 0": {"POST", "hosts", `{"name":"h","ovsdb":"tcp:192.0.2.1:0"}`, "ovsdb",
			"tcp:IP:PORT"},
		"OVSDB passive": {"POST", "hosts", `{"name":"h","ovsdb":"ptcp:6640"}`, "ovsdb",
			"tcp:IP:PORT"},
		"within a list": {"POST", "hosts",
			`{"name":"h","ovsdb":"unix:/x","nics":[{"name":"eth0","mac":"52:54:00:00:00:01"},` +
				`{"name":"eth1","mac":"x"}]}`, "nics[1].mac", "six octets"},
		"unknown in a list": {"POST", "hosts",
			`{"name":"h","ovsdb":"unix:/x","nics":[{"name":"eth0","mac":"52:54:00:00:00:01",` +
				`"vendor":"x"}]}`, "nics[0].vendor", "is not a field"},
		"within a map": {"POST", "hosts", `{"name":"h","ovsdb":"unix:/x","wires":{"net0":7}}`,
			"wires.net0", "7 is not accepted: want the name of a bridge"},
		"guest without NIC": {"POST", "guests", `{"name":"g","nics":[]}`, "nics",
			"at least one NIC"},
		"wire without host": {"POST", "wires", `{"name":"w","bridges":{}}`, "bridges",
			"at least one host"},
		"empty patch": {"PATCH", "tap_services/ids", `{}`, "body",
			"nothing is given to change: want some of accept_place, dedup, description, enabled"},
		"id cannot change": {"PATCH", "tap_services/ids", `{"id":"x"}`, "id",
			"cannot be changed: what can be is accept_place, dedup, description, enabled"},
		"type cannot change": {"PATCH", "tap_services/ids", `{"name":"n","type":"host"}`, "type",
			"cannot be changed: what can be is accept_place, dedup, description, enabled"},
		"unknown in a patch": {"PATCH", "tap_services/ids", `{"nam":"n"}`, "nam",
			"is not a field: want some of accept_place, dedup, description, enabled"},
		"unknown parameter": {"GET", "tap_flows?direcion=IN", "", "direcion",
			"is not a parameter: want one of applied_by, direction, enabled"},
		"parameter twice": {"GET", "tap_flows?name=a&name=b", "", "name", "given 2 times"},
		"no parameters":   {"GET", "tap_flows/x?name=a", "", "name", "this request has none"},
		"bad limit": {"GET", "tap_flows?limit=-1", "", "limit",
			"a whole number up to 100000, 0 for no limit"},
		"limit too high": {"GET", "tap_flows?limit=100001", "", "limit",
			"a whole number up to 100000"},
		"limit beyond": {"GET", "tap_flows?limit=99999999999999999999", "", "limit",
			"a whole number up to 100000"},
		"offset too high": {"GET", "tap_flows?offset=2000000000", "", "offset",
			"from 0 to 1000000000"},
		"order of nothing": {"GET", "tap_services?order_by_ip=up", "", "order_by_ip",
			"want one of asc, desc"},
		"order elsewhere": {"GET", "tap_flows?order_by_ip=asc", "", "order_by_ip",
			"is not a parameter"},
		"kind of events": {"GET", "watch?kind=host,cat", "", "kind[1]",
			"want one of host, guest"},
		"limit as text": {"GET", "tap_flows?limit=all", "", "limit", `"all" is not accepted`},
		"bad flag": {"GET", "tap_flows?enabled=maybe", "", "enabled",
			"want true or false"},
		"bad order": {"GET", "tap_flows?order_by=colour", "", "order_by",
			"want one of name, tap_id"},
		"bad status": {"GET", "tap_flows?status=ok", "", "status",
			"want one of disabled, pending, ready, error"},
		"wait as a word": {"POST", "tap_services/ids/enable?wait=soon", "", "wait",
			"a duration from 0s to 5m such as 10s"},
		"wait too long": {"POST", "tap_services/ids/enable?wait=6m", "", "wait",
			"a duration from 0s to 5m"},
		"wait negative": {"POST", "tap_services/ids/enable?wait=-1s", "", "wait",
			"a duration from 0s to 5m"},
		"wait without unit": {"POST", "tap_services/ids/enable?wait=10", "", "wait",
			"a duration from 0s to 5m"},
	} {
		t.Run(name, func(t *testing.T) {
			b.t = t
			p := b.problem(http.StatusBadRequest, tc.method, "/api/v1/"+tc.path, tc.body)
			require.Equal(t, tc.field, p.Field, p.Detail)
			require.Contains(t, p.Detail, tc.field+": ")
			require.Contains(t, p.Detail, tc.detail)
			require.NotEmpty(t, p.Instance)
			require.Empty(t, b.engine.Flows(), "nothing may have changed")
			require.Equal(t, before, b.engine.Services(), "nothing may have changed")
		})
	}
}

func TestAllFaultsAreTold(t *testing.T) {
	b := newBench(t)
	p := b.problem(
		http.StatusBadRequest,
		"POST",
		"/api/v1/tap_flows",
		`{"type":"x","vlan_id":4095,"a":1,"b":2}`,
	)
	var fields []string
	for _, e := range p.Errors {
		fields = append(fields, e.Field)
	}
	require.Equal(t, []string{"a", "b", "name", "tap_id", "type", "vlan_id"}, fields)
}

func TestBodies(t *testing.T) {
	long := `{"name":"` + strings.Repeat("x", 1<<20) + `"}`
	for name, tc := range map[string]struct {
		body    string
		headers []string
		want    int
		detail  string
	}{
		"empty":           {"", []string{"Content-Type", "application/json"}, 400, "it is empty"},
		"cut off":         {`{"name":`, nil, 400, "line 1, column 8"},
		"on another line": {"{\n  \"name\": x}", nil, 400, "line 2, column 11"},
		"two values":      {`{} {}`, nil, 400, "not JSON"},
		"too long":        {long, nil, 413, "longer than 1048576 bytes"},
		"a form": {"name=x", []string{"Content-Type",
			"application/x-www-form-urlencoded"}, 415, "want application/json"},
		"no type":       {"{}", []string{"Content-Type", ""}, 415, "want application/json"},
		"a broken type": {"{}", []string{"Content-Type", ";;"}, 415, "want application/json"},
		"a name twice": {`{"name":"h","ovsdb":"unix:/x","name":"i"}`, nil, 400,
			"name: is given more than once"},
		"twice in a list": {`{"name":"h","ovsdb":"unix:/x","nics":[{"name":"e",` +
			`"mac":"52:54:00:00:00:01","mac":"52:54:00:00:00:02"}]}`, nil, 400,
			"nics[0].mac: is given more than once"},
		"twice in a map": {`{"name":"h","ovsdb":"unix:/x","wires":{"a":"b","a":"c"}}`, nil, 400,
			"wires.a: is given more than once"},
		"not UTF-8": {"{\"name\":\"h\xff\",\"ovsdb\":\"unix:/x\"}", nil, 400,
			"is not UTF-8"},
		"too deep": {strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40), nil, 400,
			"more than 32 deep"},
		"far too deep": {strings.Repeat("[", 500_000), nil, 400, "not JSON"},
		"a vast number": {`{"name":"h","ovsdb":"unix:/x","nics":[{"name":"e",` +
			`"mac":"52:54:00:00:00:01","speed":1e999}]}`, nil, 400,
			"number 1e999 in it is out of range"},
		"NaN":       {`{"name":NaN}`, nil, 400, "not JSON"},
		"a comment": {`{"name":"h" /* x */}`, nil, 400, "not JSON"},
		"integer as float": {`{"name":"h","ovsdb":"unix:/x","nics":[{"name":"e",` +
			`"mac":"52:54:00:00:00:01","speed":1.0}]}`, nil, 400, "without a point or an exponent"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			p := b.problem(tc.want, "POST", "/api/v1/hosts", tc.body, tc.headers...)
			require.Contains(t, p.Detail, tc.detail)
			require.Less(t, len(p.Detail), 600)
			require.Empty(t, b.engine.Hosts())
		})
	}

	t.Run("charset and merge patch are fine", func(t *testing.T) {
		b := newBench(t)
		b.must(
			201,
			"POST",
			"/api/v1/hosts",
			`{"name":"h","ovsdb":"unix:/x"}`,
			nil,
			"Content-Type",
			"application/json; charset=utf-8",
		)
		b.must(
			200,
			"PATCH",
			"/api/v1/hosts/h",
			`{"name":"i"}`,
			nil,
			"Content-Type",
			"application/merge-patch+json",
		)
	})
}

func TestMalformedQuery(t *testing.T) {
	b := newBench(t)
	p := b.problem(400, "GET", "/api/v1/hosts?name=%zz", "")
	require.Contains(t, p.Detail, "query")
}

func TestIfMatch(t *testing.T) {
	for name, tc := range map[string]struct {
		tag  string
		want int
	}{
		"none":       {"", 200},
		"any":        {"*", 200},
		"current":    {"CURRENT", 200},
		"old":        {`"1"`, 412},
		"zero":       {`"0"`, 412},
		"unquoted":   {"5", 400},
		"weak":       {`W/"5"`, 400},
		"a list":     {`"1", "2"`, 400},
		"not ours":   {`"abc"`, 412},
		"empty":      {`""`, 412},
		"half quote": {`"5`, 400},
		"one quote":  {`"`, 400},
	} {
		for _, r := range []struct{ method, path, body string }{
			{"PATCH", "tap_services/ids", `{"name":"x"}`},
			{"POST", "tap_services/ids/enable", ""},
			{"POST", "tap_services/ids/disable", ""},
			{"DELETE", "tap_services/ids", ""},
		} {
			t.Run(name+" "+r.method+" "+r.path, func(t *testing.T) {
				b := newBench(t)
				b.furnish()
				tag := tc.tag
				if tag == "CURRENT" {
					tag = b.must(200, "GET", "/api/v1/tap_services/ids", "", nil).
						Header().
						Get("ETag")
				}
				want := tc.want
				if want == 200 && r.method == "DELETE" {
					want = 204
				}
				before := b.engine.Services()
				w := b.must(want, r.method, "/api/v1/"+r.path, r.body, nil, "If-Match", tag)
				if want >= 400 {
					require.Equal(t, before, b.engine.Services())
					return
				}
				require.NotEqual(t, before, b.engine.Services())
				if want == 200 {
					require.NotEqual(t, tag, w.Header().Get("ETag"))
				}
			})
		}
	}

	t.Run("wires have no revision", func(t *testing.T) {
		b := newBench(t)
		b.furnish()
		p := b.problem(
			400,
			"PATCH",
			"/api/v1/wires/net0",
			`{"bridges":{"h1":"br9"}}`,
			"If-Match",
			`"1"`,
		)
		require.Equal(t, "If-Match", p.Field)
	})
}

func TestPointers(t *testing.T) {
	b := newBench(t)
	b.furnish()
	for name, tc := range map[string]struct{ method, path, body, field, pointer string }{
		"in a list": {"POST", "hosts",
			`{"name":"h","ovsdb":"unix:/x","nics":[{"name":"e","mac":"52:54:00:00:00:01"},` +
				`{"name":"f","mac":"x"}]}`, "nics[1].mac", "#/nics/1/mac"},
		"in a map": {"POST", "hosts", `{"name":"h","ovsdb":"unix:/x","wires":{"a/b~c d":7}}`,
			"wires.a/b~c d", "#/wires/a~1b~0c%20d"},
		"missing": {"POST", "hosts", `{"name":"h"}`, "ovsdb", "#/ovsdb"},
		"unknown": {"POST", "hosts", `{"name":"h","ovsdb":"unix:/x","x":1}`, "x", "#/x"},
		"twice": {"POST", "hosts", `{"name":"h","name":"h","ovsdb":"unix:/x"}`, "name",
			"#/name"},
		"the whole": {"POST", "hosts", `[]`, "body", "#"},
		"of the engine": {"POST", "tap_services",
			`{"name":"x","type":"guest","target_id":"nobody"}`, "target_id", "#/target_id"},
		"a parameter": {"GET", "hosts?limit=x", "", "limit", ""},
		"wait":        {"POST", "tap_services/ids/enable?wait=x", "", "wait", ""},
		"no body":     {"POST", "tap_services/ids/enable", `{"enabled":true}`, "body", ""},
	} {
		t.Run(name, func(t *testing.T) {
			b.t = t
			p := b.problem(400, tc.method, "/api/v1/"+tc.path, tc.body)
			require.Equal(
				t,
				[]api.FieldProblem{
					{Field: tc.field, Pointer: tc.pointer, Detail: p.Errors[0].Detail},
				},
				p.Errors,
			)
		})
	}
}

func TestMergePatch(t *testing.T) {
	for name, tc := range map[string]struct{ path, body, field string }{
		"name null":       {"tap_services/ids", `{"name":null}`, "name"},
		"enabled null":    {"tap_services/ids", `{"enabled":null}`, "enabled"},
		"direction null":  {"tap_flows/f", `{"direction":null}`, "direction"},
		"tap null":        {"tap_flows/f", `{"tap_id":null}`, "tap_id"},
		"NICs null":       {"hosts/h1", `{"nics":null}`, "nics"},
		"all wires null":  {"hosts/h1", `{"wires":null}`, "wires"},
		"a list for null": {"hosts/h1", `{"uplinks":{"br0":[null]}}`, "uplinks.br0[0]"},
		"whole is null":   {"hosts/h1", `null`, "body"},
		"enabled as text": {"tap_flows/f", `{"enabled":"true"}`, "enabled"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.furnish()
			b.newFlow("f")
			before := b.must(200, "GET", "/api/v1/"+tc.path, "", nil)
			p := b.problem(400, "PATCH", "/api/v1/"+tc.path, tc.body)
			require.Equal(t, tc.field, p.Field, p.Detail)
			require.Contains(t, p.Detail, "want")
			b.must(
				304,
				"GET",
				"/api/v1/"+tc.path,
				"",
				nil,
				"If-None-Match",
				before.Header().Get("ETag"),
			)
		})
	}
}

func TestIfNoneMatch(t *testing.T) {
	b := newBench(t)
	b.furnish()
	b.engine.LearnGuest(view.Guest{ID: "vm-9", Name: "learned"})
	for _, path := range []string{"hosts/h1", "guests/vm1", "guests/learned", "wires/net0",
		"tap_services/ids", "hosts", "guests", "wires", "tap_services", "tap_flows",
		"hosts?name=h1"} {
		t.Run(path, func(t *testing.T) {
			b.t = t
			tag := b.must(200, "GET", "/api/v1/"+path, "", nil).Header().Get("ETag")
			require.NotEmpty(t, tag)
			for _, known := range []string{tag, "W/" + strings.TrimPrefix(tag, "W/"), `"1", ` + tag,
				"*"} {
				w := b.must(304, "GET", "/api/v1/"+path, "", nil, "If-None-Match", known)
				require.Empty(t, w.Body.String())
				require.Equal(t, tag, w.Header().Get("ETag"))
			}
			b.must(200, "GET", "/api/v1/"+path, "", nil, "If-None-Match", `"1-abc"`)
		})
	}

	t.Run("a status is a change to readers and none to writers", func(t *testing.T) {
		b := newBench(t)
		b.furnish()
		b.must(200, "POST", "/api/v1/tap_services/ids/enable", "", nil)
		tag := b.must(200, "GET", "/api/v1/tap_services/ids", "", nil).Header().Get("ETag")
		b.engine.SetHealth(b.engine.Services()[0].ID, "ready", "")
		now := b.must(200, "GET", "/api/v1/tap_services/ids", "", nil, "If-None-Match", tag).
			Header().
			Get("ETag")
		require.NotEqual(t, tag, now)
		b.must(200, "PATCH", "/api/v1/tap_services/ids", `{"name":"x"}`, nil, "If-Match", tag)
		b.problem(412, "PATCH", "/api/v1/tap_services/x", `{"name":"y"}`, "If-Match", now)
	})
}

func TestHead(t *testing.T) {
	b := newBench(t)
	b.furnish()
	srv := httptest.NewServer(b.handler)
	defer srv.Close()
	for path, want := range map[string]int{"/api/v1/hosts/h1": 200, "/api/v1/hosts": 200,
		"/api/v1/hosts/none": 404, "/healthz": 200, "/api/v1/watch": 405} {
		r, err := http.NewRequest("HEAD", srv.URL+path, nil)
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+token)
		resp, err := srv.Client().Do(r)
		require.NoError(t, err)
		require.Equal(t, want, resp.StatusCode, path)
		require.NoError(t, resp.Body.Close())
	}
}
