package kind_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/tapctl/format"
	"github.com/tapline-sdn/tapline/api/tapctl/kind"
)

// written is one resource as CSV with chosen columns.
func written[T, L any](t *testing.T, k kind.Kind[T, L], v T, columns string) string {
	t.Helper()
	var b strings.Builder
	style := format.Style{Format: "csv", Columns: strings.Split(columns, ",")}
	require.NoError(t, k.Write(&b, style, v))

	_, rows, _ := strings.Cut(b.String(), "\n")
	return rows
}

// TestWideColumns: what -o wide adds, also for resources that lack what a column shows.
func TestWideColumns(t *testing.T) {
	at := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	captured := api.Flowing{PacketsPerSecond: 10, BitsPerSecond: 8000}
	captured.Packets, captured.Bytes = 1234, 123_400
	counted := api.Counters{SampledAt: &at, Captured: captured, Delivered: &captured,
		Lost: &api.Count{Packets: 3}}
	undelivered := counted
	undelivered.Delivered, undelivered.Lost = nil, nil

	shared := counted
	shared.Shared = true
	own := shared
	own.ByMAC = &api.ByMAC{Captured: api.Flowing{Packets: 5, Bytes: 500, PacketsPerSecond: 2}}

	const counters = "CAPTURED,DELIVERED,LOST,RATE"
	flows, services := kind.TapFlows(), kind.TapServices()
	for name, tc := range map[string]struct{ got, want string }{
		"counted": {written(t, flows, api.TapFlow{Counters: counted}, counters),
			"1234 (123 kB),1234 (123 kB),3,\"10 p/s, 8.0 kbit/s\"\n"},
		"delivery is not known": {
			written(t, services, api.TapService{Counters: undelivered}, counters),
			"1234 (123 kB),,,\"10 p/s, 8.0 kbit/s\"\n"},
		"shared": {written(t, flows, api.TapFlow{Counters: shared}, counters),
			"1234 (123 kB) shared,1234 (123 kB) shared,3 shared,\"10 p/s, 8.0 kbit/s shared\"\n"},
		"shared, and told by address": {written(t, flows, api.TapFlow{Counters: own}, counters),
			"5 (500 B) by MAC,1234 (123 kB) shared,3 shared,\"2 p/s, 0 bit/s by MAC\"\n"},
		"not counted yet": {written(t, flows, api.TapFlow{}, counters), ",,,\n"},

		"names where they are known": {written(t, services, api.TapService{TargetID: "vm-1",
			TargetName: "vm1", HostID: "host-1", HostName: "h1", Enabled: true, FlowCount: 2},
			"TARGET,HOST,ENABLED,FLOWS"), "vm1,h1,true,2\n"},
		"ids elsewhere": {written(t, services,
			api.TapService{TargetID: "vm-1", HostID: "host-1"}, "TARGET,HOST"), "vm-1,host-1\n"},

		"a place": {written(t, services, api.TapService{
			Place: &api.Place{HostID: "host-1", HostName: "h1"}}, "PLACE"), "h1\n"},
		"a place that is not registered": {written(t, services, api.TapService{
			Place: &api.Place{HostID: "host-1"}}, "PLACE"), "host-1\n"},
		"no place": {written(t, services, api.TapService{Name: "ids"}, "NAME,PLACE"), "ids,\n"},

		"a wire that was declared": {written(t, kind.Wires(), api.Wire{Name: "net0",
			Hosts: []api.WireHost{{Host: "h1", Bridge: "br0", Declared: true}}},
			"HOST,BRIDGE,FROM"), "h1,br0,declared\n"},
		"a wire that is a bridge": {written(t, kind.Wires(), api.Wire{Name: "br0",
			Hosts: []api.WireHost{{Host: "h1", Bridge: "br0"}}}, "FROM"), "the bridge's name\n"},
		"a wire of the switch": {written(t, kind.Wires(), api.Wire{Name: "net0",
			Hosts: []api.WireHost{{Host: "h1", Bridge: "br0", Uplinks: []string{"e0", "e1"}}}},
			"UPLINKS,FROM"), "\"e0,e1\",ovn-bridge-mappings\n"},

		"a guest with two NICs": {written(t, kind.Guests(), api.Guest{Host: "h9",
			NICs: []api.GuestNIC{{Host: "h1", Port: "v1", Bridge: "b1"}, {Port: "v2"}}},
			"HOST,PORT,BRIDGE"), "h1,\"v1,v2\",b1\n"},
		"a guest whose ports are not seen": {written(t, kind.Guests(), api.Guest{Host: "h9"},
			"HOST,PORT"), "h9,\n"},

		"a record without a name": {written(t, kind.AuditRecords(),
			api.AuditRecord{Method: "DELETE", Status: 401, Count: 2,
				Actor: api.AuditActor{Type: "unknown"}}, "ACTOR,ACTION,STATUS,COUNT"),
			"unknown,delete,401,2\n"},
		"a token that never expires": {written(t, kind.CreatedTokens(),
			api.TokenCreated{Token: api.Token{Name: "ci", Role: "viewer"}, Secret: "tl_x"},
			"NAME,ROLE,EXPIRES,TOKEN"), "ci,viewer,never,tl_x\n"},
	} {
		require.Equal(t, tc.want, tc.got, name)
	}
}
