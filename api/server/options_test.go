package server_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/server"
	"github.com/tapline-sdn/tapline/controller/access"
)

const (
	flowsPath = "/api/v1/tap_flows"

	// flow begins the body that creates a tap flow.
	flow = `{"name":"f","tap_id":"ids","type":"vnic","guest_id":"vm1"`
)

// TestOptions: what a tap flow does to its copies is stored, changed, taken back, and shown.
func TestOptions(t *testing.T) {
	b := newBench(t)
	b.furnish()
	var f api.TapFlow
	b.must(http.StatusCreated, http.MethodPost, flowsPath, flow+`,"filter":"tcp port 443",`+
		`"snaplen":128,"sample":1,"vlan":"strip","starts_at":"2026-11-30T08:00:00+02:00",`+
		`"expires_at":"2126-11-30T08:00:00Z","description":"for the audit"}`, &f)
	require.Equal(t, "tcp port 443", f.Filter)
	require.Equal(t, 128, f.Snaplen)
	require.Equal(t, 0, f.Sample, "one of one is all")
	require.Equal(t, api.VLANAction("strip"), f.VLAN)
	require.Equal(t, "2026-11-30T06:00:00Z", f.StartsAt.Format(time.RFC3339))
	require.Equal(t, "2126-11-30T08:00:00Z", f.ExpiresAt.Format(time.RFC3339))
	require.Equal(t, "for the audit", f.Description)

	one := flowsPath + "/" + f.ID
	for _, form := range []string{"100", `"100"`} {
		w := b.must(http.StatusOK, http.MethodPatch, one, `{"sample":4,"vlan":`+form+`}`, &f)
		require.Contains(t, w.Body.String(), `"vlan":100`)
		require.Equal(t, 4, f.Sample)
		require.Equal(t, "tcp port 443", f.Filter, "it stays")
		b.must(http.StatusOK, http.MethodPatch, one, `{"vlan":"keep"}`, &f)
	}

	b.must(http.StatusOK, http.MethodPatch, one, `{"filter":null,"snaplen":null,"sample":null,`+
		`"vlan":null,"starts_at":null,"expires_at":null,"description":null}`, &f)
	require.Empty(t, f.Filter)
	require.Zero(t, f.Snaplen+f.Sample)
	require.Equal(t, api.VLANAction("keep"), f.VLAN)
	require.Nil(t, f.StartsAt)
	require.Nil(t, f.ExpiresAt)
	require.Empty(t, f.Description)
}

// TestBadOptions: each is refused by its name, with what would be right.
func TestBadOptions(t *testing.T) {
	b := newBench(t)
	b.furnish()
	for fields, want := range map[string]string{
		`"vlan":4095`:                   "4095 is not accepted: want keep, strip, or a VLAN",
		`"vlan":"9999"`:                 "vlan",
		`"vlan":"drop"`:                 `"drop" is not accepted: want keep, strip, or a VLAN id`,
		`"vlan":true`:                   "true is not accepted: want keep, strip, or a VLAN id",
		`"snaplen":70000`:               "70000 is not accepted: want 64 to 65535 octets",
		`"sample":257`:                  "257 is not accepted: want 2 to 256",
		`"expires_at":"tomorrow"`:       `"tomorrow" is not accepted: want a time such as`,
		`"labels":{"a":1}`:              "labels.a: 1 is not accepted: want up to 128",
		`"labels":["a"]`:                "want up to 32 labels",
		`"rate_limit":"10Mbit/s"`:       "rate_limit: is not a field",
		`"filter":"tcp and port 99999"`: "filter: ",
	} {
		p := b.problem(http.StatusBadRequest, http.MethodPost, flowsPath, flow+`,`+fields+`}`)
		require.Contains(t, p.Detail, want, fields)
		require.Empty(t, b.engine.Flows(), fields)
	}

	p := b.problem(http.StatusBadRequest, http.MethodPost, flowsPath,
		flow+`,"filter":"tcp and prot 80"}`)
	require.NotNil(t, p.FilterError)
	require.Equal(t, "filter", p.Field)
	require.Equal(t, len("tcp and "), p.FilterError.Offset)
	require.Equal(t, len("prot"), p.FilterError.Length)
	require.NotEmpty(t, p.FilterError.Problem)

	p = b.problem(http.StatusBadRequest, http.MethodPost, "/api/v1/tap_services",
		`{"name":"s","type":"guest","target_id":"vm1","rate_limit":"10 apples"}`)
	require.Contains(t, p.Detail, `rate_limit: "10 apples" is not a rate`)
}

// TestLabels: labels are merged, removed one by one or all, and select in lists.
func TestLabels(t *testing.T) {
	b := newBench(t)
	b.furnish()
	var s, merged, removed api.TapService
	b.must(http.StatusOK, http.MethodPatch, "/api/v1/tap_services/ids",
		`{"labels":{"app":"ids","env":"prod"},"rate_limit":"10Mbit/s"}`, &s)
	require.Equal(t, map[string]string{"app": "ids", "env": "prod"}, s.Labels)
	require.Equal(t, "10Mbit/s", s.RateLimit)
	b.must(http.StatusOK, http.MethodPatch, "/api/v1/tap_services/ids",
		`{"labels":{"app":null,"x":"y"},"rate_limit":null}`, &merged)
	require.Equal(t, map[string]string{"env": "prod", "x": "y"}, merged.Labels)
	require.Empty(t, merged.RateLimit)

	for _, path := range []string{"hosts/h1", "guests/vm1"} {
		b.must(http.StatusOK, http.MethodPatch, "/api/v1/"+path, `{"labels":{"env":"prod"}}`, nil)
	}
	b.must(http.StatusCreated, http.MethodPost, flowsPath, flow+`,"labels":{"env":"prod"}}`, nil)
	for _, kind := range []string{"hosts", "guests", "tap_services", "tap_flows"} {
		for selector, want := range map[string]int{
			"label.env%3Dprod": 1, "label.env%3Dtest": 0, "label.env%21%3Dtest,label.env": 1,
		} {
			var list struct{ Total int }
			b.must(http.StatusOK, http.MethodGet, "/api/v1/"+kind+"?selector="+selector, "", &list)
			require.Equal(t, want, list.Total, "%s %s", kind, selector)
		}

		p := b.problem(http.StatusBadRequest, http.MethodGet,
			"/api/v1/"+kind+"?selector=label.env%3Dprod,app", "")
		require.Equal(t, "selector", p.Field)
		require.Contains(t, p.Detail, `at character 16: "app" is not a term: want label.KEY=VALUE`)
	}

	b.must(http.StatusOK, http.MethodPatch, "/api/v1/tap_services/ids", `{"labels":null}`,
		&removed)
	require.Empty(t, removed.Labels)
}

// TestRoleLimits: tap flows of a role get its default expiry, and none is later than its maximum.
func TestRoleLimits(t *testing.T) {
	b := newBench(t)
	b.furnish()
	b.handler = server.New(server.Config{Engine: b.engine, Token: []byte(token),
		Limits: access.NewRoleLimits(map[access.Role]access.Limits{
			access.Operator: {DefaultExpiry: 8 * time.Hour, MaxExpiry: 7 * 24 * time.Hour},
		})})
	operator := "Bearer " + b.newToken("op", access.Operator)
	in := func(d time.Duration) string {
		return `"expires_at":"` + time.Now().Add(d).UTC().Format(time.RFC3339) + `"`
	}
	lasts := func(want time.Duration, f api.TapFlow) {
		t.Helper()
		require.NotNil(t, f.ExpiresAt)
		require.WithinDuration(t, time.Now().Add(want), *f.ExpiresAt, time.Minute)
	}
	as := []string{"Authorization", operator}

	var f api.TapFlow
	b.must(http.StatusCreated, http.MethodPost, flowsPath, flow+`}`, &f, as...)
	lasts(8*time.Hour, f)
	one := flowsPath + "/" + f.ID
	b.must(http.StatusOK, http.MethodPatch, one, "{"+in(6*24*time.Hour)+"}", &f, as...)
	lasts(6*24*time.Hour, f)
	p := b.problem(http.StatusBadRequest, http.MethodPatch, one, "{"+in(8*24*time.Hour)+"}", as...)
	require.Equal(t, "expires_at", p.Field)
	require.Contains(t, p.Detail, "want at most 168h0m0s after the start")
	require.Contains(t, p.Detail, "access.roles.operator.max_expiry")
	b.must(http.StatusOK, http.MethodPatch, one, `{"expires_at":null}`, &f, as...)
	lasts(8*time.Hour, f)

	b.must(http.StatusOK, http.MethodPatch, one, "{"+in(90*24*time.Hour)+"}", &f)
	lasts(90*24*time.Hour, f)
	b.must(http.StatusOK, http.MethodPatch, one, `{"name":"renamed"}`, nil, as...)
	b.problem(http.StatusBadRequest, http.MethodPatch, one, `{"direction":"IN"}`, as...)
	b.must(http.StatusOK, http.MethodPost, one+"/disable", "", nil, as...)
	b.problem(http.StatusBadRequest, http.MethodPost, one+"/enable", "", as...)
	b.must(http.StatusOK, http.MethodPatch, one, `{"expires_at":null}`, nil)
	b.must(http.StatusOK, http.MethodPost, one+"/enable", "", &f, as...)
	lasts(8*time.Hour, f)
}

// TestCollectors: where a remote collector is, and the members of a pool, are stored and shown.
func TestCollectors(t *testing.T) {
	b := newBench(t)
	b.furnish()
	const path = "/api/v1/tap_services"

	var s api.TapService
	b.must(http.StatusCreated, http.MethodPost, path, `{"name":"box","type":"remote",`+
		`"address":"10.1.0.9","encap":"vxlan","key":0}`, &s)
	require.Equal(t, "10.1.0.9", s.Address)
	require.Equal(t, "vxlan", s.Encap)
	require.Equal(t, uint16(4789), s.Port, "the registered one")
	require.NotNil(t, s.Key)
	require.Zero(t, *s.Key)

	var pool api.TapService
	b.must(http.StatusCreated, http.MethodPost, path, `{"name":"both","type":"pool",`+
		`"members":["`+s.ID+`"]}`, &pool)
	require.Equal(t, []string{s.ID}, pool.Members)
	require.Nil(t, pool.Key)

	for fields, want := range map[string]string{
		`"encap":"ipip"`:        `"ipip" is not accepted`,
		`"port":0`:              "want a UDP port of 1 to 65535",
		`"key":4294967296`:      "want a GRE key, a VNI of 24 bits, or an ERSPAN session",
		`"address":"collector"`: "address",
		`"members":[]`:          "want 1 to 32 tap services",
		`"dedup":1`:             "want true or false",
	} {
		p := b.problem(http.StatusBadRequest, http.MethodPost, path,
			`{"name":"x","type":"remote",`+fields+`}`)
		require.Contains(t, p.Detail, want, fields)
	}
	b.problem(http.StatusBadRequest, http.MethodPatch, path+"/"+s.ID, `{"address":"10.1.0.8"}`)
}
