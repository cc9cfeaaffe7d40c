package server_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api"
)

func TestPlan(t *testing.T) {
	b := newBench(t)
	b.furnish()
	b.must(
		http.StatusCreated,
		http.MethodPost,
		"/api/v1/tap_flows",
		`{"name":"web","type":"vnic","guest_id":"vm1","tap_id":"ids"}`,
		nil,
	)
	flows, services := b.engine.Flows(), b.engine.Services()
	var p api.Plan
	resp := b.send(http.MethodPost, "/api/v1/plan", `{"changes":[
		{"action":"create","kind":"guest","body":{"name":"db",
			"nics":[{"mac":"52:54:00:00:00:08"}]}},
		{"action":"create","kind":"tap_flow","body":{"name":"db-all","type":"vnic","guest_id":"db",
			"tap_id":"ids"}},
		{"action":"enable","kind":"tap_service","ref":"ids"},
		{"action":"delete","kind":"tap_flow","ref":"web"}]}`)
	require.Equal(t, http.StatusOK, resp.Code, resp.Body.String())
	require.NoError(t, json.Unmarshal(resp.Body.Bytes(), &p))
	actions := map[string]string{}
	for _, r := range p.Resources {
		actions[r.Kind+" "+r.Name] = r.Action
	}
	require.Equal(
		t,
		map[string]string{
			"guest db":        "create",
			"tap_flow db-all": "create",
			"tap_service ids": "update",
			"tap_flow web":    "delete",
		},
		actions,
	)
	require.Equal(t, flows, b.engine.Flows())
	require.Equal(t, services, b.engine.Services())

	for _, tc := range []struct {
		name, body string
		status     int
		want       []api.FieldProblem
	}{
		{"nothing", `{"changes":[]}`, 400, []api.FieldProblem{{Field: "changes",
			Detail: "[] is not accepted: want 1 to 10000 changes"}}},
		{"no ref", `{"changes":[{"action":"delete","kind":"tap_flow"}]}`, 400,
			[]api.FieldProblem{{Field: "changes[0].ref",
				Detail: "is missing: want the id or name of a tap flow"}}},
		{"ref of create",
			`{"changes":[{"action":"create","kind":"host","ref":"x","body":{"name":"h",` +
				`"ovsdb":"tcp:192.0.2.9:6640"}}]}`, 400,
			[]api.FieldProblem{{Field: "changes[0].ref",
				Detail: "is not a field of create: leave it out"}}},
		{"body of delete", `{"changes":[{"action":"delete","kind":"host","ref":"h1","body":{}}]}`,
			400,
			[]api.FieldProblem{{Field: "changes[0].body",
				Detail: "is not a field of delete: leave it out"}}},
		{"host enabled", `{"changes":[{"action":"enable","kind":"host","ref":"h1"}]}`, 400,
			[]api.FieldProblem{{Field: "changes[0].action", Detail: "a host cannot be enabled"}}},
		{"no body", `{"changes":[{"action":"create","kind":"guest"}]}`, 400, []api.FieldProblem{
			{Field: "changes[0].body.name",
				Detail: "is missing: want a name of 1 to 128 printable characters without '/', a " +
					"'-' at the beginning, or blanks at its ends"},
			{Field: "changes[0].body.nics", Detail: "is missing: want at least one NIC"}}},
		{"field of a body",
			`{"changes":[{"action":"update","kind":"tap_flow","ref":"web",` +
				`"body":{"vlan_id":4095}}]}`, 400,
			[]api.FieldProblem{{Field: "changes[0].body.vlan_id",
				Detail: "4095 is not accepted: want a VLAN id 1..4094, or null to select all " +
					"traffic"}}},
		{"several, and what only follows", `{"changes":[
			{"action":"create","kind":"tap_service","body":{"name":"s2","type":"guest",
				"target_id":"nobody"}},
			{"action":"create","kind":"tap_flow","body":{"name":"f2","type":"vnic","guest_id":"vm1",
				"tap_id":"s2"}},
			{"action":"delete","kind":"tap_service","ref":"ids"}]}`, 400,
			[]api.FieldProblem{
				{Field: "changes[0].body.target_id", Detail: `there is no guest "nobody"`},
				{Field: "changes[2]",
					Detail: `tap service "ids" still has 1 tap flows: delete them first`}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			resp := b.send(http.MethodPost, "/api/v1/plan", tc.body)
			require.Equal(t, tc.status, resp.Code, resp.Body.String())
			var p api.Problem
			require.NoError(t, json.Unmarshal(resp.Body.Bytes(), &p))
			for i := range p.Errors {
				p.Errors[i].Pointer = "" // The same in another form.
			}
			require.Equal(t, tc.want, p.Errors)
			require.Equal(t, flows, b.engine.Flows())
		})
	}
}
