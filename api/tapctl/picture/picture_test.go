package picture_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/tapctl/cloud"
	"github.com/tapline-sdn/tapline/api/tapctl/picture"
)

// state is a cloud of three hosts. A guest of h1 is mirrored on h1 and to h2; nothing is on h3, and
// the guest of one tap flow is nowhere.
func state() cloud.State {
	return cloud.State{
		Hosts: []api.Host{
			{ID: "1", Name: "h1", Status: api.Ready, TunnelIP: "192.0.2.1", OVSVersion: "3.1.0",
				Bridges: []string{"br0", "br1"}, Wires: map[string]string{"net0": "br0"}},
			{ID: "2", Name: "h2", Status: api.Error, Reason: "why"},
			{ID: "3", Name: "h3", Status: api.Pending, ReasonCode: "host_disconnected",
				MayStillCopy: []string{"far", "old"}},
		},
		Guests: map[string]api.Guest{
			"g": {ID: "g", Name: "web", NICs: []api.GuestNIC{
				{MAC: "02:00:00:00:00:01", HostID: "1", Bridge: "br0", Port: "vnet0"},
				{MAC: "02:00:00:00:00:02", HostID: "1", Bridge: "br9", Port: "vnet1"},
			}},
			"lost": {ID: "lost", Name: "lost"},
		},
		Wires: []api.Wire{
			{Name: "net0", Hosts: []api.WireHost{{HostID: "1", Bridge: "br0",
				Uplinks: []string{"eth0"}}}},
			{Name: "br0", Hosts: []api.WireHost{{HostID: "1", Bridge: "br0",
				Uplinks: []string{"eth0"}}}},
		},
		TapServices: []api.TapService{
			{ID: "s1", Name: "near", Type: "host", TargetID: "1", HostID: "1", Status: api.Ready,
				FlowCount: 1},
			{ID: "s2", Name: "far", Type: "guest", TargetID: "g", HostID: "2", Status: api.Ready,
				FlowCount: 2},
			{ID: "s3", Name: "nowhere", Type: "guest", TargetID: "gone", Status: api.Pending},
		},
		TapFlows: []api.TapFlow{
			{ID: "f1", Name: "local", Type: "vnic", GuestID: "g", MACAddr: "02:00:00:00:00:01",
				TapID: "s1", Direction: "IN", Enabled: true, Status: api.Ready},
			{ID: "f2", Name: "remote", Type: "vnic", GuestID: "g", MACAddr: "02:00:00:00:00:02",
				TapID: "s2", Direction: "OUT", Enabled: true, Status: api.Ready},
			{ID: "f3", Name: "off", Type: "vswitch", HostID: "1", WireID: "net0", VLANID: 7,
				TapID: "s2", Direction: "BOTH", Status: api.Disabled},
			{ID: "f4", Name: "lost", Type: "vnic", GuestID: "lost", MACAddr: "02:00:00:00:00:03",
				TapID: "gone", Direction: "BOTH", Enabled: true, Status: api.Error,
				Reason: "no NIC"},
		},
	}
}

func TestTopologyPutsEverythingAtItsPlace(t *testing.T) {
	topology := picture.NewTopology(state(), nil)
	require.Len(t, topology.Hosts, 3)
	h1 := topology.Hosts[0]

	var bridges []string
	for _, b := range h1.Bridges {
		bridges = append(bridges, b.Name)
	}
	require.Equal(t, []string{"br0", "br1", "br9"}, bridges,
		"a bridge that the switch lacks is shown too")
	require.Equal(t, []string{"net0"}, h1.Bridges[0].Wires,
		"the bridge's own name goes without saying")
	require.Equal(t, []string{"eth0"}, h1.Bridges[0].Uplinks)

	local, off := h1.Bridges[0].Flows[0], h1.Bridges[0].Flows[1]
	require.Equal(t, "web 02:00:00:00:00:01", local.Source)
	require.Equal(t, "vnet0", local.Port)
	require.Equal(t, "h1", local.To)
	require.False(t, local.Tunnel)
	require.Equal(t, "net0 vlan 7", off.Source)

	remote := h1.Bridges[2].Flows[0]
	require.True(t, remote.Tunnel)
	require.Equal(t, []picture.Tunnel{{From: "h1", To: "h2", Flows: []string{"remote"}}},
		topology.Tunnels,
		"a disabled tap flow takes no tunnel")

	require.Equal(t, "web", topology.Hosts[1].Services[0].Target)
	require.Equal(t, []string{"far", "old"}, topology.Hosts[2].MayStillCopy)
	require.Equal(t, "host_disconnected", topology.Hosts[2].ReasonCode)
	require.Equal(t, "gone", topology.Unplaced.Services[0].Target)
	require.Equal(t, "lost", topology.Unplaced.Flows[0].Name)
	require.Equal(t, "gone", topology.Unplaced.Flows[0].Service)
}

func TestTopologyOfSomeHosts(t *testing.T) {
	for _, tc := range []struct {
		only, want []string
	}{
		{[]string{"h1"}, []string{"h1", "h2"}},
		{[]string{"2"}, []string{"h1", "h2"}},
		{[]string{"h3"}, []string{"h3"}},
		{[]string{"h3", "h1"}, []string{"h1", "h2", "h3"}},
	} {
		topology := picture.NewTopology(state(), tc.only)
		var names []string
		for _, h := range topology.Hosts {
			names = append(names, h.Name)
		}
		require.Equal(t, tc.want, names)
		require.Empty(t, topology.Unplaced.Flows)
	}
	require.Empty(t, picture.NewTopology(state(), []string{"h3"}).Tunnels)
}

func TestTree(t *testing.T) {
	var b strings.Builder
	require.NoError(t, picture.Tree(&b, picture.NewTopology(state(), nil)))
	require.Equal(t, `h1  ready  tunnel 192.0.2.1  ovs 3.1.0
├── bridge br0  wires net0  uplinks eth0
│   ├── tap flow local  vnic web 02:00:00:00:00:01  port vnet0  IN  -> near (local)  ready
│   └── tap flow off  vswitch net0 vlan 7  BOTH  -> far on h2 (tunnel)  disabled
├── bridge br1
├── bridge br9
│   └── tap flow remote  vnic web 02:00:00:00:00:02  port vnet1  OUT  -> far on h2 (tunnel)  ready
└── tap service near  host h1  1 flow  ready
h2  error: why
└── tap service far  guest web  2 flows  ready
h3  pending
└── may still copy for far, old
tunnels
└── h1 -> h2  remote
on no host
├── tap service nowhere  guest gone  0 flows  pending
└── tap flow lost  vnic lost 02:00:00:00:00:03  BOTH  -> gone  error: no NIC
`, b.String())
}

// TestDrawingsKeepNamesInTheirQuotes has names with all that means something in the languages.
func TestDrawingsKeepNamesInTheirQuotes(t *testing.T) {
	evil := "a\"b\\c]|<x>#&\x1b[2J\nd"
	s := state()
	s.Hosts[0].Name = evil
	s.TapServices[0].Name = evil
	s.TapFlows[0].Name = evil

	var dot, mermaid strings.Builder
	require.NoError(t, picture.Dot(&dot, picture.NewTopology(s, nil)))
	require.NoError(t, picture.Mermaid(&mermaid, picture.NewTopology(s, nil)))

	require.Contains(t, dot.String(), `subgraph "cluster a\"b\\c]|<x>#&?[2J\nd" {`)
	for line := range strings.Lines(dot.String()) {
		quotes := strings.Count(line, `"`) - strings.Count(line, `\"`)
		require.Zero(t, quotes%2, "quotes are in pairs: %s", line)
	}

	require.Contains(t, mermaid.String(), `["a&quot;b\c]|&lt;x&gt;&#35;&amp;?[2J<br/>d ready"]`)
	for line := range strings.Lines(mermaid.String()) {
		require.Zero(t, strings.Count(line, `"`)%2, "quotes are in pairs: %s", line)
	}
	for _, text := range []string{dot.String(), mermaid.String()} {
		require.NotContains(t, text, "\x1b")
	}
}

func TestDrawingsShowTunnelsAndStatuses(t *testing.T) {
	topology := picture.NewTopology(state(), nil)
	var dot, mermaid strings.Builder
	require.NoError(t, picture.Dot(&dot, topology))
	require.NoError(t, picture.Mermaid(&mermaid, topology))

	require.Contains(t, dot.String(),
		`"source f2" -> "service far" [label="remote\nOUT ready", color=darkgreen, penwidth=2];`)
	require.Contains(t, dot.String(),
		`"source f4" [label="lost 02:00:00:00:00:03", shape=ellipse, color=red];`)
	require.Contains(t, dot.String(),
		`"bridge h1 br0" -> "source f1" [arrowhead=none, style=dotted];`)

	require.Regexp(t, `n\d+ ==>\|"remote OUT ready"\| n\d+`, mermaid.String())
	require.Regexp(t, `n\d+ -->\|"local IN ready"\| n\d+`, mermaid.String())
	require.Contains(t, mermaid.String(), "classDef error stroke:red\n")
}

func TestExplanation(t *testing.T) {
	at := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	text := picture.Explanation(api.Explanation{
		Kind: "tap_service", ID: "s1", Name: "ids", Status: api.Pending, Reason: "evil \x1b[2J",
		Path: []api.Hop{
			{What: "source", Text: "any", Status: api.Ready,
				Count: &api.Count{Packets: 5, Bytes: 500}},
			{What: "mirror", Text: "tl-1", Status: api.Disabled,
				Count: &api.Count{Packets: 5, Bytes: 500}},
		},
		Checks: []api.Check{
			{What: "it is enabled", Status: api.Ready, Since: &at},
			{What: "a NIC is plugged", Status: api.Pending, Reason: "none is"},
		},
		Next: []string{"plug one", "wait"},
		Flows: []api.FlowLine{
			{Name: "good", Status: api.Ready}, {Name: "bad", Status: api.Error, Reason: "why"},
		},
		Switches: []api.Switch{{
			Host: "h1", Status: api.Ready, OVSDB: api.Connection{Connected: true, Since: &at},
			OpenFlow: api.Connection{Problem: "refused", Since: &at},
			Rows:     []api.Row{{Table: "Port", Name: "tlm-1", Text: "on br0", State: "missing"}},
			Flows:    []api.SwitchFlow{{Text: "table=0", State: "stands"}},
		}},
	})

	require.Equal(t, `tap service ids is PENDING
  evil ?[2J
  id s1

PATH
  ok  source       any
        |          5 packets, 500 B
        |
  --  mirror       tl-1
        |          5 packets, 500 B, updated by Open vSwitch every 5 s

COUNTERS
  not read from the switches yet

CHECKS
  ok  it is enabled since 2026-11-01T12:00:00Z
  ..  a NIC is plugged: not yet
      none is

NEXT
  1. plug one
  2. wait

TAP FLOWS
  ok  good: ready, captured 0 (0 B), 0 p/s, 0 bit/s
  !!  bad: why

HOST h1
  status    ready
  OVSDB     connected since 2026-11-01T12:00:00Z
  OpenFlow  NOT CONNECTED since 2026-11-01T12:00:00Z: refused
  MISSING   Port tlm-1
            on br0
  stands    table=0
`, text)
}

func TestPlan(t *testing.T) {
	text := picture.Plan(api.Plan{
		Hosts: []api.PlannedHost{{Name: "h1", Items: []api.PlannedItem{
			{Action: "add", Kind: "port", Name: "tlm-1", Text: "type=patch",
				For: []string{"web", "db"}},
			{Action: "change", Kind: "flow", Name: "x", Text: "table=0,new", Was: "table=0,old"},
			{Action: "remove", Kind: "mirror", Name: "tl-1", Text: "on br0"},
		}}},
		Resources: []api.PlannedResource{
			{Kind: "tap_flow", Name: "new", Action: "create",
				After: api.Standing{Status: api.Ready}},
			{Kind: "tap_flow", Name: "old", Action: "delete",
				Before: api.Standing{Status: api.Error, Reason: "why"}},
			{Kind: "tap_service", Name: "ids", Before: api.Standing{Status: api.Disabled},
				After: api.Standing{Status: api.Ready}},
			{Kind: "guest", Name: "g", Action: "update"},
		},
	})
	require.Equal(t, `host h1
  + port    tlm-1  type=patch  (for web, db)
  ~ flow    table=0,new
    was     table=0,old
  - mirror  tl-1  on br0
tap-flow/new create: ready
tap-flow/old delete: was error: why
tap-service/ids: disabled -> ready
guest/g update
`, text)

	require.Equal(t, "no switch would be changed\n", picture.Plan(api.Plan{}))
}
