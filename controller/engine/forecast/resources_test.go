package forecast_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/engine/forecast"
	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// TestResources: groups, meters and the way in which fragments are matched are part of a forecast.
func TestResources(t *testing.T) {
	outlook := func(p *tap.Program) forecast.Outlook {
		p.Bridge.Name = "brtap"
		return forecast.Outlook{Hosts: map[string]forecast.Program{"h1": {Host: "h1", Program: p,
			Users: map[string][]string{"capture": {"web"}, "svc": {"web", "ids"}}}}}
	}
	meter := func(rate uint32) tap.MeterEntry {
		return tap.MeterEntry{Owner: "svc", Mod: openflow.MeterMod{ID: 7,
			Flags: openflow.MeterPktps | openflow.MeterBurst | openflow.MeterCount,
			Bands: []openflow.Band{{Kind: openflow.BandDrop, Rate: rate, BurstSize: 10}}}}
	}
	sample := tap.GroupEntry{Owner: "capture", Mod: openflow.GroupMod{ID: 9,
		Group: openflow.GroupTypeSelect, Buckets: []openflow.Bucket{
			{Weight: 1, Actions: []action.Action{
				action.Resubmit{InPort: openflow.PortInPort, Table: 8}}},
			{Weight: 3},
		}}}

	before := outlook(&tap.Program{Meters: []tap.MeterEntry{meter(100)}})
	after := outlook(&tap.Program{Meters: []tap.MeterEntry{meter(200)},
		Groups: []tap.GroupEntry{sample}, Bridge: tap.TapBridge{MatchFragments: true}})
	got := forecast.Compare(before, after)
	require.Len(t, got.Hosts, 1)
	items := got.Hosts[0].Items
	require.Len(t, items, 3)

	assert.Contains(t, items[0].Text, "frags=nx-match")
	assert.Equal(t, forecast.Item{Action: "change", Kind: "meter", Name: "7",
		Text: "meter=7,pktps,burst,stats,bands=type=drop,rate=200,burst_size=10",
		Was:  "meter=7,pktps,burst,stats,bands=type=drop,rate=100,burst_size=10",
		For:  []string{"ids", "web"}}, items[1])
	assert.Equal(t, forecast.Item{Action: "add", Kind: "group", Name: "9",
		Text: "group_id=9,type=select,bucket=weight:1,actions=resubmit(,8)," +
			"bucket=weight:3,actions=drop", For: []string{"web"}}, items[2])
}
