package server_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/controller/engine/view"
)

func TestTapFlow(t *testing.T) {
	b := newBench(t)
	b.furnish()
	var made api.TapFlow
	w := b.must(
		201,
		"POST",
		"/api/v1/tap_flows",
		`{"name":"web","type":"vnic","guest_id":"vm1","mac_addr":"52-54-00-00-00-01",`+
			`"ip_addr":"::ffff:10.0.0.1","direction":"IN","tap_id":"ids"}`,
		&made,
	)
	require.Equal(t, "/api/v1/tap_flows/"+made.ID, w.Header().Get("Location"))
	require.Equal(t, "52:54:00:00:00:01", made.MACAddr)
	require.Equal(t, "10.0.0.1", made.IPAddr)
	require.Equal(t, "vm-1", made.GuestID, "a name becomes an id")
	require.True(t, made.Enabled)
	require.Equal(t, api.Pending, made.Status)

	var shown api.TapFlow
	again := b.must(200, "GET", "/api/v1/tap_flows/web", "", &shown)
	require.Equal(t, made, shown)
	require.Equal(t, w.Header().Get("ETag"), again.Header().Get("ETag"))
	require.Equal(t, "private, no-cache", again.Header().Get("Cache-Control"))

	var names map[string]any
	require.NoError(t, json.Unmarshal(again.Body.Bytes(), &names))
	for _, field := range []string{"id", "name", "tap_id", "type", "guest_id", "host_id", "wire_id",
		"mac_addr", "ip_addr",
		"vlan_id", "direction", "enabled", "status", "reason"} {
		require.Contains(
			t,
			names,
			field,
			"scripts rely on the names, whether there is a value or not",
		)
	}

	var changed api.TapFlow
	b.must(
		200,
		"PATCH",
		"/api/v1/tap_flows/web",
		`{"direction":"OUT","enabled":false,"tap_id":"probe","name":"web2"}`,
		&changed,
	)
	require.Equal(t, "OUT", changed.Direction)
	require.False(t, changed.Enabled)
	require.Equal(t, api.Disabled, changed.Status)
	require.Equal(t, "web2", changed.Name)
	require.NotEqual(t, made.TapID, changed.TapID)
	require.Equal(t, made.MACAddr, changed.MACAddr, "what a patch does not name stays")

	b.must(200, "POST", "/api/v1/tap_flows/"+made.ID+"/enable", "", &changed)
	require.True(t, changed.Enabled)
	b.must(200, "POST", "/api/v1/tap_flows/"+made.ID+"/disable", "", &changed)
	require.False(t, changed.Enabled)

	b.problem(409, "DELETE", "/api/v1/tap_services/probe", "")
	require.Empty(t, b.must(204, "DELETE", "/api/v1/tap_flows/web2", "", nil).Body.String())
	p := b.problem(404, "GET", "/api/v1/tap_flows/web2", "")
	require.Contains(t, p.Detail, `"web2"`)
	b.problem(404, "DELETE", "/api/v1/tap_flows/web2", "")
	b.problem(404, "PATCH", "/api/v1/tap_flows/web2", `{"name":"x"}`)
	b.problem(404, "POST", "/api/v1/tap_flows/web2/enable", "")
}

func TestTapFlowVLAN(t *testing.T) {
	b := newBench(t)
	b.furnish()
	var f api.TapFlow
	b.must(
		201,
		"POST",
		"/api/v1/tap_flows",
		`{"name":"sw","type":"vswitch","host_id":"h1","wire_id":"net0","vlan_id":4094,`+
			`"tap_id":"ids","enabled":false}`,
		&f,
	)
	require.Equal(t, 4094, f.VLANID)
	require.Equal(t, "BOTH", f.Direction)
	require.Equal(t, api.Disabled, f.Status)

	b.must(200, "PATCH", "/api/v1/tap_flows/sw", `{"vlan_id":1}`, &f)
	require.Equal(t, 1, f.VLANID)
	b.must(200, "PATCH", "/api/v1/tap_flows/sw", `{"direction":"IN"}`, &f)
	require.Equal(t, 1, f.VLANID)
	b.must(200, "PATCH", "/api/v1/tap_flows/sw", `{"vlan_id":null}`, &f)
	require.Equal(t, 0, f.VLANID, "null selects all traffic")
}

func TestTapService(t *testing.T) {
	b := newBench(t)
	b.furnish()
	var s api.TapService
	w := b.must(200, "GET", "/api/v1/tap_services/ids", "", &s)
	require.False(t, s.Enabled, "created disabled")
	require.Equal(t, api.Disabled, s.Status)
	require.Equal(t, "vm-1", s.TargetID)
	require.NotEmpty(t, s.MACAddr)
	require.NotEmpty(t, w.Header().Get("ETag"))

	b.must(
		201,
		"POST",
		"/api/v1/tap_services",
		`{"name":"off","type":"guest","target_id":"vm-1","enabled":false}`,
		nil,
	)
	p := b.problem(
		409,
		"POST",
		"/api/v1/tap_services",
		`{"name":"ids","type":"guest","target_id":"vm1"}`,
	)
	require.Equal(t, "name", p.Field)
	b.must(200, "PATCH", "/api/v1/tap_services/ids", `{"enabled":true,"name":"ids2"}`, &s)
	require.True(t, s.Enabled)
	require.Equal(t, "ids2", s.Name)
	require.Nil(t, s.Place, "its NIC was not seen yet")

	b.must(200, "PATCH", "/api/v1/tap_services/ids2", `{"accept_place":"h1","name":"ids3"}`, &s)
	require.Equal(t, &api.Place{HostID: "host-1", HostName: "h1"}, s.Place)
	require.Equal(t, "ids3", s.Name)
	p = b.problem(400, "PATCH", "/api/v1/tap_services/ids3", `{"accept_place":"h9","name":"x"}`)
	require.Equal(t, "accept_place", p.Field)
	b.must(200, "PATCH", "/api/v1/tap_services/ids3", `{"name":"ids2"}`, &s)
	require.Equal(t, "h1", s.Place.HostName, "it stays")
	b.must(204, "DELETE", "/api/v1/tap_services/ids2", "", nil)
}

func TestHost(t *testing.T) {
	b := newBench(t)
	b.furnish()
	var h api.Host
	b.must(
		200,
		"PATCH",
		"/api/v1/hosts/h1",
		`{"wires":{"net1":"br1"},"uplinks":{"br1":["eth1"]},"ovsdb":"ssl:[2001:db8::1]:6640"}`,
		&h,
	)
	require.Equal(t, map[string]string{"net0": "br0", "net1": "br1"}, h.Wires, "merged")
	require.Equal(t, []string{}, h.MayStillCopy)
	b.engine.SetMayStillCopy(h.ID, "ids", "web")
	b.must(200, "GET", "/api/v1/hosts/h1", "", &h)
	require.Equal(t, []string{"ids", "web"}, h.MayStillCopy)
	require.Equal(t, map[string][]string{"br1": {"eth1"}}, h.Uplinks)
	h = api.Host{} // or decoding would add to its maps
	b.must(
		200,
		"PATCH",
		"/api/v1/hosts/h1",
		`{"wires":{"net0":null},"uplinks":{"br1":null},"tunnel_ip":null,"nics":[]}`,
		&h,
	)
	require.Equal(t, map[string]string{"net1": "br1"}, h.Wires)
	require.Empty(t, h.Uplinks)
	require.Empty(t, h.TunnelIP)
	require.Empty(t, h.NICs)
	b.must(200, "PATCH", "/api/v1/hosts/h1", `{"tunnel_ip":"2001:db8::7"}`, &h)
	require.Equal(t, "2001:db8::7", h.TunnelIP)

	var raw map[string]any
	b.must(200, "GET", "/api/v1/hosts/h2", "", &raw)
	for _, field := range []string{"wires", "uplinks", "nics", "bridges"} {
		require.NotNil(t, raw[field], "%s is empty, not null", field)
	}
	b.must(204, "DELETE", "/api/v1/hosts/h2", "", nil)
}

func TestGuest(t *testing.T) {
	b := newBench(t)
	b.furnish()
	b.engine.LearnGuest(
		view.Guest{
			ID:   "vm-9",
			Name: "learned",
			NICs: []view.NIC{{HostID: "host-1", Host: "h1", Bridge: "br0", Port: "vnet9"}},
		},
	)

	w := b.must(200, "GET", "/api/v1/guests/learned", "", nil)
	require.Regexp(t, `^W/"`, w.Header().Get("ETag"), "what is learned has no revision")
	b.problem(409, "PATCH", "/api/v1/guests/learned", `{"name":"x"}`)

	var g api.Guest
	b.must(200, "PATCH", "/api/v1/guests/vm1", `{"nics":[{"mac":"52:54:00:00:00:07"}]}`, &g)
	require.Equal(
		t,
		[]api.GuestNIC{
			{MAC: "52:54:00:00:00:07", IPAddrs: []string{}, Sources: map[string][]string{}},
		},
		g.NICs,
		"replaced",
	)
	var list api.GuestList
	b.must(200, "GET", "/api/v1/guests?host_id=h1", "", &list)
	require.Equal(t, 1, list.Total)
	b.must(200, "GET", "/api/v1/guests?declared=false", "", &list)
	require.Equal(t, "learned", list.Guests[0].Name)
	b.must(204, "DELETE", "/api/v1/guests/vm1", "", nil)
}

func TestWire(t *testing.T) {
	b := newBench(t)
	b.furnish()
	p := b.problem(409, "POST", "/api/v1/wires", `{"name":"net0","bridges":{"h1":"br0"}}`)
	require.Equal(t, "name", p.Field)
	require.Contains(t, p.Detail, "PATCH")

	var w api.Wire
	b.must(200, "PATCH", "/api/v1/wires/net0", `{"bridges":{"h1":"br7","h2":null}}`, &w)
	require.Len(t, w.Hosts, 1)
	require.Equal(t, "br7", w.Hosts[0].Bridge)
	b.must(200, "PATCH", "/api/v1/wires/net5", `{"bridges":{"h2":"br5"}}`, &w)
	require.Equal(t, "net5", w.Name, "comes into being")
	b.problem(400, "PATCH", "/api/v1/wires/net5", `{"bridges":{"h9":"br5"}}`)
	var list api.WireList
	b.must(200, "GET", "/api/v1/wires?host_id=h2", "", &list)
	require.Equal(t, 1, list.Total)
	b.must(204, "DELETE", "/api/v1/wires/net5", "", nil)
}

func TestLists(t *testing.T) {
	b := newBench(t)
	b.furnish()
	for _, body := range []string{
		`{"name":"a","type":"vnic","guest_id":"vm1","tap_id":"ids","direction":"IN"}`,
		`{"name":"b","type":"vnic","guest_id":"vm1","tap_id":"probe","direction":"OUT",` +
			`"enabled":false}`,
		`{"name":"c","type":"vswitch","host_id":"h1","wire_id":"net0","tap_id":"probe"}`,
		`{"name":"d","type":"vswitch","host_id":"h2","wire_id":"net0","tap_id":"probe"}`,
	} {
		b.must(201, "POST", "/api/v1/tap_flows", body, nil)
	}
	b.engine.SetHealth("flow-7", "ready", "")
	for query, tc := range map[string]struct {
		names string
		total int
	}{
		"":                              {"abcd", 4},
		"?name=b":                       {"b", 1},
		"?tap_id=probe":                 {"bcd", 3},
		"?tap_id=nobody":                {"", 0},
		"?type=vswitch":                 {"cd", 2},
		"?guest_id=vm1":                 {"ab", 2},
		"?guest_id=vm-1":                {"ab", 2},
		"?host_id=h2":                   {"d", 1},
		"?wire_id=net0":                 {"cd", 2},
		"?direction=BOTH":               {"cd", 2},
		"?enabled=false":                {"b", 1},
		"?enabled=0":                    {"b", 1},
		"?status=disabled":              {"b", 1},
		"?tap_id=probe&type=vnic":       {"b", 1},
		"?limit=2":                      {"ab", 4},
		"?limit=2&offset=3":             {"d", 4},
		"?offset=9":                     {"", 4},
		"?limit=0":                      {"abcd", 4},
		"?order=desc":                   {"dcba", 4},
		"?order_by=created_at":          {"abcd", 4},
		"?order_by=direction":           {"cdab", 4},
		"?order_by=type&order=desc":     {"cdab", 4},
		"?order_by=created_at&limit=1":  {"a", 4},
		"?order_by=host_id&type=vnic":   {"ab", 2},
		"?order_by=enabled&order=asc":   {"bacd", 4},
		"?order_by=updated_at&offset=2": {"cd", 4},
	} {
		t.Run(query, func(t *testing.T) {
			var list api.TapFlowList
			b.must(http.StatusOK, "GET", "/api/v1/tap_flows"+query, "", &list)
			names := ""
			for _, f := range list.TapFlows {
				names += f.Name
			}
			require.Equal(t, tc.names, names)
			require.Equal(t, tc.total, list.Total)
			require.NotNil(t, list.TapFlows, "an empty list is not null")
		})
	}

	var services api.TapServiceList
	b.must(200, "GET", "/api/v1/tap_services?host_id=h1", "", &services)
	require.Equal(t, 1, services.Total)
	require.Equal(t, 3, services.TapServices[0].FlowCount)
	b.must(200, "GET", "/api/v1/tap_services?target_id=vm1", "", &services)
	require.Equal(t, "ids", services.TapServices[0].Name)
	b.must(200, "GET", "/api/v1/tap_services?target_id=h1", "", &services)
	require.Equal(t, "probe", services.TapServices[0].Name)
	var hosts api.HostList
	b.must(200, "GET", "/api/v1/hosts?connected=false&order_by=status", "", &hosts)
	require.Equal(t, 2, hosts.Total)
}

func TestServicesInOrder(t *testing.T) {
	b := newBench(t)
	for _, r := range [][2]string{
		{"hosts", `{"name":"h9","ovsdb":"unix:/a","tunnel_ip":"10.0.0.9","nics":[{"name":"e",` +
			`"mac":"52:54:00:00:00:91"}]}`},
		{"hosts", `{"name":"h6","ovsdb":"unix:/b","tunnel_ip":"2001:db8::1","nics":[{"name":"e",` +
			`"mac":"52:54:00:00:00:92"}]}`},
		{"hosts",
			`{"name":"h0","ovsdb":"unix:/c","nics":[{"name":"e","mac":"52:54:00:00:00:93"}]}`},
		{"guests", `{"name":"vm","nics":[{"mac":"52:54:00:00:00:01","ip":"10.0.0.10"}]}`},
		{"tap_services",
			`{"name":"a-v6","type":"host","target_id":"h6","mac_addr":"52:54:00:00:00:92"}`},
		{"tap_services", `{"name":"b-10","type":"guest","target_id":"vm"}`},
		{"tap_services",
			`{"name":"c-none","type":"host","target_id":"h0","mac_addr":"52:54:00:00:00:93"}`},
		{"tap_services",
			`{"name":"d-9","type":"host","target_id":"h9","mac_addr":"52:54:00:00:00:91"}`},
		{"tap_flows", `{"name":"f1","type":"vnic","guest_id":"vm","tap_id":"d-9"}`},
		{"tap_flows", `{"name":"f2","type":"vnic","guest_id":"vm","tap_id":"d-9"}`},
		{"tap_flows", `{"name":"f3","type":"vnic","guest_id":"vm","tap_id":"a-v6"}`},
	} {
		b.must(201, "POST", "/api/v1/"+r[0], r[1], nil)
	}
	for query, want := range map[string][]string{
		"order_by_ip=asc":                            {"c-none", "d-9", "b-10", "a-v6"},
		"order_by_ip=desc":                           {"a-v6", "b-10", "d-9", "c-none"},
		"order_by_flow_count=asc":                    {"b-10", "c-none", "a-v6", "d-9"},
		"order_by_flow_count=desc":                   {"d-9", "a-v6", "b-10", "c-none"},
		"order_by=flow_count&order=desc":             {"d-9", "a-v6", "b-10", "c-none"},
		"order_by_flow_count=desc&limit=1":           {"d-9"},
		"order_by=type&order_by_flow_count=asc":      {"b-10", "c-none", "a-v6", "d-9"},
		"order_by=type&order=desc":                   {"a-v6", "c-none", "d-9", "b-10"},
		"order_by_ip=asc&type=host":                  {"c-none", "d-9", "a-v6"},
		"order_by_ip=desc&type=host&offset=1":        {"d-9", "c-none"},
		"order_by=name&order=desc&limit=2&offset=1":  {"c-none", "b-10"},
		"order_by=enabled&order_by_flow_count=desc":  {"d-9", "a-v6", "b-10", "c-none"},
		"order_by_flow_count=asc&order_by_ip=desc":   {"a-v6", "b-10", "d-9", "c-none"},
		"order_by_flow_count=asc&target_id=h9&type=": nil,
	} {
		t.Run(query, func(t *testing.T) {
			b.t = t
			if want == nil {
				b.problem(400, "GET", "/api/v1/tap_services?"+query, "")
				return
			}
			var list api.TapServiceList
			b.must(200, "GET", "/api/v1/tap_services?"+query, "", &list)
			var names []string
			for _, s := range list.TapServices {
				names = append(names, s.Name)
			}
			require.Equal(t, want, names)
		})
	}
	var s api.TapService
	b.must(200, "GET", "/api/v1/tap_services/d-9", "", &s)
	require.Equal(
		t,
		[]string{"h9", "h9", "10.0.0.9"},
		[]string{s.TargetName, s.HostName, s.TargetIPs[0]},
	)
	var f api.TapFlow
	b.must(200, "GET", "/api/v1/tap_flows/f3", "", &f)
	require.Equal(t, []string{"a-v6", "vm", ""}, []string{f.TapName, f.GuestName, f.HostName})
}
